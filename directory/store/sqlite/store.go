// Package sqlite is the embedded store: one file, one writer that commits the
// changes of many requests together, and readers that each see a snapshot.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/index"
	"github.com/usher-scim/usher/scim/schemas"
)

// ErrInUse says that another process has the store open.
var ErrInUse = errors.New("the data is in use by another usher process; stop it first, or talk to it instead")

// How much of the file each connection keeps in memory.
const (
	writerCacheKiB = 8 << 10
	readerCacheKiB = 2 << 10
	probeCacheKiB  = 64
)

// Options of Open; the zero value works.
type Options struct {
	Registry *schemas.Registry // default schemas.Default
	Readers  int               // connections for reading; default 2 per processor
	// OnCommit is told of every commit: how many changes it held and how long
	// it took to become durable.
	OnCommit func(changes int, took time.Duration)
	// OnFind is told how each query was answered: list, index, verify or scan.
	OnFind func(plan string)
	// OnBuild is told what is done to the index before it is done, where the
	// configuration marks other attributes than before.
	OnBuild func(doing string)
}

func (o Options) withDefaults() Options {
	if o.Registry == nil {
		o.Registry = schemas.Default
	}
	if o.Readers <= 0 {
		o.Readers = max(4, 2*runtime.NumCPU())
	}
	if o.OnCommit == nil {
		o.OnCommit = func(int, time.Duration) {}
	}
	if o.OnFind == nil {
		o.OnFind = func(string) {}
	}
	if o.OnBuild == nil {
		o.OnBuild = func(string) {}
	}
	return o
}

// Store is a directory.Store, directory.Registry and directory.Settings over
// one SQLite file.
type Store struct {
	path    string
	opts    Options
	lock    *os.File
	readers db.Pool
	probe   db.Pool // of one connection: whether the store answers must not wait for requests
	desk    db.Pool // for what operators set up, see look
	audits  db.Pool // for the trail, of which one question may look at all events
	views   db.Epochs
	commits atomic.Uint64 // of the writer, each counted before it is acknowledged
	latest  atomic.Int64  // when the writer was last at work, in Unix nanoseconds
	read    atomic.Int64  // when a view last ended, likewise
	changed time.Time     // when the last changes were committed; the writer's
	folded  uint64        // commits when the log was last folded back in a pause; the writer's
	names   *dictionary.Names
	sorts   sorts
	joined  joined
	index   *index.Index

	queue   chan *update
	stopped chan struct{} // closed when the writer has ended
	mu      sync.RWMutex  // guards closed against sends to queue
	closed  bool
}

// Open opens the file, creating it if need be, and brings its tables up to date.
// It fails with ErrInUse while another process has it open.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	s := &Store{path: path, opts: o.withDefaults(), queue: make(chan *update, 1024), stopped: make(chan struct{})}
	if err := s.acquire(); err != nil {
		return nil, err
	}
	writer, err := s.open(ctx)
	if err != nil {
		s.release()
		if code := sqlite.ErrCode(err).ToPrimary(); code == sqlite.ResultCorrupt || code == sqlite.ResultNotADB {
			err = fmt.Errorf("the data file %s is damaged, or not one of Usher's; restore a backup: %w", path, err)
		}
		return nil, err
	}
	go s.write(writer)
	s.joined.begin(s)
	return s, nil
}

func (s *Store) open(ctx context.Context) (*sqlite.Conn, error) {
	writer, err := db.Open(s.path, writerCacheKiB)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, writer); err != nil {
		writer.Close()
		return nil, err
	}
	if err := errors.Join(s.readers.Open(s.path, s.opts.Readers, readerCacheKiB), s.probe.Open(s.path, 1, probeCacheKiB),
		s.desk.Open(s.path, 2, probeCacheKiB), s.audits.Open(s.path, 2, probeCacheKiB)); err != nil {
		return nil, errors.Join(err, writer.Close(), s.closeReaders())
	}
	return writer, nil
}

// prepare brings the tables up to date and reads what is kept in memory.
func (s *Store) prepare(ctx context.Context, writer *sqlite.Conn) (err error) {
	if err = migrate(ctx, writer); err != nil {
		return err
	}
	if err = whole(writer); err != nil {
		return err
	}
	if s.names, err = dictionary.Load(writer, s.opts.Registry); err != nil {
		return err
	}
	if s.index, err = index.Open(ctx, writer, s.names, &s.views, s.opts.OnBuild); err != nil {
		return err
	}
	return s.sorts.load(writer)
}

// acquire takes the lock that keeps a second process out.
func (s *Store) acquire() error {
	f, err := os.OpenFile(s.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("the data folder cannot be written to; make it that of the user who runs Usher: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return ErrInUse
	}
	s.lock = f
	return nil
}

func (s *Store) release() { s.lock.Close() }

// View calls fn with one snapshot of the store.
func (s *Store) View(ctx context.Context, fn func(directory.Reader) error) error {
	conn, err := s.readers.Take(ctx, s.stopped)
	if err != nil {
		return err
	}
	epoch := s.views.Enter()
	defer func() {
		s.views.Leave(epoch)
		now := time.Now().UnixNano()
		s.read.Store(now)
		if !s.quiet(now) {
			_ = conn.End() // Renew will meet the same error
		}
		s.readers.Put(conn)
	}()
	if err := conn.Renew(s.commits.Load()); err != nil {
		return err
	}
	return fn(&reader{store: s, conn: conn.Conn, pooled: conn, began: time.Now()})
}

// quietAfter is the pause in writing after which snapshots are kept open.
const quietAfter = 20 * time.Millisecond

// quiet reports whether nothing has been written for a while.
func (s *Store) quiet(now int64) bool { return now-s.latest.Load() > int64(quietAfter) }

// reading reports whether something was read a moment ago.
func (s *Store) reading() bool { return time.Now().UnixNano()-s.read.Load() < int64(idlePause) }

// wake is called by the writer before it writes: after a pause it closes the
// snapshots that were left open.
func (s *Store) wake() {
	now := time.Now().UnixNano()
	wasQuiet := s.quiet(now)
	s.latest.Store(now)
	if wasQuiet {
		s.readers.EndAll()
	}
}

// Ready fails when the store cannot answer a trivial read.
func (s *Store) Ready(ctx context.Context) error {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return directory.ErrClosed
	}
	conn, err := s.probe.Take(ctx, s.stopped)
	if err != nil {
		return err
	}
	defer s.probe.Put(conn)
	_, err = db.Integer(conn.Conn, "SELECT n FROM mark WHERE name='indexed'")
	return err
}

func (s *Store) closeReaders() error {
	return errors.Join(s.readers.Close(), s.probe.Close(), s.desk.Close(), s.audits.Close())
}

// Close waits for the changes already asked for, folds the log back into the
// file and closes it.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.mu.Unlock()
	s.joined.end()
	<-s.stopped
	err := s.closeReaders()
	s.release()
	return err
}
