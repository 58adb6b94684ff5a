package lifecycle

import (
	"context"
	"errors"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"time"
)

// Release lets one connection past the brake until a time; its id is the
// connection's.
type Release struct {
	directory.Head
	Until time.Time `json:"until"`
}

// Kind is "release".
func (*Release) Kind() directory.Kind { return "release" }

// Keys are none.
func (*Release) Keys() []string { return nil }

// Brakes reports whether the brake holds another deactivation by a connection. One
// that may pass is counted.
func Brakes(ctx context.Context, r directory.Documents, d *directory.Draft, b estate.Brake, by directory.ConnectionID) (held bool, err error) {
	d.Alone = true // or many at once would each see few
	minute := d.Now.Unix() / 60
	free, err := directory.Load[Release](ctx, r, d.Org, string(by))
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return false, err
	}
	if err == nil && d.Now.Before(free.Until) {
		return false, nil
	}
	left := int64(0)
	for m := minute - int64(b.Span()) + 1; m <= minute; m++ {
		n, err := r.Tally(ctx, d.Org, directory.LeftTally(by, m))
		if err != nil {
			return false, err
		}
		left += n
	}
	active, err := r.Tally(ctx, d.Org, estate.SeatTally(estate.CoreSKU))
	if err != nil {
		return false, err
	}
	if left >= int64(b.Count) && (left+1)*100 > (active+left)*int64(b.Percent) {
		return true, nil
	}
	d.Count(directory.LeftTally(by, minute), 1, -1)
	return false, nil
}
