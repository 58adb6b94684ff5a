package server

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/rehearsal"
	"github.com/usher-scim/usher/scim"
)

// enoughSeats refuses a whole Bulk request of which one operation would find no seat,
// where the client asks for that with Prefer: handling=strict (3.3): all of it is
// rehearsed, and an operation that fails for another reason takes no seat and gives none.
// Without it the operations take seats in their order until there are none.
func (b *bulkRun) enoughSeats() error {
	if !prefersStrict(b.x.r.Header["Prefer"]) || !slices.ContainsFunc(b.ops, b.aboutPeople) {
		return nil
	}
	tried := &seatless{Directory: rehearsal.Of(b.x.s.dir)}
	s, x := *b.x.s, *b.x
	s.dir, x.s = tried, &s
	run := &bulkRun{x: &x, byID: map[string]*bulkOperation{}, limit: b.limit}
	for _, op := range b.ops {
		one := *op
		run.ops = append(run.ops, &one)
	}
	run.run()
	if tried.refused != nil {
		return tried.refused
	}
	return b.x.ctx.Err()
}

// aboutPeople reports whether an operation may change who has a seat.
func (b *bulkRun) aboutPeople(op *bulkOperation) bool {
	parts, ok := segments(op.Path)
	if !ok || len(parts) == 0 || len(parts) > 2 || len(parts) == 2 && strings.HasPrefix(parts[1], ".") {
		return false
	}
	rt, ok := b.x.s.reg.Endpoint("/" + parts[0])
	return ok && directory.IsPerson(rt)
}

// seatless is a directory that notes who is refused for want of a seat alone. Nobody waits
// for one.
type seatless struct {
	Directory
	refused error // the first
}

// Execute makes a change.
func (d *seatless) Execute(ctx context.Context, req directory.Request) (*directory.Plan, error) {
	return d.execute(ctx, d.Directory, req)
}

func (d *seatless) execute(ctx context.Context, changes directory.Changes, req directory.Request) (*directory.Plan, error) {
	req.OnSeatExhausted = directory.RefuseSeat
	p, err := changes.Execute(ctx, req)
	var refused *directory.Refusal
	if d.refused == nil && errors.As(err, &refused) && !slices.ContainsFunc(refused.Findings, func(f directory.Finding) bool { return f.Rule != estate.RuleSeatLimit }) {
		d.refused = &directory.Refusal{Findings: refused.Findings}
	}
	return p, err
}

// Together makes several changes at once.
func (d *seatless) Together(ctx context.Context, fn func(directory.Changes) error) error {
	return d.Directory.Together(ctx, func(changes directory.Changes) error { return fn(seatlessPart{d, changes}) })
}

// seatlessPart makes one of several changes.
type seatlessPart struct {
	*seatless
	changes directory.Changes
}

// Execute makes a change.
func (d seatlessPart) Execute(ctx context.Context, req directory.Request) (*directory.Plan, error) {
	return d.execute(ctx, d.changes, req)
}

func prefersStrict(headers []string) bool {
	for _, header := range headers {
		for one := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
			if scim.EqualName(name, "handling") && scim.EqualName(strings.Trim(value, `"`), "strict") {
				return true
			}
		}
	}
	return false
}
