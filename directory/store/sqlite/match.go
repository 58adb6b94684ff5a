package sqlite

import (
	"context"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/index"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// match finds the rows that fulfil the filter, in the order of creation. The
// predicate filter.Match says what a filter means; the index only narrows down which
// resources it is asked about, or answers in its place where it is exact.
func (s *search) match(ctx context.Context, q directory.Query) ([]int64, error) {
	if q.Filter == nil {
		s.store.opts.OnFind("all")
		return s.all()
	}
	c, ok, err := s.candidates(q.Filter.Root)
	if err != nil {
		return nil, err
	}
	if !ok {
		s.store.opts.OnFind("scan")
		return s.scan(ctx, q.Filter)
	}
	rows := sortedSet(c.rows)
	if c.exact {
		s.store.opts.OnFind("index")
		if len(c.doubtful) == 0 {
			return rows, nil
		}
		sure, err := s.verify(ctx, q.Filter, without(sortedSet(c.doubtful), rows))
		return sortedSet(append(rows, sure...)), err
	}
	s.store.opts.OnFind("verify")
	return s.verify(ctx, q.Filter, sortedSet(append(rows, c.doubtful...)))
}

// candidates are rows that may fulfil a node; every row that does is among them.
type candidates struct {
	rows     []int64
	doubtful []int64 // from memory: to be checked even if exact
	exact    bool    // each of rows is known to fulfil the node
}

// candidates narrows a node down by the index; false when the index is no help.
func (s *search) candidates(n filter.Node) (candidates, bool, error) {
	switch n := n.(type) {
	case *filter.Leaf:
		return s.leaf(n)
	case *filter.Element:
		return s.inexact(n.Inner)
	case filter.And:
		return s.and(n)
	case filter.Or:
		return s.or(n)
	}
	return candidates{}, false, nil
}

func (s *search) inexact(n filter.Node) (candidates, bool, error) {
	c, ok, err := s.candidates(n)
	c.exact = false
	return c, ok, err
}

// and takes the part that is likely to leave the fewest.
func (s *search) and(parts filter.And) (candidates, bool, error) {
	order := slices.Clone(parts)
	slices.SortStableFunc(order, func(a, b filter.Node) int { return cost(a) - cost(b) })
	for _, n := range order {
		if c, ok, err := s.inexact(n); ok || err != nil {
			return c, ok, err
		}
	}
	return candidates{}, false, nil
}

// cost guesses how many rows a node leaves, for comparison only.
func cost(n filter.Node) int {
	switch n := n.(type) {
	case *filter.Leaf:
		switch {
		case n.Op == filter.Equal && (n.Attr == scim.ID || n.Attr.Uniqueness != scim.NotUnique):
			return 0
		case n.Op == filter.Equal:
			return 1
		case n.Op == filter.StartsWith, n.Op == filter.Contains, n.Op == filter.EndsWith:
			return 2
		}
		return 4
	case *filter.Element:
		return cost(n.Inner)
	case filter.And:
		least := 9
		for _, part := range n {
			least = min(least, cost(part))
		}
		return least
	}
	return 8
}

// or needs every part narrowed down.
func (s *search) or(parts filter.Or) (candidates, bool, error) {
	all := candidates{exact: true}
	for _, n := range parts {
		c, ok, err := s.candidates(n)
		if !ok || err != nil {
			return c, false, err
		}
		all.rows, all.doubtful, all.exact = append(all.rows, c.rows...), append(all.doubtful, c.doubtful...), all.exact && c.exact
	}
	return all, true, nil
}

// leaf looks one comparison up.
func (s *search) leaf(n *filter.Leaf) (candidates, bool, error) {
	if n.Attr == scim.ID && n.Op == filter.Equal {
		return s.byID(n.Key)
	}
	if n.Op == filter.Equal && edgeEnd(n.Attr) {
		return s.byEdge(n)
	}
	attr, known := s.store.names.Attribute(s.k.Type, n.Attr)
	if !known {
		return candidates{}, false, nil
	}
	if n.Op == filter.Equal && n.Attr.Uniqueness != scim.NotUnique {
		return s.byKey(index.Key{Org: s.org, Attr: attr, Value: n.Key})
	}
	if !n.Attr.Indexed || !n.Attr.Type.Textual() || n.Op == filter.NotEqual {
		return candidates{}, false, nil
	}
	l := index.List{Org: s.org, Attr: attr}
	rows, exact, ok, err := index.Find(s.conn, l, n)
	if !ok || err != nil {
		return candidates{}, false, err
	}
	return candidates{rows, s.recent(l, n.Op, n.Key), exact}, true, nil
}

// byKey finds the row with a unique key.
func (s *search) byKey(k index.Key) (candidates, bool, error) {
	row, err := index.Holder(s.conn, k)
	if row != 0 {
		return candidates{rows: []int64{row}, exact: true}, true, err
	}
	return candidates{doubtful: s.recent(k.List(), filter.Equal, k.Value), exact: true}, true, err
}

// recent lists rows that may have such a value without being in the tables yet.
func (r *reader) recent(l index.List, op filter.Op, key string) []int64 {
	rows := r.store.index.Recent(l, op, key)
	if r.batch != nil {
		rows = r.batch.indexed.Recent(rows, l, op, key)
	}
	return rows
}

func (s *search) byID(text string) (candidates, bool, error) {
	c := candidates{exact: true}
	id, ok := db.ParseID(text)
	if !ok {
		return c, true, nil
	}
	row, kind, err := s.row(s.org, id)
	if kind == s.k.Num {
		c.rows = []int64{row}
	}
	return c, true, err
}

// edgeEnd tells whether the attribute is the id at the far end of a membership.
func edgeEnd(a *scim.Attribute) bool {
	return a.Parent() != nil && a.Parent().Edge && a.Parent().Value() == a
}

// byEdge finds the groups of a member; the users of a group are checked one by
// one, since they may belong to it through others.
func (s *search) byEdge(n *filter.Leaf) (candidates, bool, error) {
	if n.Attr.Parent().Mutability == scim.ReadOnly {
		return candidates{}, false, nil
	}
	c := candidates{exact: true}
	id, ok := db.ParseID(n.Key)
	if !ok {
		return c, true, nil
	}
	err := db.Each(s.conn, func(stmt *sqlite.Stmt) error {
		c.rows = append(c.rows, stmt.ColumnInt64(0))
		return nil
	}, "SELECT e.grp FROM resource m CROSS JOIN edge e ON e.member = m.row WHERE m.org=? AND m.id=?", s.org, id)
	return c, true, err
}

// all lists every row of the type.
func (s *search) all() (rows []int64, err error) {
	err = db.Each(s.conn, func(stmt *sqlite.Stmt) error {
		rows = append(rows, stmt.ColumnInt64(0))
		return nil
	}, "SELECT row FROM resource WHERE org=? AND kind=? ORDER BY row", s.org, s.k.Num)
	return rows, err
}

// keep bounds the resources held for the page while others are looked at.
const keep = 256

// verify keeps the rows whose resources fulfil the filter.
func (s *search) verify(ctx context.Context, f *filter.Filter, rows []int64) ([]int64, error) {
	kept := rows[:0]
	for i, row := range rows {
		if i%64 == 63 {
			if err := s.pause(ctx); err != nil {
				return nil, err
			}
		}
		res, err := s.resource(row)
		if err != nil {
			return nil, err
		}
		if res == nil {
			continue // the index may speak of rows that are gone
		}
		yes, err := s.test(ctx, f, res)
		if err != nil {
			return nil, err
		}
		if yes {
			kept = append(kept, row)
			s.keep(row, res)
		}
	}
	return kept, nil
}

func (s *search) keep(row int64, res *scim.Resource) {
	if s.read == nil {
		s.read = map[int64]*scim.Resource{}
	}
	if len(s.read) < keep {
		s.read[row] = res
	}
}

// scan looks at every resource of the type.
func (s *search) scan(ctx context.Context, f *filter.Filter) ([]int64, error) {
	if f.UsesEdges() {
		rows, err := s.all()
		if err != nil {
			return nil, err
		}
		return s.verify(ctx, f, rows)
	}
	var rows []int64
	n := 0
	err := db.Each(s.conn, func(stmt *sqlite.Stmt) error {
		if n++; n%256 == 0 {
			if err := s.pause(ctx); err != nil {
				return err
			}
		}
		row, res := record(s.k, stmt)
		if err := res.Load(); err != nil {
			return err
		}
		if f.Match(res) {
			rows = append(rows, row)
			s.keep(row, res)
		}
		return nil
	}, "SELECT "+bare+" FROM resource WHERE org=? AND kind=? ORDER BY row", s.org, s.k.Num)
	return rows, err
}

func tooLong(ctx context.Context) error {
	return fmt.Errorf("%w: the query took too long: %w", directory.ErrBusy, ctx.Err())
}

// test asks the predicate about one resource, giving it its memberships if the
// filter speaks of them.
func (s *search) test(ctx context.Context, f *filter.Filter, res *scim.Resource) (bool, error) {
	if err := res.Load(); err != nil {
		return false, err
	}
	if !f.UsesEdges() {
		return f.Match(res), nil
	}
	full, err := directory.WithEdgesFor(ctx, s.reader, s.orgID, res, f)
	return err == nil && f.Match(full), err
}

func sortedSet(rows []int64) []int64 {
	if !slices.IsSorted(rows) {
		slices.Sort(rows)
	}
	return slices.Compact(rows)
}

// without returns the rows of a sorted set that another has not.
func without(rows, others []int64) []int64 {
	return slices.DeleteFunc(rows, func(row int64) bool {
		_, found := slices.BinarySearch(others, row)
		return found
	})
}
