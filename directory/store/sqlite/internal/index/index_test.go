package index_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	zombiezen "zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/index"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// writer is the index of a file of the store, without the store.
type writer struct {
	*testing.T
	conn  *zombiezen.Conn
	names *dictionary.Names
	views db.Epochs
	index *index.Index
	kind  *dictionary.Kind
	org   int64
}

func newWriter(t *testing.T) *writer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usher.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w := &writer{T: t}
	if w.conn, err = db.Open(path, 1024); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.index.Close()
		if err := w.conn.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.names, err = dictionary.Load(w.conn, schemas.Default); err != nil {
		t.Fatal(err)
	}
	rt, _ := schemas.Default.Type("User")
	if w.kind, err = w.names.Kind(rt); err != nil {
		t.Fatal(err)
	}
	w.org = w.names.Org("a")
	w.open()
	return w
}

// open reads the index as after a crash.
func (w *writer) open() {
	w.Helper()
	x, err := index.Open(w.Context(), w.conn, w.names, &w.views, func(doing string) { w.Errorf("%s", doing) })
	if err != nil {
		w.Fatal(err)
	}
	w.index = x
}

func (w *writer) user(name string) *scim.Resource {
	w.Helper()
	r, _, err := scim.Decode(w.kind.Type, fmt.Appendf(nil, `{"userName":%q}`, name), scim.Tolerant)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// change writes a record in a transaction that ends with the statement.
func (w *writer) change(row int64, before, after *scim.Resource, end string) {
	w.Helper()
	err := db.Run(w.conn, "BEGIN IMMEDIATE")
	if err == nil {
		err = db.Run(w.conn, "DELETE FROM resource WHERE row=?", row)
	}
	if err == nil && after != nil {
		id := slices.Repeat([]byte{byte(row)}, 16)
		err = db.Run(w.conn, "INSERT INTO resource (row, org, kind, id, version, created, modified, body) VALUES (?, ?, ?, ?, 1, 0, 0, ?)", row, w.org, w.kind.Num, id, after.Seal())
	}
	var all index.Changes
	if err == nil {
		all, err = w.index.Change(w.conn, nil, index.Row{Kind: w.kind, Org: w.org, Num: row}, before, after)
	}
	if err == nil {
		err = w.index.Along(w.conn, 1, all)
	}
	if err == nil {
		err = db.Run(w.conn, end)
	}
	if err != nil {
		w.Fatal(err)
	}
	w.index.Written()
}

// drain writes all that is in memory.
func (w *writer) drain() {
	w.Helper()
	for w.index.Behind() {
		if err := w.index.Write(w.conn); err != nil {
			w.Fatal(err)
		}
		w.index.Written()
		time.Sleep(time.Millisecond)
	}
}

// holds compares where a name is: its row in the table, and whether memory has that.
func (w *writer) holds(name string, inTable int64, inMemory ...int64) {
	w.Helper()
	key := index.KeyOf(w.org, w.kind.Unique[0], w.user(name))
	if row, err := index.Holder(w.conn, key); err != nil || row != inTable {
		w.Errorf("the table says that %s is of row %d, want %d: %v", name, row, inTable, err)
	}
	if rows := w.index.Recent(key.List(), filter.Equal, key.Value); !slices.Equal(rows, inMemory) {
		w.Errorf("memory says that %s is of rows %d, want %d", name, rows, inMemory)
	}
}

// Decision 4: what is in the tables by now stays in memory for the snapshots from before.
func TestMemoryIsKeptForOlderSnapshots(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	w.change(1, nil, w.user("ada"), "COMMIT")
	w.holds("ada", 0, 1)
	older := w.views.Enter()
	w.drain()
	w.index.Written()
	w.holds("ada", 1, 1)
	newer := w.views.Enter()
	w.views.Leave(older)
	w.index.Written()
	w.holds("ada", 1)
	w.views.Leave(newer)
}

// Decision 4: a removed value leaves the tables in the change's own commit, and what
// was changed since the mark is known again after a crash.
func TestTablesNeverSayTooMuch(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	ada, eve := w.user("ada"), w.user("eve")
	w.change(1, nil, ada, "COMMIT")
	w.change(2, nil, w.user("bob"), "COMMIT")
	w.drain()
	w.change(1, ada, eve, "COMMIT")
	w.holds("ada", 0)
	w.holds("eve", 0, 1)
	for range 2 {
		w.index.Close()
		w.open()
		w.holds("ada", 0)
		w.holds("eve", 0, 1)
		w.holds("bob", 2)
	}
	w.change(1, eve, nil, "COMMIT")
	if n, err := db.Integer(w.conn, "SELECT count(*) FROM pending"); err != nil || n != 0 {
		t.Errorf("%d rows that are gone are to be read again: %v", n, err)
	}
	w.drain()
	w.index.Close()
	w.open()
	w.holds("eve", 0)
	if w.index.Behind() {
		t.Error("the tables lack something")
	}
}

// Nothing is left of what was rolled back, though it had begun with the tables.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	w.index.Most = 1
	w.change(1, nil, w.user("ada"), "ROLLBACK")
	if err := w.index.Reload(w.conn); err != nil {
		t.Fatal(err)
	}
	if w.index.Behind() {
		t.Error("the tables lack something")
	}
	w.index.Written()
	w.change(1, nil, w.user("bob"), "COMMIT")
	w.drain()
	w.index.Written()
	w.holds("ada", 0)
	w.holds("bob", 1)
}
