package directory

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Release lets one connection past the brake until a time; its id is the
// connection's.
type Release struct {
	Head
	Until time.Time `json:"until"`
}

// Kind is "release".
func (*Release) Kind() Kind { return "release" }

// Keys are none.
func (*Release) Keys() []string { return nil }

// departures names the running total of a connection's deactivations in a minute.
func departures(c ConnectionID, minute int64) string {
	return "left:" + string(c) + ":" + strconv.FormatInt(minute, 10)
}

// Lapsed reports whether nobody will ask for a running total any more: one of a
// minute that no brake looks back to.
func Lapsed(tally string, now time.Time) bool {
	rest, ok := strings.CutPrefix(tally, "left:")
	if !ok {
		return false
	}
	minute, err := strconv.ParseInt(rest[strings.LastIndexByte(rest, ':')+1:], 10, 64)
	return err == nil && minute < now.Unix()/60-2*LongestSpan
}

// Brakes reports whether the brake holds another deactivation by a connection. One
// that may pass is counted.
func Brakes(ctx context.Context, r Documents, d *Draft, b Brake, by ConnectionID) (held bool, err error) {
	d.Alone = true // or many at once would each see few
	minute := d.Now.Unix() / 60
	free, err := Load[Release](ctx, r, d.Org, string(by))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if err == nil && d.Now.Before(free.Until) {
		return false, nil
	}
	left := int64(0)
	for m := minute - int64(b.Span()) + 1; m <= minute; m++ {
		n, err := r.Tally(ctx, d.Org, departures(by, m))
		if err != nil {
			return false, err
		}
		left += n
	}
	active, err := r.Tally(ctx, d.Org, SeatTally(CoreSKU))
	if err != nil {
		return false, err
	}
	if left >= int64(b.Count) && (left+1)*100 > (active+left)*int64(b.Percent) {
		return true, nil
	}
	d.Count(departures(by, minute), 1, -1)
	return false, nil
}
