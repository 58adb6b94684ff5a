package mongo

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
)

// settled sends queued memberships before they are read.
func (r *reader) settled(ctx context.Context, org directory.OrgID) error {
	if err := r.begin(ctx, org); err != nil {
		return err
	}
	if r.tx != nil && len(r.tx.queue.edges) > 0 {
		return r.tx.flush(ctx)
	}
	return nil
}

// edges reads memberships, those of each member by their groups. The server is not asked
// for an order: it would look up each member of a page by itself then, and each look-up
// passes all entries of the index that were removed minutes ago, where one walk passes
// them once.
func (r *reader) edges(ctx context.Context, filter bson.D) (all []record.Edge, err error) {
	cursor, err := r.store.has.edge.Find(r.In(ctx), filter, options.Find().SetBatchSize(10_000))
	if err == nil {
		err = cursor.All(r.In(ctx), &all)
	}
	slices.SortFunc(all, func(a, b record.Edge) int { return strings.Compare(a.Group, b.Group) })
	return all, r.Fault(err)
}

// Saw remembers of a record whether it was ever a member of a group: of one that
// was not, the groups need not be looked up. Who becomes a member for the first time
// loses the mark in the same transaction, which so conflicts with whoever writes the
// record meanwhile.
func (r *reader) Saw(org directory.OrgID, d record.Resource) { r.free[record.Key(org, d.ID)] = d.Free }

// membersOf is the condition for the members of a group.
func membersOf(group directory.Ref) bson.D {
	return bson.D{{Key: "_id", Value: record.Below(record.Key(group.Org, group.ID))}, {Key: "o", Value: string(group.Org)}}
}

// Members walks the members of a group in the order in which they were created.
func (r *reader) Members(ctx context.Context, group directory.Ref) iter.Seq2[directory.Member, error] {
	return func(yield func(directory.Member, error) bool) {
		if err := r.settled(ctx, group.Org); err != nil {
			yield(directory.Member{}, err)
			return
		}
		cursor, err := r.store.has.edge.Find(r.In(ctx), membersOf(group), options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetProjection(record.Only("m", "mk")).SetBatchSize(5_000))
		if err != nil {
			yield(directory.Member{}, r.Fault(err))
			return
		}
		defer func() { _ = cursor.Close(r.In(ctx)) }() // nothing is lost with it
		for cursor.Next(r.In(ctx)) {
			var e record.Edge
			if err := cursor.Decode(&e); err != nil {
				yield(directory.Member{}, err)
				return
			}
			if _, known := r.store.opts.Registry.Type(e.Kind); known && !yield(directory.Member{ID: e.Member, Type: e.Kind}, nil) {
				return
			}
		}
		if err := cursor.Err(); err != nil {
			yield(directory.Member{}, r.Fault(err))
		}
	}
}

// Linked tells which ids are members of a group.
func (r *reader) Linked(ctx context.Context, group directory.Ref, ids []string) (map[string]bool, error) {
	if err := r.settled(ctx, group.Org); err != nil {
		return nil, err
	}
	linked := make(map[string]bool, len(ids))
	ask := bson.A{}
	for _, id := range ids {
		if isID(id) {
			ask = append(ask, record.Key(group.Org, group.ID, id))
		}
	}
	if len(ask) == 0 {
		return linked, nil
	}
	all, err := r.edges(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ask}}}, {Key: "o", Value: string(group.Org)}})
	for _, e := range all {
		linked[e.Member] = true
	}
	if err == nil && r.tx != nil {
		r.tx.unlinked(group, ids, linked)
	}
	return linked, err
}

// Groups lists the groups that each id is a direct member of.
func (r *reader) Groups(ctx context.Context, org directory.OrgID, ids []string) (map[string][]directory.Membership, error) {
	if err := r.settled(ctx, org); err != nil || len(ids) == 0 {
		return nil, err
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return r.free[record.Key(org, id)] })
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := r.edges(ctx, bson.D{{Key: "o", Value: string(org)}, {Key: "m", Value: bson.D{{Key: "$in", Value: ids}}}})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	names, err := r.groupNames(ctx, org, all)
	if err != nil {
		return nil, err
	}
	found := map[string][]directory.Membership{}
	for _, e := range all {
		if name, ok := names[e.Group]; ok {
			found[e.Member] = append(found[e.Member], directory.Membership{Group: e.Group, Display: name, Direct: true})
		}
	}
	return found, nil
}

// groupNames reads what the groups of some memberships are called.
func (r *reader) groupNames(ctx context.Context, org directory.OrgID, edges []record.Edge) (map[string]string, error) {
	names, ask := map[string]string{}, bson.A{}
	name := func(id string, body []byte) error {
		var group struct {
			DisplayName string `json:"displayName"`
		}
		err := json.Unmarshal(body, &group)
		names[id] = group.DisplayName
		return err
	}
	seen := map[string]bool{}
	for _, e := range edges {
		k := record.Key(org, e.Group)
		if seen[k] {
			continue
		}
		seen[k] = true
		if r.tx != nil {
			if res := r.tx.queue.resource(k); res != nil {
				if err := name(e.Group, res.Seal()); err != nil {
					return nil, err
				}
				continue
			}
		}
		ask = append(ask, k)
	}
	if len(ask) == 0 {
		return names, nil
	}
	cursor, err := r.store.has.resource.Find(r.In(ctx), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ask}}}, {Key: "o", Value: string(org)}},
		options.Find().SetProjection(record.Only("i", "b")).SetBatchSize(10_000))
	var all []record.Resource
	if err == nil {
		err = cursor.All(r.In(ctx), &all)
	}
	for _, d := range all {
		if err == nil {
			err = name(d.ID, d.Body)
		}
	}
	return names, r.Fault(err)
}

