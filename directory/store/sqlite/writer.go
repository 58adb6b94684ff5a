package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
)

// maxBatch bounds the changes of one commit.
const maxBatch = 256

// update is one change waiting for the writer.
type update struct {
	ctx  context.Context
	fn   func(directory.Tx) error
	done chan error
}

// Update hands fn to the writer and returns after the commit it became part of
// is durable. Requests that come while a commit is on its way share the next.
func (s *Store) Update(ctx context.Context, fn func(directory.Tx) error) error {
	u := &update{ctx: ctx, fn: fn, done: make(chan error, 1)}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return directory.ErrClosed
	}
	select {
	case s.queue <- u:
		s.mu.RUnlock()
	case <-ctx.Done():
		s.mu.RUnlock()
		return fmt.Errorf("%w: %w", directory.ErrBusy, ctx.Err())
	}
	return <-u.done // the writer always answers; a change under way is not abandoned
}

// write is the writer: the only goroutine that changes the file.
func (s *Store) write(conn *sqlite.Conn) {
	defer close(s.stopped)
	defer conn.Close()
	idle := time.NewTimer(drainIdle)
	for {
		select {
		case u, ok := <-s.queue:
			if !ok {
				return
			}
			s.commit(conn, u)
			s.tail.step(conn, s, len(s.queue) > 0)
		case <-idle.C:
			s.tail.idle(conn, s)
		}
		idle.Reset(drainIdle)
	}
}

// commit runs a first change and all that have queued up meanwhile in one
// transaction, and answers each after the commit.
func (s *Store) commit(conn *sqlite.Conn, first *update) {
	began := time.Now()
	s.wake()
	if err := run(conn, "BEGIN IMMEDIATE"); err != nil {
		first.done <- fmt.Errorf("%w: begin: %w", directory.ErrBusy, err)
		return
	}
	b := batch{store: s, conn: conn}
	for u := first; u != nil; u = s.next(&b) {
		if err := b.run(u); err != nil {
			u.done <- err // nothing of it is in the transaction
			continue
		}
		b.waiting = append(b.waiting, u)
	}
	err := b.finish()
	if err == nil && len(b.waiting) > 0 {
		s.opts.OnCommit(len(b.waiting), time.Since(began))
	}
	for _, u := range b.waiting {
		u.done <- err
	}
}

// next is another change for the batch, or nil when it should be committed.
func (s *Store) next(b *batch) *update {
	if len(b.waiting) >= maxBatch {
		return nil
	}
	select {
	case u := <-s.queue: // nil when the queue is closed
		return u
	default:
		return nil
	}
}

// batch is the transaction under way.
type batch struct {
	store   *Store
	conn    *sqlite.Conn
	waiting []*update
	wrote   bool
}

// run carries out one change; when it fails nothing of it remains.
func (b *batch) run(u *update) (err error) {
	if err := u.ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", directory.ErrBusy, err)
	}
	t := &tx{reader: reader{store: b.store, conn: b.conn}}
	t.own = t
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
		if t.began && err != nil {
			err = errors.Join(err, run(b.conn, "ROLLBACK TO change"))
		}
		if t.began {
			err = errors.Join(err, run(b.conn, "RELEASE change"))
		}
		if t.began && err == nil {
			b.merge(t)
		}
	}()
	return u.fn(t)
}

// merge takes over what a successful change left to be done at the commit.
func (b *batch) merge(t *tx) {
	b.wrote = true
	b.store.tail.add(t.added, t.removed)
}

// finish commits. On failure nothing of the
// batch remains, and the search index in memory is made anew.
func (b *batch) finish() error {
	if !b.wrote {
		return run(b.conn, "ROLLBACK")
	}
	err := run(b.conn, "COMMIT")
	if err == nil {
		b.store.commits.Add(1)
		return nil
	}
	err = fmt.Errorf("%w: commit: %w", directory.ErrBusy, err)
	if !b.conn.AutocommitEnabled() {
		err = errors.Join(err, run(b.conn, "ROLLBACK"))
	}
	return errors.Join(err, b.store.tail.reload(b.conn, &b.store.names))
}
