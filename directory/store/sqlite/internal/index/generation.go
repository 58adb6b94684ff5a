package index

import (
	"hash/maphash"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/scim/filter"
)

// entry is one value of one row in the index. Unique keys have the attribute's
// number below zero.
type entry struct {
	org, attr int64
	value     string
	row       int64
}

// erase takes it out of the tables.
func (e entry) erase(conn *sqlite.Conn) error {
	if e.attr < 0 {
		return db.Run(conn, "DELETE FROM uniq WHERE org=? AND attr=? AND value=? AND row=?", e.org, -e.attr, e.value, e.row)
	}
	return db.Run(conn, "DELETE FROM term WHERE org=? AND attr=? AND value=? AND row=?", e.org, e.attr, e.value, e.row)
}

// generation is a set of entries that are written to the index together.
type generation struct {
	values map[List]*values
	rows   map[int64]struct{}
	gone   map[entry]struct{} // removed before they were written
}

// values are the entries of one list, in the order they came. Those of one value
// form a chain, whose newest is found by the hash of the value: a table of places in
// pairs, counted from 1, in which what is taken is passed over.
type values struct {
	pairs []pair
	table []int32
	used  int
}

type pair struct {
	value string
	row   int64
	hash  uint32
	prev  int32 // the pair with the same value before, or -1
}

var hashSeed = maphash.MakeSeed()

// place is where in the table the newest pair of a value is, or would be.
func (v *values) place(value string, hash uint32) *int32 {
	last := uint32(len(v.table) - 1)
	for i := hash & last; ; i = (i + 1) & last {
		at := &v.table[i]
		if *at == 0 || v.pairs[*at-1].hash == hash && v.pairs[*at-1].value == value {
			return at
		}
	}
}

func (v *values) add(value string, row int64) {
	if 2*v.used >= len(v.table) {
		v.grow()
	}
	hash := uint32(maphash.String(hashSeed, value))
	at := v.place(value, hash)
	if *at == 0 {
		v.used++
	}
	v.pairs = append(v.pairs, pair{value, row, hash, *at - 1})
	*at = int32(len(v.pairs))
}

// grow doubles the table.
func (v *values) grow() {
	old := v.table
	v.table = make([]int32, max(64, 2*len(old)))
	for _, n := range old {
		if n != 0 {
			p := &v.pairs[n-1]
			*v.place(p.value, p.hash) = n
		}
	}
}

// newest is the place of the newest pair with the value, or -1.
func (v *values) newest(value string) int32 {
	return *v.place(value, uint32(maphash.String(hashSeed, value))) - 1
}

func newGeneration() *generation {
	return &generation{values: map[List]*values{}, rows: map[int64]struct{}{}, gone: map[entry]struct{}{}}
}

// add takes over entries of one row.
func (g *generation) add(entries []entry) {
	for _, e := range entries {
		l := List{e.org, e.attr}
		v := g.values[l]
		if v == nil {
			v = &values{}
			g.values[l] = v
		}
		v.add(e.value, e.row)
		if len(g.gone) > 0 {
			delete(g.gone, e)
		}
	}
	if len(entries) > 0 {
		g.rows[entries[0].row] = struct{}{}
	}
}

// find appends the rows that have a value of the attribute which the operator
// accepts.
func (g *generation) find(rows []int64, l List, op filter.Op, key string) []int64 {
	v := g.values[l]
	if v == nil {
		return rows
	}
	if op == filter.Equal {
		for i := v.newest(key); i >= 0; i = v.pairs[i].prev {
			rows = append(rows, v.pairs[i].row)
		}
		return rows
	}
	for _, p := range v.pairs {
		if accepts(op, p.value, key) {
			rows = append(rows, p.row)
		}
	}
	return rows
}

func accepts(op filter.Op, value, key string) bool {
	switch op {
	case filter.Present:
		return value != ""
	case filter.Equal:
		return value == key
	case filter.Contains:
		return strings.Contains(value, key)
	case filter.StartsWith:
		return strings.HasPrefix(value, key)
	case filter.EndsWith:
		return strings.HasSuffix(value, key)
	case filter.Greater:
		return value > key
	case filter.GreaterOrEqual:
		return value >= key
	case filter.Less:
		return value < key
	case filter.LessOrEqual:
		return value <= key
	}
	return false
}
