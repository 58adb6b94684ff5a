package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// R5: every connection has what an acknowledged commit rests on, whatever the list of
// pragmas says: the writer, each reader, and those that are opened after the file was
// there already.
func TestR5PragmasOfEveryConnection(t *testing.T) {
	t.Parallel()
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "temp_store": "2", "busy_timeout": "5000", "wal_autocheckpoint": "4000"}
	const readers = 3
	path := filepath.Join(t.TempDir(), "usher.db")
	for _, opened := range []string{"new", "again"} {
		s, err := Open(t.Context(), path, Options{Readers: readers})
		if err != nil {
			t.Fatal(err)
		}
		check := func(who string, conn *sqlite.Conn, cache string) {
			t.Helper()
			for name, value := range want {
				if got, err := pragma(conn, name); err != nil || got != value {
					t.Errorf("%s, %s: %s is %q, %v, want %q", opened, who, name, got, err, value)
				}
			}
			if got, err := pragma(conn, "cache_size"); err != nil || got != cache {
				t.Errorf("%s, %s: cache_size is %q, %v, want %q", opened, who, got, err, cache)
			}
		}
		if err := s.Update(t.Context(), func(d directory.Tx) error {
			check("writer", d.(*tx).conn, "-8192")
			return nil
		}); err != nil {
			t.Error(err)
		}
		all := map[*db.Reader]bool{}
		for range readers { // all at once, so that each is another
			conn, err := s.readers.Take(t.Context(), s.stopped)
			if err != nil {
				t.Fatal(err)
			}
			all[conn] = true
			check("reader", conn.Conn, "-2048")
		}
		if len(all) != readers {
			t.Errorf("%d readers of %d were looked at", len(all), readers)
		}
		if _, err := s.readers.Take(canceled(t), s.stopped); !errors.Is(err, directory.ErrBusy) {
			t.Errorf("there is a reader that was not looked at: %v", err)
		}
		for conn := range all {
			s.readers.Put(conn)
		}
		probe, err := s.probe.Take(t.Context(), s.stopped)
		if err != nil {
			t.Fatal(err)
		}
		check("probe", probe.Conn, "-64")
		s.probe.Put(probe)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func pragma(conn *sqlite.Conn, name string) (value string, err error) {
	err = sqlitex.ExecuteTransient(conn, "PRAGMA "+name, &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error { value = stmt.ColumnText(0); return nil }})
	return value, err
}
