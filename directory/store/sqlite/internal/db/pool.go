package db

import (
	"context"
	"errors"
	"fmt"
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
	free  chan struct{} // one for each connection in stack
	mu    sync.Mutex
	stack []*Reader
	size  int
}

// Open fills the pool with n connections; on failure those that were opened are left
// for Close.
func (p *Pool) Open(path string, n, cacheKiB int) error {
	p.free = make(chan struct{}, n)
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

// Put takes a connection back.
func (p *Pool) Put(conn *Reader) {
	p.mu.Lock()
	p.stack = append(p.stack, conn)
	p.mu.Unlock()
	p.free <- struct{}{} // there is room for one each
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
	for range p.size {
		conn, e := p.Take(ctx, nil)
		if e != nil {
			return errors.Join(err, errors.New("a reader of the store did not end in time"))
		}
		err = errors.Join(err, conn.End(), conn.Close())
	}
	return err
}
