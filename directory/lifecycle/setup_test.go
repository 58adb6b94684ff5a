package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(chosen.Suite{M: m}) }

var user = func() *scim.ResourceType {
	rt, ok := schemas.Default.Type("User")
	if !ok {
		panic("no type User")
	}
	return rt
}()

// env is an organization with all rules.
type env struct {
	*testing.T
	ctx   context.Context
	svc   *directory.Service
	store chosen.Store
}

func setup(t *testing.T) *env {
	t.Helper()
	s := chosen.Open(t)
	t.Cleanup(func() {
		if err := s.Check(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	return &env{t, t.Context(), directory.New(s, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves}), s}
}

func (e *env) decode(rt *scim.ResourceType, body string) *scim.Resource {
	e.Helper()
	r, _, err := scim.Decode(rt, []byte(body), scim.Tolerant)
	if err != nil {
		e.Fatal(err)
	}
	return r
}

// timed is an organization whose clock the test turns.
type timed struct {
	*env
	clock *lifecycle.Clock
	now   time.Time
	actor directory.Actor
}

func turning(t *testing.T) *timed {
	e := &timed{env: setup(t), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), actor: directory.Actor{Kind: directory.ByMember, Rank: directory.AdminRank}}
	e.svc = directory.New(e.store, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves, Clock: func() time.Time { return e.now }})
	e.clock = &lifecycle.Clock{Service: e.svc, Batch: 2}
	return e
}

func (e *timed) must(c directory.Change) *directory.Plan {
	e.Helper()
	p, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Actor: e.actor, Change: c})
	if err != nil {
		e.Fatal(err)
	}
	return p
}

func (e *timed) add(body string) string {
	e.Helper()
	return e.must(directory.Create{Resource: e.decode(user, body)}).After.ID
}

// put keeps a document.
func put[T any, P directory.Noun[T]](e *timed, v P) {
	e.Helper()
	e.must(directory.Command{Action: "test.put", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		return nil, directory.Save(d, d.Org, v)
	}})
}

// have reads a document, and reports whether there is one.
func have[T any, P directory.Noun[T]](e *timed, id string) (v T, ok bool) {
	e.Helper()
	err := e.svc.Read(e.ctx, func(r directory.Reader) (err error) {
		v, err = directory.Load[T, P](e.ctx, r, "a", id)
		return err
	})
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		e.Fatal(err)
	}
	return v, err == nil
}

func (e *timed) status(id string) directory.Status {
	e.Helper()
	status := directory.Status("removed")
	err := e.svc.Read(e.ctx, func(r directory.Reader) error {
		p, err := r.Get(e.ctx, directory.Ref{Org: "a", Type: user, ID: id})
		if err == nil {
			status = directory.StatusOf(p)
		}
		return err
	})
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		e.Fatal(err)
	}
	return status
}

// events counts the events of one kind about somebody.
func (e *timed) events(action, id string) int {
	e.Helper()
	all, err := e.store.Trail(e.ctx, directory.TrailQuery{Org: "a", Limit: 1000, Action: action, Resource: id})
	if err != nil {
		e.Fatal(err)
	}
	return len(all)
}

// at turns the clock and lets the time do its work, twice: the second finds
// nothing left to do.
func (e *timed) at(to time.Time) {
	e.Helper()
	e.now = to
	for range 2 {
		if err := e.clock.Tick(e.ctx, "a"); err != nil {
			e.Fatal(err)
		}
	}
}
