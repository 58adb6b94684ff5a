package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Relay moves events from a Queue to a Publisher.
type Relay struct {
	queue Queue
	pub   Publisher
	opts  Options
}

// Options of a Relay; the zero value works.
type Options struct {
	Batch  int           // envelopes leased at once, default 500
	Poll   time.Duration // pause when there is nothing to do, default 1 s
	Lease  time.Duration // how long a batch may take, default 30 s
	Logger *slog.Logger
	// OnLag is told, once a poll, how old the oldest event is and how many wait.
	OnLag func(oldest time.Duration, n int)
}

func (o Options) withDefaults() Options {
	if o.Batch <= 0 {
		o.Batch = 500
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnLag == nil {
		o.OnLag = func(time.Duration, int) {}
	}
	return o
}

// New makes a relay. Without a publisher it leaves everything where it is, and
// only tells how much waits.
func New(q Queue, p Publisher, o Options) *Relay { return &Relay{q, p, o.withDefaults()} }

// Run relays until the context ends.
func (r *Relay) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := r.once(ctx)
		if err != nil && ctx.Err() == nil {
			r.opts.Logger.Warn("the outbox could not be read", "error", err.Error())
		}
		if err == nil && n == r.opts.Batch {
			continue
		}
		if oldest, waiting, err := r.queue.Lag(ctx); err == nil {
			r.opts.OnLag(oldest, waiting)
		}
		select {
		case <-ctx.Done():
		case <-time.After(r.opts.Poll):
		}
	}
	return nil
}

// once relays one batch. After a failure the later events of the same resource
// wait with it, so that order is kept.
func (r *Relay) once(ctx context.Context) (int, error) {
	if r.pub == nil {
		return 0, nil
	}
	batch, err := r.queue.Lease(ctx, r.opts.Batch, r.opts.Lease)
	if err != nil || len(batch) == 0 {
		return 0, err
	}
	done := make([]string, 0, len(batch))
	waiting := map[string]time.Time{}
	for _, e := range batch {
		at, behind := waiting[e.Event.Resource]
		if !behind {
			if err := r.pub.Publish(ctx, e); err == nil {
				done = append(done, e.Key)
				continue
			}
			at = time.Now().Add(backoff(e.Tries))
			waiting[e.Event.Resource] = at
		}
		if err := r.queue.Retry(ctx, e.Key, at); err != nil {
			return 0, err
		}
	}
	return len(batch), r.queue.Ack(ctx, done...)
}

// backoff doubles from a second to an hour, with jitter.
func backoff(tries int) time.Duration {
	d := min(time.Second<<min(tries, 12), time.Hour)
	return d/2 + rand.N(d/2)
}
