package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/directory/store/sqlite"
)

// K65: a file that lacks a table or an index, or has a weaker one in its place, is
// not opened, and the error says what is missing and what to do.
func TestK65IncompleteFileIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"index dropped": {"DROP INDEX resource_id", "lacks the index resource_id,"},
		"index not unique": {"DROP INDEX resource_id; CREATE INDEX resource_id ON resource (org, id)",
			"the index resource_id of the data file is not as usher made it"},
		"keys not unique": {`CREATE TABLE u2 (org INTEGER NOT NULL, attr INTEGER NOT NULL, value TEXT NOT NULL, row INTEGER NOT NULL) STRICT;
			INSERT INTO u2 SELECT * FROM uniq; DROP TABLE uniq; ALTER TABLE u2 RENAME TO uniq`, "the table uniq of the data file is not as usher made it"},
		"table dropped": {"DROP TABLE tally", "lacks the table tally,"},
		"whole": {`CREATE TABLE other (x); CREATE TABLE u2 (org INTEGER NOT NULL, attr INTEGER NOT NULL, value TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (org, attr, value)) STRICT, WITHOUT ROWID;
			INSERT INTO u2 SELECT * FROM uniq; DROP TABLE uniq; ALTER TABLE u2 RENAME TO uniq; VACUUM; ANALYZE`, ""},
	} {
		path := filepath.Join(t.TempDir(), "usher.db")
		h := newHistory(t, path)
		h.create("User", `{"userName":"ada"}`)
		h.close()
		conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
		if err == nil {
			for one := range strings.SplitSeq(c.script, ";") {
				if err == nil {
					err = sqlitex.ExecuteTransient(conn, one, nil)
				}
			}
		}
		if err != nil {
			t.Fatal(name, err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else {
				_ = s.Close()
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
