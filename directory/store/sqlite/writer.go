package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/index"
)

// maxBatch bounds the changes of one commit.
const maxBatch = 256

const (
	// idlePause is the pause in changes after which the index is written anyway: a
	// part every indexPace, so that no change waits long and readers keep most of the
	// processors.
	idlePause = 150 * time.Millisecond
	indexPace = 20 * time.Millisecond
	// For readersFirst after the last change it waits for a pause of the readers too,
	// whose reads are dearer beside it.
	readersFirst = 5 * time.Second
)

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
	defer s.index.Close()
	idle := time.NewTimer(idlePause)
	for {
		pause := idlePause
		select {
		case u, ok := <-s.queue:
			if !ok {
				return
			}
			s.commit(conn, u)
		case <-idle.C:
			if pause = s.idle(conn); pause == idlePause {
				s.fold(conn)
			}
		}
		idle.Reset(pause)
	}
}

// idle is called when no change has come for a while. It writes a part of the index,
// and says how long to wait before the next.
func (s *Store) idle(conn *sqlite.Conn) time.Duration {
	if s.index.Renew(conn) != nil {
		return idlePause
	}
	s.index.Written()
	if s.reading() && time.Since(s.changed) < readersFirst || !s.index.Behind() {
		return idlePause
	}
	s.wake()
	if s.index.Write(conn) != nil {
		return idlePause // it is tried again
	}
	s.commits.Add(1)
	s.index.Written()
	return indexPace
}

// fold copies the log back into the file in a pause, so that commits seldom have to.
func (s *Store) fold(conn *sqlite.Conn) {
	if now := s.commits.Load(); now != s.folded {
		_ = db.Run(conn, "PRAGMA wal_checkpoint(PASSIVE)") // a commit does what this does not, and tells
		s.folded = now
	}
}

// commit runs a first change and all that have queued up meanwhile in one
// transaction, and answers each after the commit.
func (s *Store) commit(conn *sqlite.Conn, first *update) {
	began := time.Now()
	s.wake()
	b := batch{store: s, conn: conn, counts: map[block]int64{}, totals: map[total]sum{}}
	b.begin()
	for u := first; u != nil; u = s.next(&b) {
		b.take(u)
	}
	err := b.finish()
	if err == nil && len(b.waiting) > 0 {
		s.changed = time.Now()
		s.opts.OnCommit(len(b.waiting), time.Since(began))
	}
	for _, u := range b.waiting {
		u.done <- err
	}
	for _, r := range b.refused {
		if err != nil {
			r.err = err // what it was refused for is not there after all
		}
		r.done <- r.err
	}
}

// patience is how often the writer lets requests that could run go first, before
// it commits: those that are about to queue a change share the commit then, whose
// cost hardly depends on how many they are. Nobody waits for requests to come.
const patience = 3

// next is another change for the batch, or nil when it should be committed.
func (s *Store) next(b *batch) *update {
	if len(b.waiting) >= maxBatch {
		return nil
	}
	for range patience {
		select {
		case u := <-s.queue: // nil when the queue is closed
			return u
		default:
			runtime.Gosched()
		}
	}
	return nil
}

// refusal is a change that leaves nothing. It may rest on others of its batch, so
// its answer waits for the commit as theirs does (R4).
type refusal struct {
	*update
	err error
}

// batch is the transaction under way, and what it leaves to be done at its end.
type batch struct {
	store   *Store
	conn    *sqlite.Conn
	waiting []*update
	refused []refusal
	wrote   bool
	err     error // the transaction could not begin
	indexed index.Changes
	counts  map[block]int64 // not yet in the table
	totals  map[total]sum   // running totals that were looked at
	free    []index.Key     // unique keys that the change under way found free
	moves   []move          // keys of documents that the change under way has moved, but for the table
}

// block is a row of the table block.
type block struct{ org, kind, num int64 }

func (b *batch) begin() {
	err := b.store.index.Renew(b.conn)
	if err == nil {
		err = db.Run(b.conn, "BEGIN IMMEDIATE")
	}
	if err != nil {
		b.err = fmt.Errorf("%w: begin: %w", directory.ErrBusy, err)
	}
}

// take carries out one change. One that is refused before it has written, as
// nearly all refusals are, leaves nothing. One that fails later takes the
// transaction down: those before it are carried out again, without it.
func (b *batch) take(u *update) {
	b.free, b.moves = nil, b.moves[:0]
	t := &tx{reader: reader{store: b.store, conn: b.conn, batch: b}}
	err := t.run(u)
	if err == nil {
		b.waiting = append(b.waiting, u)
		b.wrote = b.wrote || t.wrote
		return
	}
	b.refused = append(b.refused, refusal{u, err})
	if !t.wrote {
		return
	}
	again := b.waiting
	b.rollback()
	b.begin()
	for _, u := range again {
		b.take(u)
	}
}

// rollback forgets everything that the batch has done.
func (b *batch) rollback() {
	b.waiting, b.indexed, b.wrote = nil, nil, false
	clear(b.counts)
	clear(b.totals)
	if !b.conn.AutocommitEnabled() {
		b.err = db.Run(b.conn, "ROLLBACK")
	}
}

func (t *tx) run(u *update) (err error) {
	if t.batch.err != nil {
		return t.batch.err
	}
	if err := u.ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", directory.ErrBusy, err)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	if err := u.fn(t); err != nil {
		return err
	}
	return t.batch.writeMoves()
}

// finish commits, taking a part of the search index along. On failure nothing
// of the batch remains, and the index in memory is made anew.
func (b *batch) finish() error {
	if b.err != nil || !b.wrote {
		if !b.conn.AutocommitEnabled() {
			return errors.Join(b.err, db.Run(b.conn, "ROLLBACK"))
		}
		return b.err
	}
	err := b.flush()
	if err == nil {
		err = b.store.index.Along(b.conn, len(b.waiting), b.indexed)
	}
	if err == nil {
		err = db.Run(b.conn, "COMMIT")
	}
	if err == nil {
		b.store.commits.Add(1)
		b.store.index.Written()
		return nil
	}
	err = fmt.Errorf("%w: commit: %w", directory.ErrBusy, err)
	if !b.conn.AutocommitEnabled() {
		err = errors.Join(err, db.Run(b.conn, "ROLLBACK"))
	}
	return errors.Join(err, b.store.index.Reload(b.conn))
}

// flush brings the table block up to date with the batch.
func (b *batch) flush() error {
	for k, n := range b.counts {
		if err := db.Run(b.conn, `INSERT INTO block (org, kind, block, n) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET n = n + excluded.n`, k.org, k.kind, k.num, n); err != nil {
			return err
		}
	}
	clear(b.counts)
	return b.writeTotals()
}
