package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// headroom is memory that is never touched, so it costs none. The collector
// counts it as in use and therefore lets twice as much garbage gather before it
// runs again: with the few megabytes that Usher keeps alive it would otherwise
// run dozens of times a second. Unlike GOGC it adds a fixed amount, whatever else
// is in memory.
const headroom = 24 << 20

// Listen takes the addresses, so that whoever is told of the server finds it there.
func (a *App) Listen() error {
	doors, err := a.open()
	if err != nil {
		return errors.Join(err, closeAll(doors))
	}
	a.doors = doors
	return nil
}

// Run listens, unless that was done, and serves until the context ends, then stops in order: it turns
// unready, refuses new connections, finishes what it has begun (R14).
func (a *App) Run(ctx context.Context) error {
	unused := make([]byte, headroom)
	defer runtime.KeepAlive(unused)
	if a.doors == nil {
		if err := a.Listen(); err != nil {
			return err
		}
	}
	var err error
	doors := a.doors
	a.doors = nil
	loops, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	for _, run := range a.loops {
		background.Go(func() { _ = run(loops) }) // ends with its context at the latest
	}
	failed := make(chan error, len(doors))
	for _, d := range doors {
		go func() { failed <- d.serve(d.listener) }()
	}
	a.log.Info("ready", "listen", doors[0].listener.Addr().String(), "ops", doors[len(doors)-1].listener.Addr().String())
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.stopping.Store(true)
	a.log.Info("stopping")
	a.drain(doors)
	stop()
	background.Wait()
	return err
}

// door is a server and where it listens.
type door struct {
	server   *http.Server
	listener net.Listener
	serve    func(net.Listener) error
	closed   func()
}

// open listens everywhere, in the order of stopping: clients first, and health
// last, so that it answers until the end.
func (a *App) open() (doors []*door, err error) {
	public := a.server(a.handler)
	control := &http.Server{Handler: a.control, ReadHeaderTimeout: a.cfg.Limits.ReadHeaderTimeout} // a backup takes its time
	ops := a.server(a.opsHandler())
	add := func(l net.Listener, s *http.Server, closed func()) *door {
		doors = append(doors, &door{s, l, func(l net.Listener) error { return ended(s.Serve(l)) }, closed})
		return doors[len(doors)-1]
	}
	l, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return doors, fmt.Errorf("cannot listen on %s: %w", a.cfg.Listen, err)
	}
	d := add(l, public, func() {})
	if a.cfg.TLS.Enabled() {
		d.serve = func(l net.Listener) error {
			return ended(public.ServeTLS(l, a.cfg.TLS.CertFile, a.cfg.TLS.KeyFile))
		}
	}
	l, removeSocket, err := listenControl(a.cfg)
	if err != nil {
		return doors, fmt.Errorf("cannot make the control socket: %w", err)
	}
	add(l, control, removeSocket)
	if l, err = net.Listen("tcp", a.cfg.OpsListen); err != nil {
		return doors, fmt.Errorf("cannot listen on %s: %w", a.cfg.OpsListen, err)
	}
	add(l, ops, func() {})
	return doors, nil
}

// ended drops the error that says that a server was told to stop.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func closeAll(doors []*door) (err error) {
	for _, d := range doors {
		err = errors.Join(err, d.listener.Close())
		d.closed()
	}
	return err
}

func (a *App) server(h http.Handler) *http.Server {
	l := a.cfg.Limits
	return &http.Server{Handler: h, ReadHeaderTimeout: l.ReadHeaderTimeout, ReadTimeout: l.ReadTimeout, WriteTimeout: l.WriteTimeout,
		IdleTimeout: l.IdleTimeout, MaxHeaderBytes: int(l.HeaderBytes), ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
}

// drain lets what has begun come to its end, for as long as the limit says.
func (a *App) drain(doors []*door) {
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Limits.Drain)
	defer cancel()
	for _, d := range doors {
		if err := d.server.Shutdown(ctx); err != nil {
			a.log.Warn("requests were still running and were cut off", "after", a.cfg.Limits.Drain.String())
			_ = d.server.Close() // they are lost either way
		}
		d.closed()
	}
}

// opsHandler serves metrics, health and profiles on the operator's address.
func (a *App) opsHandler() http.Handler {
	// Behind a proxy that asks for readiness, a server that has lost its store counts no
	// request and no error; only this tells.
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "usher_ready", Help: "Whether the server is ready, as /readyz says: 1 or 0."}, func() float64 {
		if a.ready(context.Background()) != nil {
			return 0
		}
		return 1
	})
	a.registry.MustRegister(ready, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.ready(r.Context()); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	return mux
}

// ready says why the server should be sent nothing, if that is so.
func (a *App) ready(ctx context.Context) error {
	if a.stopping.Load() {
		return errors.New("stopping")
	}
	// Who asks waits a second; a store that is merely busy answers before.
	ctx, cancel := context.WithTimeout(ctx, 800*time.Millisecond)
	defer cancel()
	return a.store.Ready(ctx)
}

// flushTokens writes when tokens were last used, every half minute and at the end.
func (a *App) flushTokens(ctx context.Context) error {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if err := a.verifier.Flush(context.WithoutCancel(ctx)); err != nil {
			a.log.Warn("the last use of tokens was not recorded", "error", err.Error())
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}
