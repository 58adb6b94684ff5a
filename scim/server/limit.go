package server

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/usher-scim/usher/directory"
)

// limits are the rates of connections that have one (R13).
type limits struct {
	mu  sync.Mutex
	all map[directory.ConnectionID]*rate.Limiter
}

func newLimits() *limits { return &limits{all: map[directory.ConnectionID]*rate.Limiter{}} }

func (l *limits) allow(c directory.Connection, now time.Time) error {
	if c.RatePerSecond <= 0 {
		return nil
	}
	l.mu.Lock()
	lim := l.all[c.ID]
	if burst := max(1, c.Burst); lim == nil || lim.Limit() != rate.Limit(c.RatePerSecond) || lim.Burst() != burst {
		lim = rate.NewLimiter(rate.Limit(c.RatePerSecond), burst)
		l.all[c.ID] = lim
	}
	l.mu.Unlock()
	r := lim.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now)
	return &httpError{status: http.StatusTooManyRequests, retryAfter: max(1, int(math.Ceil(wait.Seconds()))),
		detail: "This connection sends more requests than its limit allows; slow down and repeat the request."}
}

// gate bounds the requests that are worked on at once, and shares the room
// between connections: while some wait, a connection that holds more than its
// part is turned away first (R12).
type gate struct {
	room, queue int
	wait        time.Duration
	shed        func(reason string)

	mu      sync.Mutex
	inside  int
	waiting int
	share   map[string]int // requests inside or waiting, by connection
	free    chan struct{}  // one token for each place that was freed for a waiter
}

func newGate(o Options) *gate {
	return &gate{room: o.Concurrency, queue: o.Queue, wait: o.QueueWait, shed: o.Metrics.shed, share: map[string]int{}, free: make(chan struct{}, o.Queue)}
}

var errShed = &httpError{status: http.StatusServiceUnavailable, retryAfter: 1, detail: "The server is busy; try again in a moment."}
var errShare = &httpError{status: http.StatusTooManyRequests, retryAfter: 1, detail: "The server is busy and this connection uses more than its part of it; try again in a moment."}

// enter waits for a place, briefly; the function it returns gives it back.
func (g *gate) enter(ctx context.Context, conn string) (leave func(), err error) {
	g.mu.Lock()
	if g.inside < g.room {
		g.inside++
		g.share[conn]++
		g.mu.Unlock()
		return func() { g.leave(conn) }, nil
	}
	if err := g.mayWait(conn); err != nil {
		g.mu.Unlock()
		g.shed("full")
		return nil, err
	}
	g.waiting++
	g.share[conn]++
	g.mu.Unlock()

	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case <-g.free:
		return func() { g.leave(conn) }, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return g.giveUp(conn)
}

// mayWait refuses when the queue is full, or when the connection already holds
// more than an even part of everything.
func (g *gate) mayWait(conn string) error {
	if g.waiting >= g.queue {
		return errShed
	}
	if n := len(g.share); n > 1 && g.share[conn] >= (g.room+g.queue)/n {
		return errShare
	}
	return nil
}

// giveUp ends a wait, unless a place came free in the same moment.
func (g *gate) giveUp(conn string) (func(), error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.free:
		return func() { g.leave(conn) }, nil
	default:
	}
	g.waiting--
	g.forget(conn)
	g.shed("waited")
	return nil, errShed
}

func (g *gate) leave(conn string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(conn)
	if g.waiting > 0 {
		g.waiting--
		g.free <- struct{}{} // the place goes to a waiter; there is room for one each
		return
	}
	g.inside--
}

func (g *gate) forget(conn string) {
	if g.share[conn]--; g.share[conn] <= 0 {
		delete(g.share, conn)
	}
}
