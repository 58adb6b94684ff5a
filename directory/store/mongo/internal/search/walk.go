package search

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// row is a resource that matches: where it stands in the order, and the resource
// itself while few are held.
type row struct {
	key, id string
	res     *scim.Resource
}

// held bounds the resources kept for the page while others are looked at.
const held = 256

// atOnce is how many candidates are judged together.
const atOnce = 500

// walk reads the candidates, asks the predicate about each, orders what is left and
// cuts the page out.
func (s *search) walk(ctx context.Context, q directory.Query, l lowered) (p directory.Page, err error) {
	var rows []row
	batch := make([]*scim.Resource, 0, atOnce)
	judge := func() error {
		kept, err := s.judge(ctx, q.Filter, l.exact, batch)
		for _, res := range kept {
			one := row{id: res.ID}
			if q.SortBy != nil {
				one.key = res.SortKey(q.SortBy)
			}
			if len(rows) < held {
				one.res = res
			}
			rows = append(rows, one)
		}
		batch = batch[:0]
		return err
	}
	o := options.Find().SetProjection(record.Bare)
	if l.hint != "" {
		o.SetHint(l.hint)
	}
	cursor, err := s.Resource.Find(s.In(ctx), l.cond, o)
	if err != nil {
		return p, s.Fault(err)
	}
	defer func() { _ = cursor.Close(s.In(ctx)) }() // nothing is lost with it
	for cursor.Next(s.In(ctx)) {
		var d record.Resource
		if err := cursor.Decode(&d); err != nil {
			return p, err
		}
		s.Saw(q.Org, d)
		res := d.Of(s.k.Type)
		if err := res.Load(); err != nil {
			return p, err
		}
		if batch = append(batch, res); len(batch) == atOnce {
			if err := judge(); err != nil {
				return p, err
			}
		}
	}
	if err := cursor.Err(); err != nil {
		return p, s.Fault(err)
	}
	if err := judge(); err != nil {
		return p, err
	}
	slices.SortFunc(rows, func(a, b row) int { return compareRows(a, b, q.Descending) })
	return s.cut(ctx, q, rows)
}

func compareRows(a, b row, descending bool) int {
	if c := scim.CompareSortKeys(a.key, b.key, descending); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// judge keeps the resources that fulfil the filter.
func (s *search) judge(ctx context.Context, f *filter.Filter, exact bool, batch []*scim.Resource) ([]*scim.Resource, error) {
	if f == nil || exact {
		return batch, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: the query took too long: %w", directory.ErrBusy, ctx.Err())
	}
	if !f.UsesEdges() {
		return slices.DeleteFunc(batch, func(r *scim.Resource) bool { return !f.Match(r) }), nil
	}
	known, err := s.memberships(ctx, batch)
	if err != nil {
		return nil, err
	}
	var kept []*scim.Resource
	for _, res := range batch {
		full, err := directory.WithEdgesFor(ctx, known, s.org, res, f)
		if err != nil {
			return nil, err
		}
		if f.Match(full) {
			kept = append(kept, res)
		}
	}
	return kept, nil
}

// foreseen answers for the groups of many resources that were read together.
type foreseen struct {
	Snapshot
	groups map[string][]directory.Membership
}

func (s *search) memberships(ctx context.Context, batch []*scim.Resource) (directory.Memberships, error) {
	known := foreseen{s.Snapshot, map[string][]directory.Membership{}}
	for ids := idsOf(batch); len(ids) > 0; {
		found, err := s.Groups(ctx, s.org, ids)
		if err != nil {
			return nil, err
		}
		var above []string
		for _, id := range ids {
			known.groups[id] = found[id]
			for _, m := range found[id] {
				if _, met := known.groups[m.Group]; !met && !slices.Contains(above, m.Group) {
					above = append(above, m.Group)
				}
			}
		}
		ids = above
	}
	return known, nil
}

func idsOf(batch []*scim.Resource) (ids []string) {
	for _, r := range batch {
		ids = append(ids, r.ID)
	}
	return ids
}

// Groups answers from what was read.
func (f foreseen) Groups(_ context.Context, _ directory.OrgID, ids []string) (map[string][]directory.Membership, error) {
	found := map[string][]directory.Membership{}
	for _, id := range ids {
		if all := f.groups[id]; len(all) > 0 {
			found[id] = slices.Clone(all)
		}
	}
	return found, nil
}

// cut takes the page out of the ordered rows.
func (s *search) cut(ctx context.Context, q directory.Query, rows []row) (p directory.Page, err error) {
	p.Total = len(rows)
	from, to := window(q, rows)
	if from >= to {
		p.Prior = from > 0 && len(rows) > 0
		return p, nil
	}
	if p.Resources, err = s.resources(ctx, rows[from:to]); err != nil {
		return p, err
	}
	p.First, p.Last = position(rows[from].key, rows[from].id), position(rows[to-1].key, rows[to-1].id)
	p.Prior, p.More = from > 0, to < len(rows)
	return p, nil
}

// window is the part of the rows that the page shows.
func window(q directory.Query, rows []row) (from, to int) {
	at := func(p directory.Position, after bool) int {
		key, id := place(p)
		i, found := slices.BinarySearchFunc(rows, row{key: key, id: id}, func(a, b row) int { return compareRows(a, b, q.Descending) })
		if found && after {
			i++
		}
		return i
	}
	switch {
	case q.Before != nil:
		to = at(q.Before, false)
		return max(0, to-q.Count), to
	case q.After != nil:
		from = at(q.After, true)
	default:
		from = max(0, q.Start-1)
	}
	from = min(from, len(rows))
	return from, min(from+q.Count, len(rows))
}

// resources are those of some rows; what is not held is read.
func (s *search) resources(ctx context.Context, rows []row) ([]*scim.Resource, error) {
	ask := bson.A{}
	for _, one := range rows {
		if one.res == nil {
			ask = append(ask, record.Key(s.org, one.id))
		}
	}
	read := map[string]*scim.Resource{}
	if len(ask) > 0 {
		cursor, err := s.Resource.Find(s.In(ctx), s.within(bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: ask}}}), options.Find().SetProjection(record.Bare).SetHint("_id_"))
		var docs []record.Resource
		if err == nil {
			err = cursor.All(s.In(ctx), &docs)
		}
		if err != nil {
			return nil, s.Fault(err)
		}
		for _, d := range docs {
			s.Saw(s.org, d)
			read[d.ID] = d.Of(s.k.Type)
		}
	}
	all := make([]*scim.Resource, 0, len(rows))
	for _, one := range rows {
		if one.res == nil {
			one.res = read[one.id]
		}
		all = append(all, one.res)
	}
	return all, nil
}
