package mongo

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// Transactions of MongoDB see a snapshot and conflict when they write the same
// document; two that each read what the other writes would both succeed. So every
// change of an organization writes a document that stands for the organization,
// its guard. It has slots: a change that concerns nobody else writes one of them,
// which is a lock that many share; one that others' decisions rest on writes all,
// and so conflicts with every change that is under way.

// slots is how many documents the guard of an organization has.
const slots = 16

// markSlot is the number of the document that asks others to wait.
const markSlot = -1

// guardDoc is one slot as it is kept. What is counted in the organization lies in
// the slots too, so that one write does for both.
type guardDoc struct {
	ID     string           `bson:"_id"`
	Org    string           `bson:"o"`
	Slot   int              `bson:"s"`
	Writes int64            `bson:"n"`
	Known  map[string]int64 `bson:"y,omitempty"`     // of them, by those who write values in a form
	Totals map[string]int64 `bson:"t,omitempty"`     // running totals
	Counts map[string]int64 `bson:"c,omitempty"`     // resources of each type
	Kinds  []string         `bson:"k,omitempty"`     // of documents; slot 0 only
	Lists  string           `bson:"x,omitempty"`     // listings as JSON; slot of the server only
	Until  int64            `bson:"until,omitempty"` // of the mark
}

// guards are the slots of one organization as a snapshot has them, with what the
// transaction under way does to them.
type guards struct {
	org    directory.OrgID
	slots  []guardDoc
	kinds  map[directory.Kind]bool
	server map[directory.Kind]bool // kinds of server-wide documents
	lists  *record.Lists
	form   *record.Form
	until  int64 // somebody asks to wait until then

	lease   int // the slot that this transaction writes
	whole   bool
	touched map[int]bool
	totals  map[change]bool // changed totals and counts, by slot
	added   []directory.Kind
}

// change names one number of one slot.
type change struct {
	slot  int
	field string // "t." or "c." and the encoded name
}

func slotKey(org directory.OrgID, slot int) string {
	if slot == markSlot {
		return record.Key(org, "wait")
	}
	return record.Key(org, fmt.Sprintf("%02d", slot))
}

// serverSlot is the slot of the server.
func serverSlot() bson.D { return bson.D{{Key: "_id", Value: slotKey("", 0)}, {Key: "o", Value: ""}} }

// width is how many slots an organization has; the server has one.
func width(org directory.OrgID) int {
	if org == "" {
		return 1
	}
	return slots
}

// readGuards reads the slots of an organization and the kinds of the server.
func (s *Store) readGuards(ctx context.Context, org directory.OrgID) (*guards, error) {
	filter := serverSlot()
	if org != "" {
		ids := bson.A{slotKey(org, markSlot)}
		for i := range slots {
			ids = append(ids, slotKey(org, i))
		}
		filter = bson.D{{Key: "$or", Value: bson.A{filter, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, {Key: "o", Value: string(org)}}}}}
	}
	cursor, err := s.has.guard.Find(ctx, filter,
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetBatchSize(slots+3))
	if err != nil {
		return nil, err
	}
	var all []guardDoc
	if err := cursor.All(ctx, &all); err != nil {
		return nil, err
	}
	g := &guards{org: org, form: s.form, kinds: map[directory.Kind]bool{}, server: map[directory.Kind]bool{}, touched: map[int]bool{}, totals: map[change]bool{}}
	text := ""
	for _, doc := range all {
		switch {
		case doc.Slot == markSlot:
			g.until = doc.Until
			continue
		case doc.Org == string(org):
			g.slots = append(g.slots, doc)
			g.note(g.kinds, doc.Kinds)
		}
		if doc.Org == "" {
			g.note(g.server, doc.Kinds)
			text = doc.Lists
		}
	}
	g.lists, err = s.lists.Parse(text)
	return g, err
}

func (g *guards) note(have map[directory.Kind]bool, names []string) {
	for _, name := range names {
		have[directory.Kind(name)] = true
	}
}

// exists reports whether there is such an organization.
func (g *guards) exists() bool { return len(g.slots) == width(g.org) }

// sum is a running total: what all the slots hold of it.
func (g *guards) sum(name string) (n int64) {
	name = field(name)
	for _, s := range g.slots {
		n += s.Totals[name]
	}
	return n
}

// follows reports whether the guards hold every change that was seen, or are gone.
func (g *guards) follows(seen *guards) bool {
	for i, s := range seen.slots {
		if i < len(g.slots) && g.slots[i].Writes < s.Writes {
			return false
		}
	}
	return true
}

// Resources is how many resources of a type there are.
func (g *guards) Resources(kind string) (n int64) {
	kind = field(kind)
	for _, s := range g.slots {
		n += s.Counts[kind]
	}
	return n
}

