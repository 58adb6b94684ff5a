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
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Run listens and serves until the context ends, then stops in order: it turns
// unready, refuses new connections, finishes what it has begun (R14).
func (a *App) Run(ctx context.Context) error {
	main, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", a.cfg.Listen, err)
	}
	ops, err := net.Listen("tcp", a.cfg.OpsListen)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot listen on %s: %w", a.cfg.OpsListen, err), main.Close())
	}
	control, err := listenControl(a.cfg)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot make the control socket: %w", err), main.Close(), ops.Close())
	}
	loops, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { _ = a.relay.Run(loops) }) // ends with its context only
	background.Go(func() { a.flushTokens(loops) })

	servers := []*http.Server{a.server(a.handler), a.server(a.opsHandler()), a.server(a.control)}
	failed := make(chan error, len(servers))
	for i, l := range []net.Listener{main, ops, control} {
		go func() { failed <- a.serve(servers[i], l, i == 0) }()
	}
	a.log.Info("ready", "listen", main.Addr().String(), "ops", ops.Addr().String())
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.stopping.Store(true)
	err = errors.Join(err, a.shutdown(servers))
	stop()
	background.Wait()
	return err
}

func (a *App) server(h http.Handler) *http.Server {
	l := a.cfg.Limits
	return &http.Server{Handler: h, ReadHeaderTimeout: l.ReadHeaderTimeout, ReadTimeout: l.ReadTimeout, WriteTimeout: l.WriteTimeout,
		IdleTimeout: l.IdleTimeout, MaxHeaderBytes: int(l.HeaderBytes), ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
}

func (a *App) serve(s *http.Server, l net.Listener, public bool) error {
	var err error
	if public && a.cfg.TLS.Enabled() {
		err = s.ServeTLS(l, a.cfg.TLS.CertFile, a.cfg.TLS.KeyFile)
	} else {
		err = s.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// shutdown drains the public server first; health answers until the end.
func (a *App) shutdown(servers []*http.Server) error {
	a.log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Limits.Drain)
	defer cancel()
	var err error
	for _, i := range []int{0, 2, 1} {
		if e := servers[i].Shutdown(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("requests were still running after %s: %w", a.cfg.Limits.Drain, e), servers[i].Close())
		}
	}
	return err
}

// opsHandler serves metrics, health and profiles on the operator's address.
func (a *App) opsHandler() http.Handler {
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 200*time.Millisecond)
		defer cancel()
		if a.stopping.Load() || a.store.Ready(ctx) != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	return mux
}

// flushTokens writes when tokens were last used, every half minute and at the end.
func (a *App) flushTokens(ctx context.Context) {
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
			return
		}
	}
}
