package mongo

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/journal"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
)

// tx is a directory.Tx: one attempt of a change. What it writes waits in a queue
// until it is read again or the change is done, and is then sent together.
type tx struct {
	reader
	attempt *attempts
	gate    *gate
	lease   int
	whole   bool // of the gate

	queue   queue
	wrote   bool
	witness bson.D // an event that is there if the transaction is
	last    int64  // place of the last event
	assumed map[string]bool
	given   map[string]bool // unique values that were written
	apart   map[string]bool // memberships that were looked up, are not there, and were not added

	conflict bool  // with another change: try again
	again    bool  // try again without waiting
	err      error // what a write that was sent came to
}

func newTx(a *attempts, sess *driver.Session) *tx {
	t := &tx{attempt: a, assumed: map[string]bool{}, given: map[string]bool{}, apart: map[string]bool{}}
	t.reader = reader{store: a.store, sess: sess, tx: t, read: map[directory.OrgID]*guards{}, asked: map[directory.OrgID]struct{}{}, free: map[string]bool{}}
	t.queue.reset()
	return t
}

// enter takes a slot of the first organization that is asked for. A transaction
// over several does not wait for the others' slots: it might wait for ever.
func (t *tx) enter(ctx context.Context, org directory.OrgID) error {
	if org == "" || t.gate != nil {
		return nil
	}
	gate := t.store.gateOf(org)
	lease, err := gate.enter(ctx, t.attempt.whole)
	if err != nil {
		return failure.Busy(err)
	}
	t.attempt.org, t.gate, t.lease, t.whole = org, gate, lease, t.attempt.whole
	return nil
}

// mostStood is how long a change waits altogether for others that asked for it.
const mostStood = 500 * time.Millisecond

// entered gives the guards their slot. While another process asks others to wait,
// the attempt ends and begins again a little later.
func (t *tx) entered(ctx context.Context, g *guards) error {
	switch {
	case g.org == "":
		return nil
	case g.org == t.attempt.org:
		g.lease, g.whole = t.lease, t.whole
	default:
		g.lease, g.whole = rand.IntN(slots), t.attempt.whole
	}
	if g.until > time.Now().UnixMilli() && !t.attempt.mine && t.attempt.stood < mostStood {
		t.leave()
		d := 10*time.Millisecond + rand.N(10*time.Millisecond)
		t.attempt.stood += d
		sleep(ctx, d)
		return t.retry()
	}
	return nil
}

// retry ends the attempt, whatever fn makes of the error.
func (t *tx) retry() error {
	t.again = true
	return errAgain
}

// leave gives the slot back.
func (t *tx) leave() {
	if t.gate != nil {
		t.gate.leave(t.lease, t.whole, t.conflict)
		t.gate = nil
	}
}

// exclude makes the change one that no other of the organization may run beside.
func (t *tx) exclude(g *guards) error {
	if g.whole || g.org == "" {
		return nil
	}
	t.attempt.whole = true
	if g.org == t.attempt.org {
		if !t.gate.upgrade() {
			return t.retry()
		}
		t.whole = true
	}
	g.whole = true
	return nil
}

// must is the guards of an organization that exists.
func (t *tx) must(ctx context.Context, org directory.OrgID) (*guards, error) {
	g, err := t.guards(ctx, org)
	if err == nil && !g.exists() {
		err = directory.ErrNotFound
	}
	return g, err
}

// unsure reports whether the attempt took a value for free without looking, and
// has not written it: only the write would have told.
func (t *tx) unsure() bool {
	for key := range t.assumed {
		if !t.given[key] {
			return true
		}
	}
	return false
}

// Put writes a resource.
func (t *tx) Put(ctx context.Context, org directory.OrgID, before, after *scim.Resource) error {
	k, err := t.store.kind(after.Type)
	if err != nil {
		return err
	}
	g, err := t.must(ctx, org)
	if err != nil {
		return err
	}
	if !isID(after.ID) || org == "" {
		return directory.ErrNotFound
	}
	if directory.Weighs(before, after) {
		if err := t.exclude(g); err != nil {
			return err
		}
	}
	t.wrote = true
	is := g.lists.Of[k.Type]
	w := resourceWrite{key: record.Key(org, after.ID), doc: is.Document(org, after), res: after, takes: is.Claims(after)}
	t.gives(org, w)
	if before == nil {
		g.countResources(k.Type.Name, 1)
		t.free[w.key] = true
	} else {
		if err := before.Load(); err != nil {
			return err
		}
		w.was, w.had, w.unknown = before.Version, is.Claims(before), is.Unknown
	}
	w.doc.Free = t.free[w.key]
	if !t.queue.put(w) {
		if err := t.flush(ctx); err != nil {
			return err
		}
		t.queue.put(w)
	}
	return nil
}

