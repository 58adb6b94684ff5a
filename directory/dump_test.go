package directory_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// follow are the tables that a follower of the changes brings up to date when
// there is time; what they hold says nothing that the others do not.
var follow = []string{"uniq", "term", "gram", "pending", "mark"}

// dump is everything that the file holds, as text: one line for each row.
func (m *mill) dump(t *testing.T) string { return dump(t, m.path) }

func dump(t *testing.T, path string) string {
	t.Helper()
	conn, err := sqlite.OpenConn(filepath.Clean(path), sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer sqlitex.Save(conn)(&err)
	var tables, lines []string
	query := func(sql string, fn func(*sqlite.Stmt)) {
		if err := sqlitex.ExecuteTransient(conn, sql, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error { fn(s); return nil }}); err != nil {
			t.Fatal(err)
		}
	}
	query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name", func(s *sqlite.Stmt) { tables = append(tables, s.ColumnText(0)) })
	for _, table := range tables {
		if slices.Contains(follow, table) {
			continue
		}
		first := len(lines)
		query("SELECT * FROM "+table, func(s *sqlite.Stmt) {
			line := table
			for i := range s.ColumnCount() {
				line += fmt.Sprintf("|%s=%q", s.ColumnName(i), s.ColumnText(i))
			}
			lines = append(lines, line)
		})
		slices.Sort(lines[first:])
	}
	return strings.Join(lines, "\n")
}

// difference is the first lines that two dumps do not share.
func difference(a, b string) string {
	was, is := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			return "\n- " + was[i] + "\n+ " + is[i]
		}
	}
	return fmt.Sprintf("%d lines became %d", len(was), len(is))
}
