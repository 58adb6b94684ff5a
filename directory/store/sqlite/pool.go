package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
)

// readConn is a connection of the pool. While nothing is written its snapshot
// stays open between views, which spares them the locks; an open snapshot would
// keep the log from being written over, so the writer has them closed first.
type readConn struct {
	*sqlite.Conn
	open bool
	seen uint64 // commits when the snapshot was opened, or fewer
}

// renew makes sure that the snapshot holds everything acknowledged so far.
func (c *readConn) renew(commits uint64) error {
	if c.open && c.seen == commits {
		return nil
	}
	if err := c.end(); err != nil {
		return err
	}
	c.seen = commits
	if err := run(c.Conn, "BEGIN"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	c.open = true
	return nil
}

// end closes the snapshot.
func (c *readConn) end() error {
	if !c.open {
		return nil
	}
	c.open = false
	if err := run(c.Conn, "ROLLBACK"); err != nil {
		return fmt.Errorf("end of snapshot: %w", err)
	}
	return nil
}

// pool holds the connections that are not in use. The one that was used last is
// handed out first: what it has in memory is most likely what is asked for.
type pool struct {
	free  chan struct{} // one for each connection in stack
	mu    sync.Mutex
	stack []*readConn
	size  int
}

// open fills the pool with n connections; on failure those that were opened are left
// for close.
func (p *pool) open(path string, n, cacheKiB int) error {
	p.free = make(chan struct{}, n)
	for range n {
		conn, err := openConn(path, cacheKiB)
		if err != nil {
			return err
		}
		p.add(&readConn{Conn: conn})
	}
	return nil
}

// add puts a new connection into the pool.
func (p *pool) add(conn *readConn) {
	p.size++
	p.put(conn)
}

func (p *pool) take(ctx context.Context, stopped <-chan struct{}) (*readConn, error) {
	select {
	case <-p.free:
	default:
		select {
		case <-p.free:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", directory.ErrBusy, ctx.Err())
		case <-stopped:
			return nil, directory.ErrClosed
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.stack) - 1
	conn := p.stack[last]
	p.stack = p.stack[:last]
	return conn, nil
}

func (p *pool) put(conn *readConn) {
	p.mu.Lock()
	p.stack = append(p.stack, conn)
	p.mu.Unlock()
	p.free <- struct{}{} // there is room for one each
}

// endAll closes the snapshots of the connections that are not in use.
func (p *pool) endAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.stack {
		_ = c.end() // renew will meet the same error
	}
}

// close closes all connections, waiting for those in use.
func (p *pool) close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for range p.size {
		conn, e := p.take(ctx, nil)
		if e != nil {
			return errors.Join(err, errors.New("a reader of the store did not end in time"))
		}
		err = errors.Join(err, conn.end(), conn.Close())
	}
	return err
}

// epochs tells when no snapshot older than a given moment is in use any more.
type epochs struct {
	mu     sync.Mutex
	now    uint64
	active map[uint64]int
}

func (e *epochs) enter() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.active == nil {
		e.active = map[uint64]int{}
	}
	e.active[e.now]++
	return e.now
}

func (e *epochs) leave(epoch uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.active[epoch]--; e.active[epoch] == 0 {
		delete(e.active, epoch)
	}
}

// next begins a new epoch and returns the one that ended.
func (e *epochs) next() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now++
	return e.now - 1
}

// over reports whether no snapshot of the epoch or an older one is in use.
func (e *epochs) over(epoch uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for have := range e.active {
		if have <= epoch {
			return false
		}
	}
	return true
}
