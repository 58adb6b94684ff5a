package mongo

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/usher-scim/usher/directory"
)

// Tally reads a running total, with what the transaction under way adds to it.
func (r *reader) Tally(ctx context.Context, org directory.OrgID, name string) (int64, error) {
	g, err := r.guards(ctx, org)
	if err != nil {
		return 0, err
	}
	return g.sum(name), nil
}

// Contents lists kinds and totals.
func (r *reader) Contents(ctx context.Context, org directory.OrgID) (c directory.Contents, err error) {
	g, err := r.guards(ctx, org)
	if err != nil {
		return c, err
	}
	if !g.exists() {
		return c, directory.ErrNotFound
	}
	for kind := range g.kinds {
		c.Kinds = append(c.Kinds, kind)
	}
	slices.Sort(c.Kinds)
	c.Totals = map[string]int64{}
	for _, s := range g.slots {
		for name, n := range s.Totals {
			if c.Totals[unfield(name)] += n; c.Totals[unfield(name)] == 0 {
				delete(c.Totals, unfield(name))
			}
		}
	}
	return c, nil
}

// Count changes a running total. Under a limit each slot may hold only its share,
// so the sum cannot rise above it however many changes are under way; and while
// the sum is below the limit, some slot is below its share.
func (t *tx) Count(ctx context.Context, org directory.OrgID, name string, by, most int64) error {
	g, err := t.guards(ctx, org)
	if err != nil {
		return err
	}
	if !g.exists() {
		return directory.ErrNotFound
	}
	if by > 0 && most >= 0 && g.sum(name)+by > most {
		return directory.ErrLimit
	}
	t.wrote = true
	switch {
	case by < 0:
		g.add(g.lease, name, by) // which may make the slot negative: only the sum says anything
	case by == 0:
	case most < 0:
		g.add(g.lease, name, by)
	case g.uneven(name, most):
		if err := t.exclude(g); err != nil {
			return err
		}
		g.spread(name, g.sum(name)+by)
	default:
		g.take(name, by, most)
	}
	return nil
}

// share is what a slot may hold of a total that is limited.
func share(most int64, slot, of int) int64 {
	n := most / int64(of)
	if int64(slot) < most%int64(of) {
		n++
	}
	return n
}

func (g *guards) add(slot int, name string, by int64) {
	s := &g.slots[slot]
	if s.Totals == nil {
		s.Totals = map[string]int64{}
	}
	s.Totals[field(name)] += by
	g.changed(slot, "t."+field(name))
}

// uneven reports whether a slot holds more than its share, as after a limit was
// lowered. Then all slots must be written, since others might see the shares
// differently.
func (g *guards) uneven(name string, most int64) bool {
	for i, s := range g.slots {
		if s.Totals[field(name)] > share(most, i, len(g.slots)) {
			return true
		}
	}
	return false
}

// spread gives each slot its share of a total.
func (g *guards) spread(name string, total int64) {
	for i := range g.slots {
		want := share(max(0, total), i, len(g.slots))
		if i == g.lease {
			want += min(0, total)
		}
		if have := g.slots[i].Totals[field(name)]; have != want {
			g.add(i, name, want-have)
		}
	}
}

// take adds where there is room, in the transaction's own slot first.
func (g *guards) take(name string, by, most int64) {
	for _, i := range g.order() {
		room := share(most, i, len(g.slots)) - g.slots[i].Totals[field(name)]
		if n := min(room, by); n > 0 {
			g.add(i, name, n)
			by -= n
		}
		if by == 0 {
			return
		}
	}
}

// order is the transaction's own slot, those it has written, and the others by
// chance.
func (g *guards) order() []int {
	all := []int{g.lease}
	for i := range g.slots {
		if i != g.lease && g.touched[i] {
			all = append(all, i)
		}
	}
	for _, i := range rand.Perm(len(g.slots)) {
		if i != g.lease && !g.touched[i] {
			all = append(all, i)
		}
	}
	return all
}
