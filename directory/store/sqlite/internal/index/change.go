package index

import (
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// Changes are what the changes of resources did to the index within a transaction.
type Changes []change

type change struct{ added, removed []entry }

// Recent appends the rows that the changes give such a value; the caller checks them.
func (all Changes) Recent(rows []int64, l List, op filter.Op, key string) []int64 {
	for _, c := range all {
		for _, e := range c.added {
			if e.org == l.Org && e.attr == l.Attr && accepts(op, e.value, key) {
				rows = append(rows, e.row)
			}
		}
	}
	return rows
}

// Row is a row of the table of resources, as the index sees it.
type Row struct {
	Kind     *dictionary.Kind
	Org, Num int64
}

// Change carries out what the change of a resource does to the index: it takes removed
// values out of the tables at once, and appends to the changes of the transaction what
// is left to Along. Before is nil for a new resource, after for one that is removed.
func (x *Index) Change(conn *sqlite.Conn, all Changes, at Row, before, after *scim.Resource) (Changes, error) {
	added, removed := difference(at.Kind, at.Org, at.Num, before, after)
	if at.Num <= x.clean {
		for _, e := range removed {
			if err := e.erase(conn); err != nil {
				return all, err
			}
		}
	}
	if len(added) > 0 && at.Num <= x.floor {
		if err := db.Run(conn, "INSERT OR IGNORE INTO pending (row) VALUES (?)", at.Num); err != nil {
			return all, err
		}
	}
	if len(added)+len(removed) > 0 {
		all = append(all, change{added, removed})
	}
	if after == nil {
		return all, db.Run(conn, "DELETE FROM pending WHERE row=?", at.Num)
	}
	return all, nil
}

// difference lists the entries that a change of a resource adds and removes.
func difference(k *dictionary.Kind, org, row int64, before, after *scim.Resource) (added, removed []entry) {
	differs := func(c dictionary.Column) bool {
		if before == nil || after == nil {
			return true
		}
		was, _ := before.Get(c.Root)
		is, _ := after.Get(c.Root)
		return !was.Equal(is)
	}
	var was, is []entry
	for _, c := range k.Unique {
		if differs(c) {
			was, is = appendKey(was, c, org, row, before), appendKey(is, c, org, row, after)
		}
	}
	for _, c := range k.Indexed {
		if differs(c) {
			was, is = appendTerms(was, c, org, row, before), appendTerms(is, c, org, row, after)
		}
	}
	return subtract(is, was), subtract(was, is)
}

func appendKey(all []entry, c dictionary.Column, org, row int64, r *scim.Resource) []entry {
	if key := KeyOf(org, c, r).Value; key != "" {
		all = append(all, entry{org, -c.Num, key, row})
	}
	return all
}

// appendTerms lists the values of a resource that are searched for, folded as
// filters fold their literals.
func appendTerms(all []entry, c dictionary.Column, org, row int64, r *scim.Resource) []entry {
	if r == nil {
		return all
	}
	mark := len(all)
	r.Each(c.Attr, func(_ int, v scim.Value) {
		text := v.Text()
		if !c.Attr.CaseExact {
			text = scim.Fold(text)
		}
		e := entry{org, c.Num, text, row}
		if !slices.Contains(all[mark:], e) {
			all = append(all, e)
		}
	})
	return all
}

// subtract returns the entries of a that b has not.
func subtract(a, b []entry) []entry {
	if len(b) == 0 {
		return a
	}
	var rest []entry
	for _, e := range a {
		if !slices.Contains(b, e) {
			rest = append(rest, e)
		}
	}
	return rest
}

// gather lists the entries of the rows of a query, for those types that are given.
func gather(conn *sqlite.Conn, kinds map[int64]*dictionary.Kind, query string, args ...any) (*generation, error) {
	g := newGeneration()
	err := db.Each(conn, func(s *sqlite.Stmt) error {
		k := kinds[s.ColumnInt64(2)]
		if k == nil {
			return nil
		}
		row, org := s.ColumnInt64(0), s.ColumnInt64(1)
		r := scim.Stored(k.Type, "", 1, time.Time{}, time.Time{}, db.Blob(s, 3))
		if err := r.Load(); err != nil {
			return err
		}
		g.rows[row] = struct{}{}
		added, _ := difference(k, org, row, nil, r)
		g.add(added)
		return nil
	}, query, args...)
	return g, err
}
