package db

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
)

// Reader is a connection of the pool. While nothing is written its snapshot
// stays open between views, which spares them the locks; an open snapshot would
// keep the log from being written over, so the writer has them closed first.
type Reader struct {
	*sqlite.Conn
	open bool
	seen uint64 // commits when the snapshot was opened, or fewer
	slow bool   // see Slow
	turn bool   // it is one of those at work
}

// Renew makes sure that the snapshot holds everything acknowledged so far.
func (c *Reader) Renew(commits uint64) error {
	if c.open && c.seen == commits {
		return nil
	}
	if err := c.End(); err != nil {
		return err
	}
	c.seen = commits
	if err := Run(c.Conn, "BEGIN"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	c.open = true
	return nil
}

// End closes the snapshot.
func (c *Reader) End() error {
	if !c.open {
		return nil
	}
	c.open = false
	if err := Run(c.Conn, "ROLLBACK"); err != nil {
		return fmt.Errorf("end of snapshot: %w", err)
	}
	return nil
}

// Pool holds the connections that are not in use. The one that was used last is
// handed out first: what it has in memory is most likely what is asked for.
type Pool struct {
	path     string
	cacheKiB int
	free     chan struct{} // one for each connection in stack
	turns    chan struct{} // one for each slow view that is at work

	mu    sync.Mutex
	stack []*Reader
	size  int // connections that there are
	quick int // of them those for views that are not slow
	slow  int // and those in use by slow ones
	over  bool
}

// mostSlow bounds the connections that are opened in place of those in use by slow views:
// each keeps some of the file in memory.
const mostSlow = 64

// Open fills the pool with n connections; on failure those that were opened are left
// for Close.
func (p *Pool) Open(path string, n, cacheKiB int) error {
	p.path, p.cacheKiB, p.quick = path, cacheKiB, n
	p.free, p.turns = make(chan struct{}, n+mostSlow), make(chan struct{}, max(1, runtime.NumCPU()))
	for range n {
		conn, err := Open(path, cacheKiB)
		if err != nil {
			return err
		}
		p.add(&Reader{Conn: conn})
	}
	return nil
}

// add puts a new connection into the pool.
func (p *Pool) add(conn *Reader) {
	p.size++
	p.Put(conn)
}

// Take hands out a connection, when there is one. It fails with
// directory.ErrBusy when the context ends before that, and with directory.ErrClosed when
// stopped is closed.
func (p *Pool) Take(ctx context.Context, stopped <-chan struct{}) (*Reader, error) {
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

// Put takes a connection back. One more than are needed is closed.
func (p *Pool) Put(conn *Reader) {
	p.mu.Lock()
	if conn.turn {
		<-p.turns
	}
	if conn.slow {
		p.slow--
	}
	conn.slow, conn.turn = false, false
	if p.size > p.quick+p.slow {
		p.size--
		p.mu.Unlock()
		_ = errors.Join(conn.End(), conn.Close()) // it was only read from
		return
	}
	p.stack = append(p.stack, conn)
	p.mu.Unlock()
	p.free <- struct{}{} // there is room for one each
}

// Slow is told that what a connection is used for takes its time. Another one takes its
// place, for views that do not, and it goes on when it is its turn: a few slow views are
// at work at once, or many of one caller would keep everybody else waiting (R12). It fails
// with directory.ErrBusy when the context ends before that.
func (p *Pool) Slow(ctx context.Context, conn *Reader) error {
	if conn.slow {
		return nil
	}
	conn.slow = true
	p.mu.Lock()
	p.slow++
	short := !p.over && p.slow <= mostSlow && p.size < p.quick+p.slow
	if short {
		p.size++
	}
	p.mu.Unlock()
	if short {
		p.grow()
	}
	select {
	case p.turns <- struct{}{}:
		conn.turn = true
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", directory.ErrBusy, ctx.Err())
	}
}

// grow opens a connection that was counted already; where that fails the others do.
func (p *Pool) grow() {
	conn, err := Open(p.path, p.cacheKiB)
	if err != nil {
		p.mu.Lock()
		p.size--
		p.mu.Unlock()
		return
	}
	p.Put(&Reader{Conn: conn})
}

// EndAll closes the snapshots of the connections that are not in use.
func (p *Pool) EndAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.stack {
		_ = c.End() // Renew will meet the same error
	}
}

// Close closes all connections, waiting for those in use.
func (p *Pool) Close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p.mu.Lock()
	n := p.size
	p.over, p.quick = true, n // from now on none is opened, or closed but here
	p.mu.Unlock()
	for range n {
		conn, e := p.Take(ctx, nil)
		if e != nil {
			return errors.Join(err, errors.New("a reader of the store did not end in time"))
		}
		err = errors.Join(err, conn.End(), conn.Close())
	}
	return err
}
