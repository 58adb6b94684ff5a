package sqlite

import (
	"path/filepath"
	"slices"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
)

// R5: every connection has what an acknowledged commit rests on, whatever the list of
// pragmas says: the writer, each reader, and those that are opened after the file was
// there already.
func TestR5PragmasOfEveryConnection(t *testing.T) {
	t.Parallel()
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "temp_store": "2", "busy_timeout": "5000", "wal_autocheckpoint": "4000"}
	for _, name := range []string{"journal_mode", "synchronous", "foreign_keys", "temp_store", "busy_timeout"} {
		// Some are the driver's default today, and must not rest on that.
		if !slices.ContainsFunc(pragmas, func(p struct{ name, set, want string }) bool { return p.name == name && p.want == want[name] }) {
			t.Errorf("%s is not set", name)
		}
	}
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
		all := map[*readConn]bool{}
		for range readers { // all at once, so that each is another
			conn, err := s.readers.take(t.Context(), s.stopped)
			if err != nil {
				t.Fatal(err)
			}
			all[conn] = true
			check("reader", conn.Conn, "-2048")
		}
		if len(all) != readers || s.readers.size != readers {
			t.Errorf("%d readers of %d were looked at", len(all), s.readers.size)
		}
		for conn := range all {
			s.readers.put(conn)
		}
		probe, err := s.probe.take(t.Context(), s.stopped)
		if err != nil {
			t.Fatal(err)
		}
		check("probe", probe.Conn, "-64")
		s.probe.put(probe)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
