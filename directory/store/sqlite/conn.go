package sqlite

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

const (
	writerCacheKiB = 8 << 10
	readerCacheKiB = 2 << 10
	probeCacheKiB  = 64
	// checkpointPages is the length of the log, in pages of 4 KiB, at which a
	// commit folds it back: a short log that is written over again costs less
	// than a long one that grows the file.
	checkpointPages = 4000
)

// openConn opens one connection with every pragma set and checked.
func openConn(path string, cacheKiB int) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := prepareConn(conn, cacheKiB); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func prepareConn(conn *sqlite.Conn, cacheKiB int) error {
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

// bind binds values to a cached statement, which Prepare has reset, in order.
func bind(conn *sqlite.Conn, query string, args ...any) (*sqlite.Stmt, error) {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	for i, arg := range args {
		switch v := arg.(type) {
		case int64:
			stmt.BindInt64(i+1, v)
		case int:
			stmt.BindInt64(i+1, int64(v))
		case string:
			stmt.BindText(i+1, v)
		case []byte:
			stmt.BindBytes(i+1, v)
		default:
			return nil, fmt.Errorf("cannot bind a %T", arg)
		}
	}
	return stmt, nil
}

// run executes a statement that returns no rows.
func run(conn *sqlite.Conn, query string, args ...any) error {
	stmt, err := bind(conn, query, args...)
	if err != nil {
		return err
	}
	_, err = stmt.Step()
	if rerr := stmt.Reset(); err == nil {
		err = rerr
	}
	return err
}

// each calls fn for every row; fn may stop the walk with errStop.
func each(conn *sqlite.Conn, fn func(*sqlite.Stmt) error, query string, args ...any) error {
	stmt, err := bind(conn, query, args...)
	if err != nil {
		return err
	}
	defer stmt.Reset()
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return err
		}
		if err := fn(stmt); err != nil {
			if err == errStop {
				return nil
			}
			return err
		}
	}
}

// one calls fn with the only row, and reports whether there was one.
func one(conn *sqlite.Conn, fn func(*sqlite.Stmt), query string, args ...any) (bool, error) {
	found := false
	err := each(conn, func(stmt *sqlite.Stmt) error {
		found = true
		fn(stmt)
		return errStop
	}, query, args...)
	return found, err
}

// integer reads a single number; missing or NULL is 0.
func integer(conn *sqlite.Conn, query string, args ...any) (n int64, err error) {
	_, err = one(conn, func(s *sqlite.Stmt) { n = s.ColumnInt64(0) }, query, args...)
	return n, err
}

func blob(stmt *sqlite.Stmt, col int) []byte {
	b := make([]byte, stmt.ColumnLen(col))
	stmt.ColumnBytes(col, b)
	return b
}