// isGroup reports whether resources of a type have members.
func (r *reader) isGroup(kind string) bool {
	rt, ok := r.store.opts.Registry.Type(kind)
	if !ok {
		return false
	}
	for _, a := range rt.Roots() {
		if a.Edge && a.Mutability != scim.ReadOnly {
			return true
		}
	}
	return false
}

// Link changes the members of a group. A group in a group concerns the members of
// both, and what is decided about them.
func (t *tx) Link(ctx context.Context, group directory.Ref, d directory.EdgeDelta) error {
	g, err := t.must(ctx, group.Org)
	if err != nil {
		return err
	}
	add, err := t.typed(ctx, group.Org, d.Add)
	if err != nil {
		return err
	}
	for _, m := range add {
		if t.isGroup(m.Type) {
			if err := t.exclude(g); err != nil {
				return err
			}
		}
	}
	t.wrote = true
	if d.Clear {
		t.queue.edges = append(t.queue.edges, driver.NewDeleteManyModel().SetFilter(membersOf(group)))
	}
	var gone bson.A
	for _, id := range d.Remove {
		gone = append(gone, record.Key(group.Org, group.ID, id))
	}
	if len(gone) > 0 {
		t.queue.edges = append(t.queue.edges, driver.NewDeleteManyModel().SetFilter(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: gone}}}, {Key: "o", Value: string(group.Org)}}))
	}
	return t.join(ctx, group, add)
}

// many is how many members are looked up before they are added.
const many = 20

// join queues new members. Those that are not members yet are inserted: a write that
// first looks for one would pass, each time, what was removed from the index minutes ago.
func (t *tx) join(ctx context.Context, group directory.Ref, add []directory.Member) error {
	key := func(m directory.Member) string { return record.Key(group.Org, group.ID, m.ID) }
	var unsure []string
	for _, m := range add {
		if !t.apart[key(m)] {
			unsure = append(unsure, m.ID)
		}
	}
	if len(unsure) >= many {
		if _, err := t.Linked(ctx, group, unsure); err != nil {
			return err
		}
	}
	first := bson.A{}
	for _, m := range add {
		k := record.Key(group.Org, m.ID)
		if free, seen := t.free[k]; free || !seen {
			first = append(first, k)
			t.free[k] = false
		}
		e := record.Edge{Key: key(m), Org: string(group.Org), Group: group.ID, Member: m.ID, Kind: m.Type}
		if t.apart[e.Key] {
			delete(t.apart, e.Key)
			t.queue.edges = append(t.queue.edges, driver.NewInsertOneModel().SetDocument(e))
			continue
		}
		t.queue.edges = append(t.queue.edges, driver.NewUpdateOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: e.Key}, {Key: "o", Value: e.Org}}).
			SetUpdate(bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "g", Value: e.Group}, {Key: "m", Value: e.Member}, {Key: "mk", Value: e.Kind}}}}))
	}
	if len(first) > 0 {
		t.queue.joins = append(t.queue.joins, driver.NewUpdateManyModel().SetUpdate(bson.D{{Key: "$unset", Value: bson.D{{Key: "f", Value: ""}}}}).
			SetFilter(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: first}}}, {Key: "o", Value: string(group.Org)}, {Key: "f", Value: true}}))
	}
	return nil
}

// unlinked remembers which of some ids are no members, until they are added.
func (t *tx) unlinked(group directory.Ref, ids []string, linked map[string]bool) {
	for _, id := range ids {
		if isID(id) && !linked[id] {
			t.apart[record.Key(group.Org, group.ID, id)] = true
		}
	}
}

// typed looks up the types of members that come without; those that do not exist
// are dropped.
func (t *tx) typed(ctx context.Context, org directory.OrgID, members []directory.Member) ([]directory.Member, error) {
	var ask []string
	for _, m := range members {
		if m.Type == "" {
			ask = append(ask, m.ID)
		}
	}
	if len(ask) == 0 {
		return members, nil
	}
	found, err := t.Kinds(ctx, org, ask)
	var all []directory.Member
	for _, m := range members {
		if m.Type == "" {
			m.Type = found[m.ID]
		}
		if m.Type != "" {
			all = append(all, m)
		}
	}
	return all, err
}

// unlinkAll ends the memberships of a resource on both sides, at once.
func (t *tx) unlinkAll(ctx context.Context, org directory.OrgID, r *scim.Resource) error {
	if t.isGroup(r.Type.Name) {
		if _, err := t.store.has.edge.DeleteMany(t.In(ctx), membersOf(directory.Ref{Org: org, Type: r.Type, ID: r.ID})); err != nil {
			return t.Fault(err)
		}
	}
	if t.free[record.Key(org, r.ID)] {
		return nil
	}
	in, err := t.edges(ctx, bson.D{{Key: "o", Value: string(org)}, {Key: "m", Value: r.ID}})
	if err != nil || len(in) == 0 {
		return err
	}
	groups, edges := bson.A{}, bson.A{}
	for _, e := range in {
		groups, edges = append(groups, record.Key(org, e.Group)), append(edges, e.Key)
	}
	those := func(keys bson.A) bson.D {
		return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: keys}}}, {Key: "o", Value: string(org)}}
	}
	if _, err := t.store.has.resource.UpdateMany(t.In(ctx), those(groups), bson.D{{Key: "$inc", Value: bson.D{{Key: "v", Value: int64(1)}}}}); err != nil {
		return t.Fault(err)
	}
	_, err = t.store.has.edge.DeleteMany(t.In(ctx), those(edges))
	return t.Fault(err)
}
