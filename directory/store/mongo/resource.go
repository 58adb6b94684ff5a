package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
)

// kind is what the store knows of the type; types that are not in the registry are
// a programmer's error.
func (s *Store) kind(rt *scim.ResourceType) (*record.Kind, error) {
	if k, ok := s.kinds[rt]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("resource type %s is not one the store was opened with", rt.Name)
}

// isID reports whether a text is the canonical form of an id, and no other.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// Get reads one resource.
func (r *reader) Get(ctx context.Context, ref directory.Ref) (*scim.Resource, error) {
	k, err := r.store.kind(ref.Type)
	if err != nil {
		return nil, err
	}
	if !isID(ref.ID) {
		return nil, directory.ErrNotFound
	}
	if err := r.begin(ctx, ref.Org); err != nil {
		return nil, err
	}
	if r.tx != nil {
		if res := r.tx.queue.resource(record.Key(ref.Org, ref.ID)); res != nil && res.Type == ref.Type {
			return res, nil
		}
	}
	var d record.Resource
	err = r.store.has.resource.FindOne(r.In(ctx), bson.D{{Key: "_id", Value: record.Key(ref.Org, ref.ID)}, {Key: "o", Value: string(ref.Org)}, {Key: "k", Value: k.Type.Name}},
		options.FindOne().SetProjection(record.Bare)).Decode(&d)
	if errors.Is(err, driver.ErrNoDocuments) {
		return nil, directory.ErrNotFound
	}
	if err != nil {
		return nil, r.Fault(err)
	}
	r.Saw(ref.Org, d)
	return d.Of(k.Type), nil
}

// Owner finds who holds a unique value. A change takes a value for free at first:
// its claim is made when the resource is written, and if that is refused, or the
// value is not written after all, the change is made again and looks.
func (r *reader) Owner(ctx context.Context, u directory.UniqueKey) (string, error) {
	k, err := r.store.kind(u.Type)
	if err != nil {
		return "", err
	}
	if err := r.begin(ctx, u.Org); err != nil {
		return "", err
	}
	value := u.Attr.Path() + record.Separator + u.Key
	if r.tx != nil {
		for _, w := range r.tx.queue.resources {
			if w.res.Type == u.Type && w.doc.Org == string(u.Org) && slices.Contains(w.takes, value) {
				return w.res.ID, nil
			}
		}
		if !r.tx.attempt.sure {
			r.tx.assumed[string(u.Org)+record.Separator+k.Type.Name+record.Separator+value] = true
			return "", directory.ErrNotFound
		}
		if err := r.tx.flush(ctx); err != nil {
			return "", err
		}
	}
	var d record.Claim
	err = r.store.has.claim.FindOne(r.In(ctx), bson.D{{Key: "_id", Value: record.Key(u.Org, k.Type.Name, value)}, {Key: "o", Value: string(u.Org)}}).Decode(&d)
	if errors.Is(err, driver.ErrNoDocuments) {
		return "", directory.ErrNotFound
	}
	return d.ID, r.Fault(err)
}

// Kinds tells the types of those ids that exist.
func (r *reader) Kinds(ctx context.Context, org directory.OrgID, ids []string) (map[string]string, error) {
	if err := r.begin(ctx, org); err != nil {
		return nil, err
	}
	found := make(map[string]string, len(ids))
	var ask bson.A
	for _, id := range ids {
		if !isID(id) {
			continue
		}
		if r.tx != nil {
			if res := r.tx.queue.resource(record.Key(org, id)); res != nil {
				found[id] = res.Type.Name
				continue
			}
		}
		ask = append(ask, record.Key(org, id))
	}
	if len(ask) == 0 {
		return found, nil
	}
	cursor, err := r.store.has.resource.Find(r.In(ctx), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ask}}}, {Key: "o", Value: string(org)}},
		options.Find().SetProjection(record.Only("i", "k", "f")).SetBatchSize(10_000))
	var all []record.Resource
	if err == nil {
		err = cursor.All(r.In(ctx), &all)
	}
	for _, d := range all {
		r.Saw(org, d)
		if _, known := r.store.opts.Registry.Type(d.Kind); known {
			found[d.ID] = d.Kind
		}
	}
	return found, r.Fault(err)
}

// Find answers a query.
func (r *reader) Find(ctx context.Context, q directory.Query) (p directory.Page, err error) {
	k, err := r.store.kind(q.Type)
	if err != nil {
		return p, err
	}
	if err := r.settled(ctx, q.Org); err != nil {
		return p, err
	}
	if r.tx != nil && len(r.tx.queue.resources) > 0 {
		if err := r.tx.flush(ctx); err != nil {
			return p, err
		}
	}
	return r.store.records.Find(ctx, r, k, q)
}
