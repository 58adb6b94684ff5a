package db

import (
	"path/filepath"
	"testing"
)

// R5: every pragma is set, though some are the driver's default today, which nothing
// may rest on.
func TestR5PragmasAreSet(t *testing.T) {
	t.Parallel()
	set := map[string]string{}
	for _, p := range pragmas {
		set[p.name] = p.want
	}
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "temp_store": "2", "busy_timeout": "5000"} {
		if set[name] != want {
			t.Errorf("%s is set to %q, want %q", name, set[name], want)
		}
	}
}

// R5: a connection that cannot have a pragma is not opened: a file in memory has no log.
func TestR5PragmaThatDoesNotHold(t *testing.T) {
	t.Parallel()
	if conn, err := Open(":memory:", 64); err == nil {
		t.Errorf("it was opened: %v", conn.Close())
	}
	conn, err := Open(filepath.Join(t.TempDir(), "a.db"), 64)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
