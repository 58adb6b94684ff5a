// Package mongo is the store for many replicas: every process of Usher works on one
// MongoDB replica set, which keeps everything. See docs/decisions/0012-mongodb.md.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/outbox"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/journal"
	"github.com/usher-scim/usher/directory/store/mongo/internal/listing"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/directory/store/mongo/internal/registry"
	"github.com/usher-scim/usher/directory/store/mongo/internal/search"
	"github.com/usher-scim/usher/scim/schemas"
)

// DefaultDatabase is the database where the address names none.
const DefaultDatabase = "usher"

// Options of Open; the zero value works.
type Options struct {
	Registry *schemas.Registry // default schemas.Default
	// Timeout bounds one question to the server, and the time until a change under
	// contention is given up; default 10 s.
	Timeout time.Duration
	// OnCommit is told of every change: how many tries it took and how long.
	OnCommit func(tries int, took time.Duration)
	// OnFind is told how each query was answered: list, index, verify or scan.
	OnFind func(plan string)
	// Monitor hears every command, as tests and metrics do.
	Monitor *event.CommandMonitor
	// Migrate makes what is missing in a database that has data already, which
	// Open refuses otherwise.
	Migrate bool
	// OnBuild is told of every index before it is built.
	OnBuild func(doing string)
	// BuildTimeout bounds the building of indexes; default a day.
	BuildTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Registry == nil {
		o.Registry = schemas.Default
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
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
	if o.BuildTimeout <= 0 {
		o.BuildTimeout = 24 * time.Hour
	}
	return o
}

// Store is a directory.Store, directory.Registry, directory.Settings and
// outbox.Queue over one MongoDB database. Many may work on the same one.
type Store struct {
	*events
	*operated

	opts    Options
	client  *driver.Client
	has     collections
	self    string // names this process in leases
	server  string
	kinds   record.Kinds // since the start
	form    *record.Form
	lists   *listing.Book
	records *search.Records
	gates   sync.Map // of *gate, by organization
	health  health
	closed  chan struct{}
	once    sync.Once

	refresh    sync.Mutex
	refreshing map[directory.OrgID]*refreshing
}

// Parts of a store whose methods are its own.
type (
	events   = journal.Journal
	operated = registry.Registry
)

var (
	_ directory.Store    = (*Store)(nil)
	_ directory.Registry = (*Store)(nil)
	_ directory.Settings = (*Store)(nil)
	_ outbox.Queue       = (*Store)(nil)
)

// collections are where everything is kept.
type collections struct {
	resource, claim, edge, document, event, guard, organization, connection, token, setting, state *driver.Collection
}

// all lists them.
func (c collections) all() []*driver.Collection {
	return []*driver.Collection{c.resource, c.claim, c.edge, c.document, c.event, c.guard, c.organization, c.connection, c.token, c.setting, c.state}
}

// db is the database of the store.
func (s *Store) db() *driver.Database { return s.has.state.Database() }

// Open connects to the server that a mongodb:// or mongodb+srv:// address names,
// and refuses one without transactions. An empty database is furnished; one that has
// data must be complete, or be made so by Options.Migrate.
func Open(ctx context.Context, uri string, o Options) (*Store, error) {
	s := &Store{opts: o.withDefaults(), self: uuid.NewString(), closed: make(chan struct{}), refreshing: map[directory.OrgID]*refreshing{}}
	s.form = record.FormOf(s.opts.Registry)
	yes := true
	config := options.Client().ApplyURI(uri).SetAppName("usher").SetTimeout(s.opts.Timeout).SetServerSelectionTimeout(s.opts.Timeout).
		SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Majority()).SetRetryReads(true).SetRetryWrites(true).
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &yes}).SetMonitor(s.opts.Monitor)
	client, err := driver.Connect(config)
	if err != nil {
		return nil, fmt.Errorf("the address of MongoDB cannot be used: %w", err)
	}
	s.client = client
	db := client.Database(databaseOf(uri))
	s.has = collections{
		resource: db.Collection("resource"), claim: db.Collection("claim"), edge: db.Collection("edge"), document: db.Collection("document"), event: db.Collection("event"), guard: db.Collection("guard"),
		organization: db.Collection("organization"), connection: db.Collection("connection"), token: db.Collection("token"), setting: db.Collection("setting"), state: db.Collection("state"),
	}
	s.events, s.operated = journal.New(db, s.self), registry.New(db, s.self, s.guard)
	s.records = &search.Records{Resource: s.has.resource, Claim: s.has.claim, Edge: s.has.edge, Form: s.form, OnFind: s.opts.OnFind}
	s.lists = &listing.Book{DB: db, Slot: serverSlot(), Registry: s.opts.Registry, Form: s.form, OnBuild: s.opts.OnBuild, BuildTimeout: s.opts.BuildTimeout}
	if s.server, err = s.check(ctx, db); err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, client.Disconnect(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// databaseOf is the database that an address names. Addresses with several hosts
// are no URLs to Go.
func databaseOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	rest = rest[strings.LastIndex(rest, "@")+1:]
	if _, name, ok := strings.Cut(rest, "/"); ok && name != "" {
		return name
	}
	return DefaultDatabase
}

// Server says which server the store works on.
func (s *Store) Server() string { return s.server }

// Ready fails when there is no primary that answers, or when indexes are missing.
func (s *Store) Ready(ctx context.Context) error {
	if s.isClosed() {
		return directory.ErrClosed
	}
	if err := s.client.Ping(ctx, readpref.Primary()); err != nil {
		return failure.Busy(err)
	}
	return s.whole(ctx)
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// Close ends the connections. Changes under way are given up.
func (s *Store) Close() (err error) {
	s.once.Do(func() {
		close(s.closed)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = s.client.Disconnect(ctx)
	})
	return err
}

// Backup refuses: the server is not this program's to copy.
func (s *Store) Backup(context.Context, string) error {
	return errors.New("the data is in MongoDB; back it up with mongodump --oplog or with snapshots of the replica set")
}
