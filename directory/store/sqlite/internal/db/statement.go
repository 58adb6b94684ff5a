package db

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// ErrStop ends a walk over rows before the last, without an error.
var ErrStop = errors.New("stop")

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

// Run executes a statement that returns no rows.
func Run(conn *sqlite.Conn, query string, args ...any) error {
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

// Each calls fn for every row; fn may stop the walk with ErrStop.
func Each(conn *sqlite.Conn, fn func(*sqlite.Stmt) error, query string, args ...any) error {
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
			if err == ErrStop {
				return nil
			}
			return err
		}
	}
}

// One calls fn with the only row, and reports whether there was one.
func One(conn *sqlite.Conn, fn func(*sqlite.Stmt), query string, args ...any) (bool, error) {
	found := false
	err := Each(conn, func(stmt *sqlite.Stmt) error {
		found = true
		fn(stmt)
		return ErrStop
	}, query, args...)
	return found, err
}

// Integer reads a single number; missing or NULL is 0.
func Integer(conn *sqlite.Conn, query string, args ...any) (n int64, err error) {
	_, err = One(conn, func(s *sqlite.Stmt) { n = s.ColumnInt64(0) }, query, args...)
	return n, err
}

// Blob reads the bytes of a column.
func Blob(stmt *sqlite.Stmt, col int) []byte {
	b := make([]byte, stmt.ColumnLen(col))
	stmt.ColumnBytes(col, b)
	return b
}
