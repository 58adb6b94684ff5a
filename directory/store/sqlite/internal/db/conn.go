// Package db is the file as the store works on it: connections with the pragmas that an
// acknowledged commit rests on, statements that are prepared once and bound to values,
// ids as the tables keep them, and the pool of connections whose snapshots are read.
package db

import (
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// pragmas hold on every connection; each is asserted after it is set (R5).
var pragmas = []struct{ name, set, want string }{
	{"journal_mode", "WAL", "wal"},
	{"synchronous", "FULL", "2"},
	{"foreign_keys", "ON", "1"},
	{"temp_store", "MEMORY", "2"},
	{"busy_timeout", "5000", "5000"},
}

// checkpointPages is the length of the log, in pages of 4 KiB, at which a commit folds
// it back: a short log that is written over again costs less than a long one that
// grows the file.
const checkpointPages = 4000

// Open opens one connection with every pragma set and checked; cacheKiB is how much of
// the file it keeps in memory.
func Open(path string, cacheKiB int) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := prepare(conn, cacheKiB); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func prepare(conn *sqlite.Conn, cacheKiB int) error {
	conn.SetBusyTimeout(5 * time.Second)
	for _, p := range pragmas {
		if err := exec(conn, "PRAGMA "+p.name+"="+p.set); err != nil {
			return err
		}
		got, err := pragma(conn, p.name)
		if err != nil {
			return err
		}
		if !strings.EqualFold(got, p.want) {
			return fmt.Errorf("pragma %s is %q instead of %q; the file system may not support it", p.name, got, p.want)
		}
	}
	if err := exec(conn, fmt.Sprintf("PRAGMA cache_size=-%d", cacheKiB)); err != nil {
		return err
	}
	return exec(conn, fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", checkpointPages))
}

func pragma(conn *sqlite.Conn, name string) (value string, err error) {
	err = sqlitex.ExecuteTransient(conn, "PRAGMA "+name, &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error { value = stmt.ColumnText(0); return nil }})
	return value, err
}

func exec(conn *sqlite.Conn, query string) error {
	if err := sqlitex.ExecuteTransient(conn, query, nil); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}
