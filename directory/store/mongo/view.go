package mongo

import (
	"context"
	"fmt"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/search"
	"github.com/usher-scim/usher/scim"
)

// reader is a directory.Reader over one snapshot, or over a transaction.
type reader struct {
	store *Store
	sess  *driver.Session
	tx    *tx                          // nil for a view
	read  map[directory.OrgID]*guards  // what was read of the guards
	asked map[directory.OrgID]struct{} // whose documents were asked for
	free  map[string]bool              // by key: whether what was seen was never in a group
}

// View calls fn with a snapshot of what a majority has. One question costs one
// round trip.
func (s *Store) View(ctx context.Context, fn func(directory.Reader) error) error {
	if s.isClosed() {
		return directory.ErrClosed
	}
	sess, err := s.client.StartSession(options.Session().SetSnapshot(true))
	if err != nil {
		return failure.Busy(err)
	}
	defer sess.EndSession(context.WithoutCancel(ctx))
	return fn(&reader{store: s, sess: sess, read: map[directory.OrgID]*guards{}, asked: map[directory.OrgID]struct{}{}, free: map[string]bool{}})
}

// In is the context of a command of this snapshot. A command of a transaction is
// not given up when whoever asked is gone: the server might begin with it after it
// was told to forget the transaction. The time that a command may take bounds it.
func (r *reader) In(ctx context.Context) context.Context {
	if r.tx != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return driver.NewSessionContext(ctx, r.sess)
}

// Fault is the error of a command. In a transaction it ends the attempt.
func (r *reader) Fault(err error) error {
	if err == nil {
		return nil
	}
	if r.tx != nil && failure.Labelled(err, failure.Transient) {
		r.tx.conflict = true
	}
	return failure.Busy(err)
}

// guards are the slots of an organization, read once. A transaction takes its slot
// before it reads anything else.
func (r *reader) guards(ctx context.Context, org directory.OrgID) (*guards, error) {
	if g, ok := r.read[org]; ok {
		return g, nil
	}
	if r.tx != nil {
		if err := r.tx.enter(ctx, org); err != nil {
			return nil, err
		}
	}
	g, err := r.store.readGuards(r.In(ctx), org)
	if err != nil {
		return nil, r.Fault(err)
	}
	r.read[org] = g
	if r.tx != nil {
		return g, r.tx.entered(ctx, g)
	}
	return g, nil
}

// Numbers are what is counted in the guards of an organization.
func (r *reader) Numbers(ctx context.Context, org directory.OrgID) (search.Numbers, error) {
	return r.guards(ctx, org)
}

// begin is called before a transaction reads or writes anything of an organization.
func (r *reader) begin(ctx context.Context, org directory.OrgID) error {
	if r.tx == nil || org == "" {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return failure.Busy(err)
	}
	_, err := r.guards(ctx, org)
	return err
}

// Type is the resource type of that name.
func (r *reader) Type(name string) (*scim.ResourceType, error) {
	rt, ok := r.store.opts.Registry.Type(name)
	if !ok {
		return nil, fmt.Errorf("the store was opened without the resource type %s", name)
	}
	return rt, nil
}
