// Package index is the search index of the embedded store, of unique keys and of values
// to search for, which trails the commits (decision 4). Writing a value to it at once
// would cost each change a page or two at a random place in every table; so the values
// of a change stay in memory until thousands of them are written together. A query asks
// the tables (Holder, Find) and memory (Recent) and checks what memory says against its
// own snapshot, so answers are exact at every moment. What memory holds follows from the
// records above the mark and those in pending, from which it is made anew after a crash.
package index

import (
	"context"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// List is a part of the index: the values of one attribute of one organization. The
// unique keys of an attribute are the list with its number below zero.
type List struct{ Org, Attr int64 }

// Key is a unique key.
type Key struct {
	Org, Attr int64
	Value     string
}

// KeyOf is the unique key of a resource, whose value is "" when it has none or is nil.
func KeyOf(org int64, c dictionary.Column, r *scim.Resource) Key {
	k := Key{Org: org, Attr: c.Num}
	if r != nil {
		k.Value = scim.Key(r.Text(c.Attr))
	}
	return k
}

// List is what the key lies in.
func (k Key) List() List { return List{k.Org, -k.Attr} }

// Index is the part of the index that is in memory, and what is known of the tables.
// The writer alone changes it and the tables; readers look things up with Recent.
type Index struct {
	// Most is how many rows in memory have the writer begin with the tables; only the
	// writer may change it.
	Most int

	mu      sync.RWMutex
	active  *generation
	frozen  *generation // being written to the tables
	retired []retired

	views *db.Epochs
	kinds map[int64]*dictionary.Kind
	exact map[int64]bool // see caseExact
	floor int64          // a change to a row above it needs no note in pending
	clean int64          // the tables know nothing of rows above it
	drain *drain         // of frozen
	stale bool           // a commit failed, and so did Reload after it
}

// retired is a generation that the tables hold but that snapshots from before
// may still need.
type retired struct {
	*generation
	epoch uint64
}

// Open brings the tables in line with the attributes that are named, telling building
// before it does what may take long, and reads what they lack into memory. Snapshots
// that are read are counted in views.
func Open(ctx context.Context, conn *sqlite.Conn, n *dictionary.Names, views *db.Epochs, building func(string)) (*Index, error) {
	exact := caseExact(n)
	if err := relist(ctx, conn, n, exact, building); err != nil {
		return nil, err
	}
	x := &Index{Most: mostRows, active: newGeneration(), views: views, kinds: n.Kinds(), exact: exact}
	return x, x.Reload(conn)
}

// caseExact tells of each indexed attribute whether letter case counts.
func caseExact(n *dictionary.Names) map[int64]bool {
	exact := map[int64]bool{}
	for _, k := range n.Kinds() {
		for _, c := range k.Indexed {
			exact[c.Num] = c.Attr.CaseExact
		}
	}
	return exact
}

// Recent returns the rows that may have such a value without being in the tables yet;
// the caller checks them against its snapshot.
func (x *Index) Recent(l List, op filter.Op, key string) []int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	rows := x.active.find(nil, l, op, key)
	if x.frozen != nil {
		rows = x.frozen.find(rows, l, op, key)
	}
	for _, r := range x.retired {
		rows = r.find(rows, l, op, key)
	}
	return rows
}

// Behind reports whether the tables lack anything.
func (x *Index) Behind() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.frozen != nil || len(x.active.rows) > 0
}

// Close ends the sorting that may be under way; the writer calls it last.
func (x *Index) Close() { x.stop() }

func (x *Index) stop() {
	if x.drain != nil {
		close(x.drain.quit)
	}
}
