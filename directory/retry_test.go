package directory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// retries are the requests whose answer was lost, and that were sent again.
type retries struct {
	mill   *mill
	next   atomic.Int64
	again  atomic.Int64 // requests that were sent again
	known  atomic.Int64 // of those, that had been carried out and named a version: the server said so
	single sync.Map     // request ids of those that may have come to pass once, and the resource
}

// do carries out a step as a client does that loses every sixth answer: it sends the
// same again until it has one. Where it can it names the version it has seen.
func (x *retries) do(ctx context.Context, a act, r *rand.Rand) error {
	if a.req.Change == nil || r.IntN(6) > 0 {
		return x.mill.do(ctx, a)
	}
	x.again.Add(1)
	a.req.RequestID = fmt.Sprintf("again-%d", x.next.Add(1))
	id, err := x.condition(ctx, &a, r)
	if err != nil {
		return err
	}
	changed := false
	for range 1 + r.IntN(2) {
		was, err := x.lose(ctx, a, r)
		if err != nil {
			return err
		}
		changed = changed || was
	}
	p, err := x.mill.svc.Execute(ctx, a.req)
	if err == nil {
		x.mill.note(a, p)
	}
	switch {
	case id != "" && changed && !errors.Is(err, directory.ErrVersion) && !errors.Is(err, directory.ErrNotFound):
		return fmt.Errorf("%s of %s was carried out, and sent again it ends with %v", a.name, id, err)
	case id != "" && errors.Is(err, directory.ErrVersion):
		if changed {
			x.known.Add(1)
		}
		return nil
	case err != nil && !isAnswer(err):
		return fmt.Errorf("%s again: %w", a.name, err)
	}
	return nil
}

// condition adds the version that the client has seen to some requests, and names
// the resource then.
func (x *retries) condition(ctx context.Context, a *act, r *rand.Rand) (id string, err error) {
	rt, id := target(a.req.Change)
	if id == "" || r.IntN(3) == 0 {
		return "", nil
	}
	err = x.mill.svc.Read(ctx, func(rd directory.Reader) error {
		is, err := rd.Get(ctx, directory.Ref{Org: a.req.Org, Type: rt, ID: id})
		if err == nil {
			a.req.If = directory.Precondition{Versions: []scim.Version{is.Version}}
			x.single.Store(a.req.RequestID, id)
		}
		return err
	})
	if errors.Is(err, directory.ErrNotFound) {
		return "", nil
	}
	return id, err
}

// target is the resource that a change is about, if there is one before.
func target(c directory.Change) (*scim.ResourceType, string) {
	switch c := c.(type) {
	case directory.Patch:
		return c.Type, c.ID
	case directory.Replace:
		return c.Type, c.ID
	case directory.Delete:
		return c.Type, c.ID
	case directory.Deactivate:
		return c.Type, c.ID
	case directory.Activate:
		return c.Type, c.ID
	case directory.Suspend:
		return c.Type, c.ID
	case directory.Resume:
		return c.Type, c.ID
	case directory.SetState:
		return c.Type, c.ID
	}
	return nil, ""
}

// lose carries out a request whose answer nobody hears: the client hangs up at some
// moment, or the answer is lost on its way. It reports whether the request is known
// to have changed the resource that it is about.
func (x *retries) lose(ctx context.Context, a act, r *rand.Rand) (changed bool, err error) {
	if r.IntN(2) == 0 {
		short, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(3000))*time.Microsecond)
		defer cancel()
		ctx = short
	}
	p, err := x.mill.svc.Execute(ctx, a.req)
	switch {
	case err == nil:
		x.mill.note(a, p)
		return p.Before != nil && (p.After == nil || p.After.Version != p.Before.Version), nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, directory.ErrVersion), isAnswer(err):
		return false, nil
	}
	return false, fmt.Errorf("%s, whose answer is lost: %w", a.name, err)
}

// once wants that no request which named a version was carried out twice, and that
// there were such.
func (x *retries) once(t *testing.T) {
	t.Helper()
	times := map[string]int{}
	for _, org := range orgs {
		x.mill.trail(t.Context(), t, org, func(e directory.Event) {
			if id, kept := x.single.Load(e.RequestID); kept && id == e.Resource && e.Before != e.After {
				if times[e.RequestID]++; times[e.RequestID] > 1 {
					t.Errorf("%s of %s was sent again and carried out again", e.Action, e.Resource)
				}
			}
		})
	}
	if len(times) == 0 || x.known.Load() == 0 {
		t.Errorf("of %d requests that were sent again, %d changed something and %d were known", x.again.Load(), len(times), x.known.Load())
	}
	t.Logf("%d requests were sent again; %d that named a version changed something, %d were refused then", x.again.Load(), len(times), x.known.Load())
}
