package server

import (
	"context"
	"math"
	"net/http"
	"slices"
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
// between connections (R12): a place that comes free goes to the connection that
// has the fewest, and when the queue is full the one that holds the most gives
// way. No connection takes the last places, so that one whose requests do not
// end keeps nobody out.
type gate struct {
	room, most, queue int
	wait              time.Duration
	shed              func(reason string)

	mu     sync.Mutex
	inside int
	line   []*waiter       // in the order they came
	parts  map[string]part // by connection
}

// part is what a connection holds.
type part struct{ inside, waiting int }

func (p part) all() int { return p.inside + p.waiting }

// waiter is a request in the line; it is told nil when a place is its own.
type waiter struct {
	conn string
	told chan error
}

func newGate(o Options) *gate {
	most := o.Concurrency
	if most > 1 {
		most -= max(1, most/16)
	}
	return &gate{room: o.Concurrency, most: most, queue: o.Queue, wait: o.QueueWait, shed: o.Metrics.shed, parts: map[string]part{}}
}

var errShed = &httpError{status: http.StatusServiceUnavailable, retryAfter: 1, detail: "The server is busy; try again in a moment."}
var errShare = &httpError{status: http.StatusTooManyRequests, retryAfter: 1, detail: "The server is busy and this connection uses more than its part of it; try again in a moment."}

// enter waits for a place, briefly; the function it returns gives it back.
func (g *gate) enter(ctx context.Context, conn string) (leave func(), err error) {
	g.mu.Lock()
	if g.inside < g.room && g.parts[conn].inside < g.most {
		g.add(conn, 1, 0)
		g.mu.Unlock()
		return func() { g.leave(conn) }, nil
	}
	if err := g.mayWait(conn); err != nil {
		g.mu.Unlock()
		g.shed("full")
		return nil, err
	}
	w := &waiter{conn, make(chan error, 1)}
	g.line = append(g.line, w)
	g.add(conn, 0, 1)
	g.mu.Unlock()
	if err := g.await(ctx, w); err != nil {
		return nil, err
	}
	return func() { g.leave(conn) }, nil
}

// mayWait refuses a connection that already holds more than an even part of
// everything. Where the queue is full it makes room at the cost of the
// connection that holds the most.
func (g *gate) mayWait(conn string) error {
	mine := g.parts[conn].all()
	if n := len(g.parts); n > 1 && mine >= (g.room+g.queue)/n {
		return errShare
	}
	if len(g.line) < g.queue {
		return nil
	}
	greedy, most := "", mine+1
	for name, p := range g.parts {
		if p.waiting > 0 && p.all() > most {
			greedy, most = name, p.all()
		}
	}
	for i := len(g.line) - 1; i >= 0 && greedy != ""; i-- {
		if w := g.line[i]; w.conn == greedy {
			g.remove(i)
			w.told <- errShare
			return nil
		}
	}
	return errShed
}

// await waits until the waiter is told something, or for too long.
func (g *gate) await(ctx context.Context, w *waiter) error {
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case err := <-w.told:
		return g.count(err, "full")
	case <-timer.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.line, w); i >= 0 {
		g.remove(i)
		return g.count(errShed, "waited")
	}
	return g.count(<-w.told, "full") // in the same moment
}

func (g *gate) count(err error, reason string) error {
	if err != nil {
		g.shed(reason)
	}
	return err
}

// leave gives a place back, to the waiter whose connection has the fewest.
func (g *gate) leave(conn string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.add(conn, -1, 0)
	next, fewest := -1, g.most
	for i, w := range g.line {
		if n := g.parts[w.conn].inside; n < fewest {
			if next, fewest = i, n; n == 0 {
				break
			}
		}
	}
	if next >= 0 {
		w := g.line[next]
		g.remove(next)
		g.add(w.conn, 1, 0)
		w.told <- nil
	}
}

// remove takes a waiter out of the line.
func (g *gate) remove(i int) {
	g.add(g.line[i].conn, 0, -1)
	g.line = slices.Delete(g.line, i, i+1)
}

func (g *gate) add(conn string, inside, waiting int) {
	g.inside += inside
	p := g.parts[conn]
	if p.inside, p.waiting = p.inside+inside, p.waiting+waiting; p == (part{}) {
		delete(g.parts, conn)
		return
	}
	g.parts[conn] = p
}
