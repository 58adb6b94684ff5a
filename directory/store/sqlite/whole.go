package sqlite

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// relation is a table or an index, as the file describes it.
type relation struct{ kind, name, sql string }

// whole refuses a file that lacks a table or an index that the migrations make, or
// has another in its place: its uniqueness would rest on nothing (K65). What is
// there beyond them does no harm.
func whole(conn *sqlite.Conn) error {
	want, err := made()
	if err != nil {
		return err
	}
	have, err := relations(conn)
	if err != nil {
		return err
	}
	is := map[string]relation{}
	for _, p := range have {
		is[p.name] = p
	}
	for _, p := range want {
		switch got, there := is[p.name]; {
		case !there:
			return fmt.Errorf("the data file lacks the %s %s, and usher migrate cannot mend that; restore a backup, or make it again with the tool sqlite3: %s", p.kind, p.name, p.sql)
		case got.sql != p.sql:
			return fmt.Errorf("the %s %s of the data file is not as usher made it, and usher migrate cannot mend that; restore a backup, or rebuild it with the tool sqlite3 as: %s", p.kind, p.name, p.sql)
		}
	}
	return nil
}

// made are the relations of a new file.
var made = sync.OnceValues(func() ([]relation, error) {
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := migrate(context.Background(), conn); err != nil {
		return nil, err
	}
	return relations(conn)
})

// relations lists tables and indexes in the order in which they were made. Those that
// SQLite makes by itself belong to their tables.
func relations(conn *sqlite.Conn) (all []relation, err error) {
	err = db.Each(conn, func(s *sqlite.Stmt) error {
		sql := strings.ReplaceAll(s.ColumnText(2), `"`, "")
		all = append(all, relation{s.ColumnText(0), s.ColumnText(1), strings.Join(strings.Fields(sql), " ")})
		return nil
	}, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index') ORDER BY rowid")
	return all, err
}