// gives notes the unique values that are written.
func (t *tx) gives(org directory.OrgID, w resourceWrite) {
	for _, u := range w.takes {
		t.given[string(org)+record.Separator+w.doc.Kind+record.Separator+u] = true
	}
}

// Delete removes a resource, its keys and its memberships. Groups that lose it as
// a member are at a new version.
func (t *tx) Delete(ctx context.Context, org directory.OrgID, before *scim.Resource) error {
	k, err := t.store.kind(before.Type)
	if err != nil {
		return err
	}
	g, err := t.must(ctx, org)
	if err != nil {
		return err
	}
	if err := t.exclude(g); err != nil {
		return err
	}
	t.wrote = true
	if err := t.flush(ctx); err != nil {
		return err
	}
	g.countResources(k.Type.Name, -1)
	if err := before.Load(); err != nil {
		return err
	}
	if err := t.sendDelete(ctx, org, before, g.lists.Of[k.Type]); err != nil {
		return err
	}
	return t.unlinkAll(ctx, org, before)
}

// PutDocument writes a document and what it is found by.
func (t *tx) PutDocument(ctx context.Context, d, before directory.Document) error {
	if err := t.keep(ctx, d.Org, d.Kind, before.Version == 0); err != nil {
		return err
	}
	w := documentWrite{key: documentKey(d.Org, d.Kind, d.ID), doc: d, was: before.Version}
	if !t.queue.putDocument(w) {
		if err := t.flush(ctx); err != nil {
			return err
		}
		t.queue.putDocument(w)
	}
	return nil
}

// DeleteDocument removes a document that was read.
func (t *tx) DeleteDocument(ctx context.Context, before directory.Document) error {
	if err := t.keep(ctx, before.Org, before.Kind, false); err != nil {
		return err
	}
	w := documentWrite{key: documentKey(before.Org, before.Kind, before.ID), doc: before, was: before.Version, gone: true}
	if before.Version == 0 {
		return directory.ErrVersion
	}
	if !t.queue.putDocument(w) {
		if err := t.flush(ctx); err != nil {
			return err
		}
		t.queue.putDocument(w)
	}
	return nil
}

// light are the kinds of documents that no decision about somebody else rests on:
// each concerns one request or one person, whose record is written beside it or
// who has one such document, and its own version settles who comes first. Writing
// them does not hold up the other changes of the organization.
var light = []directory.Kind{"idempotency", "plan", "reset", "departure", "case", "schedule", "waiting", "invitation", "consent"}

// keep prepares for the writing of a document.
func (t *tx) keep(ctx context.Context, org directory.OrgID, kind directory.Kind, create bool) error {
	g, err := t.must(ctx, org)
	if err != nil {
		return err
	}
	t.wrote = true
	if create && !g.kinds[kind] {
		if err := t.exclude(g); err != nil {
			return err
		}
		g.kinds[kind] = true
		g.added = append(g.added, kind)
		g.touched[0] = true
		return nil
	}
	if slices.Contains(light, kind) {
		return nil
	}
	return t.exclude(g)
}

// Alone makes the change write all the slots of the organization.
func (t *tx) Alone(ctx context.Context, org directory.OrgID) error {
	g, err := t.must(ctx, org)
	if err != nil {
		return err
	}
	return t.exclude(g)
}

// Emit appends events to the audit log and the outbox.
func (t *tx) Emit(ctx context.Context, events ...directory.Event) error {
	return t.append(ctx, events, true)
}

// Record appends events to the audit log alone, where they were in another store.
func (t *tx) Record(ctx context.Context, events ...directory.Event) error {
	return t.append(ctx, events, false)
}

func (t *tx) append(ctx context.Context, events []directory.Event, due bool) error {
	for _, e := range events {
		if err := t.begin(ctx, e.Org); err != nil {
			return err
		}
		doc, err := journal.EventOf(e)
		if err != nil {
			return err
		}
		if !due {
			doc.Due = nil
		}
		doc.Place = max(doc.Place, t.last+1)
		t.last, t.wrote = doc.Place, true
		if t.witness == nil {
			t.witness = bson.D{{Key: "_id", Value: doc.ID}, {Key: "o", Value: doc.Org}}
		}
		t.queue.events = append(t.queue.events, doc)
	}
	return nil
}
