// Package server is the SCIM protocol over HTTP (RFC 7644, RFC 9865): routes,
// negotiation, lists, Bulk, discovery and errors over a directory.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim/schemas"
)

// Prefix is the path under which the service provider answers.
const Prefix = "/scim/v2"

// Directory is what the protocol needs of the domain.
type Directory interface {
	Read(ctx context.Context, fn func(directory.Reader) error) error
	// ReadAs reads with the externalIds of a client; see Service.ReadAs.
	ReadAs(ctx context.Context, client directory.ConnectionID, fn func(directory.Reader) error) error
	directory.Changes
	Together(ctx context.Context, fn func(directory.Changes) error) error
	Preview(ctx context.Context, req directory.Request) (*directory.Plan, error)
	Now() time.Time
	// Over is what a rehearsal is made of.
	Over(store func(directory.Store) directory.Store) *directory.Service
}

// Options of a Server; zero values are replaced by the defaults named.
type Options struct {
	BaseURL        string // public URL that ends in Prefix; all locations begin with it (K24)
	BodyBytes      int64  // default 1 MiB
	BulkBytes      int64  // default 4 MiB
	BulkOperations int    // default 1000
	PageSize       int    // default 100: resources of a page when count is not given
	MaxPageSize    int    // default 200
	Timeout        time.Duration
	Concurrency    int           // requests worked on at once, default 64
	Queue          int           // requests waiting beyond that, default 256
	QueueWait      time.Duration // default 50 ms
	CursorKey      []byte        // signs cursors; cursors are refused elsewhere
	CursorLifetime time.Duration // default 1 h
	Clock          func() time.Time
	Logger         *slog.Logger
	Metrics        *Metrics
}

func (o Options) withDefaults() Options {
	defaultTo(&o.BodyBytes, 1<<20)
	defaultTo(&o.BulkBytes, 4<<20)
	defaultTo(&o.BulkOperations, 1000)
	defaultTo(&o.PageSize, 100)
	defaultTo(&o.MaxPageSize, 200)
	defaultTo(&o.Timeout, 30*time.Second)
	defaultTo(&o.Concurrency, 64)
	defaultTo(&o.Queue, 256)
	defaultTo(&o.QueueWait, 50*time.Millisecond)
	defaultTo(&o.CursorLifetime, time.Hour)
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	if o.BaseURL == "" {
		o.BaseURL = "http://127.0.0.1:8080" + Prefix
	}
	if o.Clock == nil {
		o.Clock = func() time.Time { return time.Now() }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return o
}

func defaultTo[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Server answers SCIM requests.
type Server struct {
	dir       Directory
	reg       *schemas.Registry
	authn     auth.Authenticator
	opts      Options
	routes    routes
	discovery discovery
	gate      *gate
	limits    *limits
}

// New makes a Server.
func New(dir Directory, reg *schemas.Registry, authn auth.Authenticator, o Options) *Server {
	s := &Server{dir: dir, reg: reg, authn: authn, opts: o.withDefaults()}
	s.routes = newRoutes(reg)
	s.discovery = newDiscovery(reg, s.opts)
	s.gate = newGate(s.opts)
	s.limits = newLimits()
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := newExchange(s, w, r)
	x.answer()
	x.drain()
}