// Foreign is how many changes there were by programs that do not write values in this
// program's form, since all records had them.
func (g *guards) Foreign() (n int64) {
	for _, s := range g.slots {
		n += s.Writes - s.Known[g.form.Name]
	}
	return n
}

// countResources adds to the number of resources of a type.
func (g *guards) countResources(kind string, by int64) {
	s := &g.slots[g.lease]
	if s.Counts == nil {
		s.Counts = map[string]int64{}
	}
	s.Counts[field(kind)] += by
	g.changed(g.lease, "c."+field(kind))
}

func (g *guards) changed(slot int, path string) {
	g.touched[slot] = true
	g.totals[change{slot, path}] = true
}

// models are the writes that bring the slots up to date. The number n changes in
// every case, since a write that changes nothing conflicts with nothing.
func (g *guards) models() (all []driver.WriteModel) {
	bump := bson.E{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}, {Key: "y." + g.form.Name, Value: 1}}}
	if g.whole {
		ids := bson.A{}
		for i := range g.slots {
			ids = append(ids, slotKey(g.org, i))
		}
		all = append(all, driver.NewUpdateManyModel().SetFilter(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, {Key: "o", Value: string(g.org)}}).SetUpdate(bson.D{bump}))
	} else if g.org != "" {
		g.touched[g.lease] = true
	}
	for i := range g.slots {
		if g.touched[i] || g.whole {
			g.prune(i)
		}
		if !g.touched[i] || g.whole && len(g.numbers(i)) == 0 {
			continue
		}
		slot, update := bson.D{{Key: "_id", Value: slotKey(g.org, i)}, {Key: "o", Value: string(g.org)}}, g.numbers(i)
		if g.whole { // of the same sort as the first, so that one command does for all
			all = append(all, driver.NewUpdateManyModel().SetFilter(slot).SetUpdate(update))
			continue
		}
		all = append(all, driver.NewUpdateOneModel().SetFilter(slot).SetUpdate(append(bson.D{bump}, update...)))
	}
	return all
}

// prune removes the totals of a slot that nobody asks for any more. Their names are
// as they are kept, which is the same to Lapsed.
func (g *guards) prune(slot int) {
	for name := range g.slots[slot].Totals {
		if directory.Lapsed(name, time.Now()) {
			delete(g.slots[slot].Totals, name)
			g.changed(slot, "t."+name)
		}
	}
}

// numbers are the changed totals of a slot; those that are zero go.
func (g *guards) numbers(slot int) bson.D {
	set, unset := bson.D{}, bson.D{}
	for c := range g.totals {
		if c.slot != slot {
			continue
		}
		have := g.slots[slot].Totals
		if c.field[0] == 'c' {
			have = g.slots[slot].Counts
		}
		if n := have[c.field[2:]]; n != 0 {
			set = append(set, bson.E{Key: c.field, Value: n})
		} else {
			unset = append(unset, bson.E{Key: c.field, Value: ""})
		}
	}
	update := bson.D{}
	if len(set) > 0 {
		update = append(update, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	if slot == 0 && len(g.added) > 0 {
		update = append(update, bson.E{Key: "$addToSet", Value: bson.D{{Key: "k", Value: bson.D{{Key: "$each", Value: g.added}}}}})
	}
	return update
}

// emptyGuards are the slots of a new organization.
func emptyGuards(org directory.OrgID) (all []any) {
	for i := range width(org) {
		all = append(all, guardDoc{ID: slotKey(org, i), Org: string(org), Slot: i})
	}
	return all
}

// guard makes the slots of a new organization.
func (s *Store) guard(ctx context.Context, org directory.OrgID) error {
	_, err := s.has.guard.InsertMany(ctx, emptyGuards(org))
	return err
}

// seed makes the slot of the server itself.
func (s *Store) seed(ctx context.Context) error {
	err := s.guard(ctx, "")
	if driver.IsDuplicateKeyError(err) {
		return nil
	}
	return failure.Busy(err)
}

// markFor is how long others wait for a change that needs all the slots.
const markFor = 2 * time.Second

// mark asks the other processes to let a change pass. It is only fairness: nothing
// goes wrong when nobody heeds it.
func (s *Store) mark(ctx context.Context, org directory.OrgID) {
	_, _ = s.has.guard.UpdateOne(ctx, bson.D{{Key: "_id", Value: slotKey(org, markSlot)}, {Key: "o", Value: string(org)}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "s", Value: markSlot}, {Key: "until", Value: time.Now().Add(markFor).UnixMilli()}}}}, options.UpdateOne().SetUpsert(true))
}

// unmark takes the wish back.
func (s *Store) unmark(ctx context.Context, org directory.OrgID) {
	_, _ = s.has.guard.DeleteOne(ctx, bson.D{{Key: "_id", Value: slotKey(org, markSlot)}, {Key: "o", Value: string(org)}})
}
