// Package app puts the parts of the server together. It is the only place that
// knows both the configuration and concrete stores.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-scim/usher/admin"
	"github.com/usher-scim/usher/admin/inventory"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/oidc"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/outbox"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/scim/schemas"
	"github.com/usher-scim/usher/scim/server"
)

// App is a server that is put together but does not listen yet.
type App struct {
	cfg      config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	types    *schemas.Registry
	store    Store
	service  *directory.Service
	time     *lifecycle.Clock // what time brings
	tokens   *token.Manager
	verifier *token.Verifier
	metrics  *server.Metrics
	cursor   []byte // signs cursors
	loops    []loop
	handler  http.Handler
	control  http.Handler
	doors    []*door // open, and not yet served
	stopping atomic.Bool
	cleanup  []func() error
}

// loop is work in the background; it ends with its context.
type loop func(ctx context.Context) error

// New opens the store and builds everything on it. Close undoes it.
func New(ctx context.Context, cfg config.Config, logs io.Writer) (*App, error) {
	a := &App{cfg: cfg, registry: prometheus.NewRegistry()}
	opts := &slog.HandlerOptions{Level: cfg.Log.Level}
	if cfg.Log.Format == "text" {
		a.log = slog.New(slog.NewTextHandler(logs, opts))
	} else {
		a.log = slog.New(slog.NewJSONHandler(logs, opts))
	}
	for _, build := range []func(context.Context) error{a.buildStore, a.buildAuth, a.buildSCIM, a.buildControl} {
		if err := build(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// Close ends what New began, in reverse order.
func (a *App) Close() error {
	err := closeAll(a.doors)
	a.doors = nil
	for i := len(a.cleanup) - 1; i >= 0; i-- {
		err = errors.Join(err, a.cleanup[i]())
	}
	a.cleanup = nil
	return err
}

func (a *App) buildStore(ctx context.Context) (err error) {
	if a.types, err = Types(a.cfg); err != nil {
		return err
	}
	tell := func(doing string) { a.log.Info("the data is brought up to date", "doing", doing) }
	if a.store, err = openStore(ctx, a.cfg, a.types, a.registry, false, tell); err != nil {
		return err
	}
	a.cleanup = append(a.cleanup, a.store.Close)
	if err := a.unfilled(ctx); err != nil {
		return err
	}
	if s, ok := a.store.(*mongo.Store); ok {
		a.log.Info("the data is in MongoDB", "server", s.Server())
	}
	a.service = directory.New(a.store, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves, Trail: a.store})
	a.time = &lifecycle.Clock{Service: a.service}
	lag := prometheus.NewGauge(prometheus.GaugeOpts{Name: "usher_outbox_lag_seconds", Help: "Age of the oldest event that is not delivered."})
	waiting := prometheus.NewGauge(prometheus.GaugeOpts{Name: "usher_outbox_waiting_events", Help: "Events that are not delivered."})
	a.registry.MustRegister(lag, waiting)
	relay := outbox.New(a.store, nil, outbox.Options{Poll: a.cfg.Outbox.Poll, Logger: a.log, OnLag: func(d time.Duration, n int) {
		lag.Set(d.Seconds())
		waiting.Set(float64(n))
	}})
	a.loops = append(a.loops, relay.Run, a.nameOlder)
	return nil
}

// Types makes the registry of the built-in and the configured resource types. What
// is wrong with the documents is told as config.Problems.
func Types(cfg config.Config) (*schemas.Registry, error) {
	documents := func(docs []config.Document) (all []schemas.Document) {
		for _, d := range docs {
			all = append(all, schemas.Document{Name: d.Path, Data: d.Data})
		}
		return all
	}
	reg, err := schemas.NewRegistry(documents(cfg.Schemas), documents(cfg.ResourceTypes))
	var wrong schemas.Problems
	if !errors.As(err, &wrong) {
		return reg, err
	}
	var problems config.Problems
	for _, p := range wrong {
		problems = append(problems, config.Problem{Source: p.Document, Message: p.Message + "."})
	}
	return nil, problems
}

func (a *App) buildAuth(ctx context.Context) error {
	opts := token.Options{}
	if a.cfg.Store.Shared() {
		opts.MaxAge = sharedAge
	}
	a.verifier = token.New(a.store, a.store, opts)
	a.tokens = token.NewManager(a.store, a.store, token.ManagerOptions{Changed: a.verifier.Invalidate})
	a.loops = append(a.loops, a.flushTokens)
	if s, ok := a.store.(*mongo.Store); ok { // a hint; what is remembered lapses without it
		a.loops = append(a.loops, func(ctx context.Context) error { return s.Watch(ctx, a.verifier.InvalidateAll) })
	}
	return nil
}

func (a *App) buildSCIM(ctx context.Context) error {
	chain := auth.Chain{Tokens: a.verifier}
	if len(a.cfg.Issuers) > 0 {
		issuers, err := a.issuers()
		if err != nil {
			return err
		}
		chain.Issuers = issuers
	}
	var err error
	if a.cursor, err = a.cursorKey(ctx); err != nil {
		return err
	}
	a.metrics = server.NewMetrics(a.registry)
	a.handler = doors{server.New(a.service, a.types, chain, a.scimOptions()), admin.New(a.ports(chain))}
	a.loops = append(a.loops, a.clock)
	if s, ok := a.store.(refresher); ok {
		a.loops = append(a.loops, func(ctx context.Context) error { return a.refresh(ctx, s) })
	}
	return nil
}

// ports are what the admin API works on, for callers of one kind.
func (a *App) ports(authn auth.Authenticator) admin.Ports {
	var resolver inventory.Resolver = net.DefaultResolver
	if a.cfg.DNSServer != "" {
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, a.cfg.DNSServer)
		}}
	}
	return admin.Ports{Service: a.service, Registry: a.store, Trail: a.store, Authn: authn, Resolver: resolver, Version: "1", Logger: a.log}
}

