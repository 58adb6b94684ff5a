package mongo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
)

// errAgain ends an attempt that is to be made once more.
var errAgain = errors.New("the change must be tried again")

// attempts is one change over all its attempts.
type attempts struct {
	store *Store
	fn    func(directory.Tx) error
	tries int
	whole bool            // it needs all the slots of its organization
	sure  bool            // it looks up what it took for granted at first
	org   directory.OrgID // the first it asked for
	mine  bool            // it has asked others to wait
	stood time.Duration   // how long it has waited for others
}

// Update calls fn with a transaction and returns after its commit is durable on a
// majority. Conflicts with other changes run fn again, until the time is over.
func (s *Store) Update(ctx context.Context, fn func(directory.Tx) error) error {
	if s.isClosed() {
		return directory.ErrClosed
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 3*s.opts.Timeout)
	defer cancel()
	a := &attempts{store: s, fn: fn}
	defer func() {
		if a.mine {
			s.unmark(context.WithoutCancel(ctx), a.org)
		}
	}()
	for {
		a.tries++
		err := a.once(ctx)
		if !errors.Is(err, errAgain) {
			if err == nil {
				s.opts.OnCommit(a.tries, time.Since(began))
			}
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: other changes were in the way for too long", directory.ErrBusy)
		}
	}
}

// pause waits before the next attempt after a conflict: longer each time, and by
// chance, so that two do not meet again.
func (a *attempts) pause(ctx context.Context) {
	if a.whole && a.org != "" && a.tries > 1 {
		a.mine = true
		a.store.mark(ctx, a.org)
	}
	most := min(time.Millisecond<<min(a.tries, 7), 100*time.Millisecond)
	sleep(ctx, rand.N(most))
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// once is one attempt. errAgain asks for another.
func (a *attempts) once(ctx context.Context) error {
	sess, err := a.store.client.StartSession()
	if err != nil {
		return failure.Busy(err)
	}
	defer sess.EndSession(context.WithoutCancel(ctx))
	if err := sess.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot())); err != nil {
		return failure.Busy(err)
	}
	t := newTx(a, sess)
	defer t.leave()
	err = t.run(ctx, a.fn)
	if t.unsure() {
		a.sure, t.again = true, true
	}
	if err == nil && !t.again && t.err == nil {
		err = t.finish(ctx)
	}
	if err == nil && t.err == nil && !t.again {
		if !t.wrote {
			a.abort(ctx, sess)
			return a.settled(ctx, t)
		}
		err = a.commit(ctx, sess, t)
		if !errors.Is(err, errAgain) {
			return err
		}
		t.conflict = true
	} else {
		a.abort(ctx, sess)
	}
	t.leave()
	if !t.conflict && !t.again {
		if e := a.settled(ctx, t); e != nil {
			return e
		}
	}
	switch {
	case t.conflict:
		a.pause(ctx)
		return errAgain
	case t.again:
		return errAgain
	case t.err != nil:
		return t.err
	}
	return err
}

// settled waits until a majority has what a transaction saw that was given up: a
// refusal must not rest on what may yet be lost, or what others do not see yet (R4).
// That the session is consistent is not enough: for a moment the server shows what was
// just committed before it counts that as its latest. But every change writes a slot.
func (a *attempts) settled(ctx context.Context, t *tx) error {
	ctx = driver.NewSessionContext(ctx, t.sess)
	if len(t.read) == 0 {
		err := a.store.has.setting.FindOne(ctx, bson.D{{Key: "_id", Value: "none"}}).Err()
		if errors.Is(err, driver.ErrNoDocuments) {
			return nil
		}
		return failure.Busy(err)
	}
	for org, seen := range t.read {
		for {
			now, err := a.store.readGuards(ctx, org)
			if err != nil {
				return failure.Busy(err)
			}
			if now.follows(seen) {
				break
			}
			sleep(ctx, time.Millisecond)
		}
	}
	return nil
}

// abort ends a transaction that leaves nothing. The server ends it by itself when
// it is not told.
func (a *attempts) abort(ctx context.Context, sess *driver.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = sess.AbortTransaction(ctx)
}

// run calls fn; a panic is its error.
func (t *tx) run(ctx context.Context, fn func(directory.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return failure.Busy(err)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(t)
}

// commit makes the transaction durable. Whoever asked may be gone by now: what has
// come this far is not abandoned.
func (a *attempts) commit(ctx context.Context, sess *driver.Session, t *tx) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.store.opts.Timeout)
	defer cancel()
	for {
		err := sess.CommitTransaction(ctx)
		switch {
		case err == nil:
			return nil
		case failure.Labelled(err, failure.Transient) && !failure.Labelled(err, failure.Unknown):
			return errAgain
		case failure.Labelled(err, failure.Unknown) && ctx.Err() == nil:
			sleep(ctx, 10*time.Millisecond)
			continue
		}
		return a.verdict(ctx, t, err)
	}
}

// verdict looks whether a transaction was committed whose answer never came: by its
// first event.
func (a *attempts) verdict(ctx context.Context, t *tx, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.store.opts.Timeout/2)
	defer cancel()
	if t.witness != nil {
		err := a.store.has.event.FindOne(ctx, t.witness).Err()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: it is not known whether the change was kept: %w", directory.ErrBusy, cause)
}
