package sqlite

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// The index, of unique keys and of values to search for, trails the commits.
// Writing a value to it at once would cost each change a page or two at a random
// place in every table; so the values of a change stay in memory, in the tail,
// until thousands of them are written together. A query asks the tables and the
// tail and checks what the tail says against its own snapshot, so answers are
// exact at every moment. What the tail holds follows from the records above the
// mark and those in pending, from which it is made anew after a crash.

const (
	tailRows  = 8192                   // rows in memory at which writing begins
	drainIdle = 150 * time.Millisecond // pause after which it begins anyway
	// Steps that are taken at a time: in each commit this many a change, which is
	// more than a change adds; and in a pause so many, so often, that no change
	// waits long and readers keep most of the processors.
	drainShare = 6
	drainPause = 128
	drainPace  = 20 * time.Millisecond
	// For this long after the last change it waits for a pause of the readers too,
	// whose reads are dearer beside it.
	drainWait = 5 * time.Second
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

// list is a part of the index: the values of one attribute of one organization.
type list struct{ org, attr int64 }

// generation is a set of entries that are written to the index together.
type generation struct {
	values map[list]*values
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
	return &generation{values: map[list]*values{}, rows: map[int64]struct{}{}, gone: map[entry]struct{}{}}
}

// add takes over entries of one row.
func (g *generation) add(entries []entry) {
	for _, e := range entries {
		l := list{e.org, e.attr}
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
func (g *generation) find(rows []int64, l list, op filter.Op, key string) []int64 {
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

// tail is the part of the search index that is in memory. The writer alone
// changes it; readers look things up.
type tail struct {
	mu      sync.RWMutex
	active  *generation
	frozen  *generation // being written to the index
	retired []retired

	kinds map[int64]*dictionary.Kind
	exact map[int64]bool // see caseExact
	most  int            // rows in memory at which writing begins
	floor int64          // a change to a row above it needs no note in pending
	clean int64          // the tables know nothing of rows above it
	drain *drain         // of frozen
	stale bool           // a commit failed, and so did reload after it
}

// retired is a generation that the index holds but that snapshots from before
// may still need.
type retired struct {
	*generation
	epoch uint64
}

// find returns the rows that may have such a value; the caller checks them
// against its snapshot.
func (t *tail) find(l list, op filter.Op, key string) []int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	rows := t.active.find(nil, l, op, key)
	if t.frozen != nil {
		rows = t.frozen.find(rows, l, op, key)
	}
	for _, r := range t.retired {
		rows = r.find(rows, l, op, key)
	}
	return rows
}

// add takes over what the changes of a batch did to the index, in their order and
// before the commit: one change may remove what another has just added.
func (t *tail) add(changes []indexed) {
	if len(changes) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range changes {
		for _, e := range c.removed {
			t.active.gone[e] = struct{}{}
			if t.frozen != nil {
				t.frozen.gone[e] = struct{}{}
			}
		}
		t.active.add(c.added)
	}
}

// loadTail makes the tail from the rows that are not in the index.
func loadTail(conn *sqlite.Conn, n *dictionary.Names) (*tail, error) {
	t := &tail{active: newGeneration(), kinds: n.Kinds(), exact: caseExact(n), most: tailRows}
	return t, t.reload(conn)
}

// reload makes the tail anew from what is committed.
func (t *tail) reload(conn *sqlite.Conn) error {
	t.stale = true
	floor, err := db.Integer(conn, "SELECT n FROM mark WHERE name='indexed'")
	if err != nil {
		return err
	}
	last, err := db.Integer(conn, "SELECT max(row) FROM resource")
	if err != nil {
		return err
	}
	g, err := gather(conn, t.kinds, `SELECT row, org, kind, body FROM resource WHERE row > ?
		UNION ALL SELECT r.row, r.org, r.kind, r.body FROM pending p JOIN resource r ON r.row = p.row WHERE p.row <= ?`, floor, floor)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.frozen != nil { // its values may be needed by snapshots; see written
		t.retired = append(t.retired, retired{t.frozen, ^uint64(0)})
	}
	t.stop()
	t.active, t.frozen, t.drain, t.stale = g, nil, nil, false
	t.floor, t.clean = floor, max(t.clean, last) // a drain may have ended halfway
	return nil
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

// stop ends the sorting that may be under way.
func (t *tail) stop() {
	if t.drain != nil {
		close(t.drain.quit)
	}
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

// appendKeys lists the unique keys of a resource.
func appendKeys(all []entry, k *dictionary.Kind, org, row int64, r *scim.Resource) []entry {
	for _, c := range k.Unique {
		all = appendKey(all, c, org, row, r)
	}
	return all
}

func appendKey(all []entry, c dictionary.Column, org, row int64, r *scim.Resource) []entry {
	if key := uniqueKey(r, c.Attr); key != "" {
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

// along adds to the transaction of a batch a share of what is to be written.
func (t *tail) along(conn *sqlite.Conn, changes int) error {
	if t.frozen == nil && len(t.active.rows) >= t.most {
		t.freeze()
	}
	if t.drain == nil {
		return nil
	}
	return t.drain.write(conn, t, changes*drainShare)
}

// written is called after the commit: it lets go of what no snapshot needs.
func (t *tail) written(s *Store) {
	done := t.drain != nil && t.drain.ended
	if !done && len(t.retired) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retired = slices.DeleteFunc(t.retired, func(r retired) bool { return s.views.Over(r.epoch) })
	if done {
		t.retired = append(t.retired, retired{t.frozen, s.views.Next()})
		t.frozen, t.drain = nil, nil
	}
}

// idle is called when no change has come for a while. It writes a part, and says
// how long to wait before the next.
func (t *tail) idle(conn *sqlite.Conn, s *Store) time.Duration {
	if t.stale && t.reload(conn) != nil {
		return drainIdle
	}
	t.written(s)
	if s.reading() && time.Since(s.changed) < drainWait {
		return drainIdle
	}
	if t.frozen == nil {
		if len(t.active.rows) == 0 {
			return drainIdle
		}
		t.freeze()
	}
	s.wake()
	if err := t.pause(conn); err != nil {
		_ = t.reload(conn) // as after any commit that failed; it is tried again
		return drainIdle
	}
	s.commits.Add(1)
	t.written(s)
	return drainPace
}

// pause writes in a transaction of its own.
func (t *tail) pause(conn *sqlite.Conn) error {
	if err := db.Run(conn, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := t.drain.write(conn, t, drainPause)
	if err == nil {
		err = db.Run(conn, "COMMIT")
	}
	if err != nil && !conn.AutocommitEnabled() {
		_ = db.Run(conn, "ROLLBACK") // the first error is the one to tell
	}
	return err
}

// freeze ends the active generation; what changes from now on in its rows needs
// a note.
func (t *tail) freeze() {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, indexed := t.active, t.floor
	for row := range g.rows {
		t.floor = max(t.floor, row)
	}
	t.clean = max(t.clean, t.floor)
	t.frozen, t.active = g, newGeneration()
	t.drain = newDrain(g, t.exact, indexed, t.floor)
}