// doors are the two protocols behind the public address.
type doors struct{ scim, api http.Handler }

// ServeHTTP sends a request to its protocol. SCIM answers for whatever is not the
// admin API's.
func (d doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.EscapedPath(), operation.Prefix+"/") {
		d.api.ServeHTTP(w, r)
		return
	}
	d.scim.ServeHTTP(w, r)
}

func (a *App) scimOptions() server.Options {
	l := a.cfg.Limits
	return server.Options{BaseURL: a.BaseURL(), BodyBytes: int64(l.BodyBytes), BulkBytes: int64(l.BulkBodyBytes), BulkOperations: l.BulkOperations,
		PageSize: l.PageSize, MaxPageSize: l.MaxPageSize, Timeout: l.RequestTimeout, Concurrency: l.Concurrency, Queue: l.Queue, QueueWait: l.QueueWait,
		CursorKey: a.cursor, CursorLifetime: a.cfg.Cursor.Lifetime, Logger: a.log, Metrics: a.metrics}
}

// BaseURL is the URL that clients are given.
func (a *App) BaseURL() string { return a.cfg.PublicURL() + server.Prefix }

// CheckIssuers reports what the configured issuers would keep a server from starting for.
func CheckIssuers(cfg config.Config) error {
	if len(cfg.Issuers) == 0 {
		return nil
	}
	_, err := oidc.New(bindings(cfg), nil, oidc.Options{})
	return err
}

func bindings(cfg config.Config) (all []oidc.Binding) {
	for _, i := range cfg.Issuers {
		all = append(all, oidc.Binding{Issuer: i.Issuer, JWKSURL: i.JWKSURL, Audience: i.Audience, Subjects: i.Subjects, Claims: i.Claims,
			Algorithms: i.Algorithms, Org: directory.OrgID(i.Organization), Connection: directory.ConnectionID(i.Connection), ScopeClaim: i.ScopeClaim, SubjectClaim: i.SubjectClaim,
			AllowPrivate: i.AllowPrivate, AllowUnmarked: i.AllowUnmarked})
	}
	return all
}

func (a *App) issuers() (*oidc.Verifier, error) {
	opts := oidc.Options{}
	if a.cfg.Store.Shared() {
		opts.Recheck = sharedAge
	}
	return oidc.New(bindings(a.cfg), a.store, opts)
}

// cursorKey is made once and kept, so that cursors outlive a restart.
func (a *App) cursorKey(ctx context.Context) ([]byte, error) {
	key, err := a.store.Setting(ctx, "cursor-key")
	if !errors.Is(err, directory.ErrNotFound) {
		return key, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return a.store.AddSetting(ctx, "cursor-key", key)
}
