// Package outbox carries committed events to whoever must hear of them: at least
// once, in the order of each resource's changes, without holding up a commit.
package outbox

import (
	"context"
	"time"

	"github.com/usher-scim/usher/directory"
)

// Envelope is an event on its way. Its key is stable over repeats.
type Envelope struct {
	Key   string
	Event directory.Event
	Tries int // deliveries that failed so far
}

// Queue is the part of a store that keeps events until they are delivered.
type Queue interface {
	// Lease hands out up to n due envelopes, oldest first, and keeps them from
	// others for ttl.
	Lease(ctx context.Context, n int, ttl time.Duration) ([]Envelope, error)
	// Ack forgets delivered envelopes.
	Ack(ctx context.Context, keys ...string) error
	// Retry makes an envelope due again at a later time.
	Retry(ctx context.Context, key string, at time.Time) error
	// Lag is the age of the oldest envelope, and how many there are.
	Lag(ctx context.Context) (oldest time.Duration, n int, err error)
}

// Publisher delivers one event. An error means: try again later.
type Publisher interface {
	Publish(ctx context.Context, e Envelope) error
}
