package db

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/usher-scim/usher/directory"
)

// The connection that was used last is handed out first; who waits for one gives up
// with the context, and when the store stops.
func TestPool(t *testing.T) {
	t.Parallel()
	var p Pool
	if err := p.Open(filepath.Join(t.TempDir(), "a.db"), 2, 64); err != nil {
		t.Fatal(err)
	}
	first, err1 := p.Take(t.Context(), nil)
	second, err2 := p.Take(t.Context(), nil)
	if err := errors.Join(err1, err2); err != nil || first == second {
		t.Fatalf("twice the same: %t, %v", first == second, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Take(over, nil); !errors.Is(err, directory.ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("when the context is over: %v", err)
	}
	stopped := make(chan struct{})
	close(stopped)
	if _, err := p.Take(t.Context(), stopped); !errors.Is(err, directory.ErrClosed) {
		t.Errorf("when the store has stopped: %v", err)
	}
	p.Put(first)
	p.Put(second)
	if got, err := p.Take(t.Context(), stopped); err != nil || got != second {
		t.Errorf("the one used last is not first: %v", err)
	}
	p.Put(second)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// A snapshot shows what was there when it was renewed, until the number of commits
// says that there is more, or it was ended.
func TestReaderRenews(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	writer, err := Open(path, 64)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := Run(writer, "CREATE TABLE x (n INTEGER)"); err != nil {
		t.Fatal(err)
	}
	var p Pool
	if err := p.Open(path, 1, 64); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	read := func(commits uint64, want int64) {
		t.Helper()
		conn, err := p.Take(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Put(conn)
		if err := conn.Renew(commits); err != nil {
			t.Fatal(err)
		}
		if n, err := Integer(conn.Conn, "SELECT count(*) FROM x"); err != nil || n != want {
			t.Errorf("%d rows, want %d: %v", n, want, err)
		}
	}
	read(1, 0)
	if err := Run(writer, "INSERT INTO x (n) VALUES (?)", 1); err != nil {
		t.Fatal(err)
	}
	read(1, 0)
	read(2, 1)
	if err := Run(writer, "INSERT INTO x (n) VALUES (?)", 2); err != nil {
		t.Fatal(err)
	}
	p.EndAll()
	read(2, 2)
}

// An epoch is over when no snapshot of it or of one before is in use.
func TestEpochs(t *testing.T) {
	t.Parallel()
	var e Epochs
	first, again := e.Enter(), e.Enter()
	ended := e.Next()
	later := e.Enter()
	for _, step := range []struct {
		leaves uint64
		over   bool
	}{{first, false}, {again, true}, {later, true}} {
		e.Leave(step.leaves)
		if e.Over(ended) != step.over {
			t.Errorf("after one of epoch %d has left, %d is over: %t", step.leaves, ended, !step.over)
		}
	}
}

// R12: a slow view has another connection in its place while it lasts; so many are at work
// as there are processors, and who waits for a turn gives up with the context.
func TestPoolReplacesSlowReaders(t *testing.T) {
	t.Parallel()
	var p Pool
	if err := p.Open(filepath.Join(t.TempDir(), "a.db"), 1, 64); err != nil {
		t.Fatal(err)
	}
	var slow []*Reader
	for range cap(p.turns) {
		conn, err := p.Take(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.Slow(t.Context(), conn), p.Slow(t.Context(), conn)); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	late, err := p.Take(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Slow(over, late); !errors.Is(err, directory.ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("one too many goes on: %v", err)
	}
	quick, err := p.Take(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := cap(p.turns) + 2; p.size != want {
		t.Errorf("%d connections, want %d", p.size, want)
	}
	p.Put(quick)
	for _, conn := range append(slow, late) {
		p.Put(conn)
	}
	if p.size != 1 || len(p.stack) != 1 || len(p.turns) != 0 || p.slow != 0 {
		t.Errorf("%d connections are left, %d free, %d at work, %d slow", p.size, len(p.stack), len(p.turns), p.slow)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
