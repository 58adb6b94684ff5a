package directory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// clients is how many change things at once in a run.
const clients = 8

// millFor opens a mill that is closed, and its file checked, when the test ends.
func millFor(t *testing.T, path string) *mill {
	t.Helper()
	m, err := newMill(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.store.Check(context.Background()), m.store.Close()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// report fails the test with what a census found.
func (c *census) report(t *testing.T, m *mill) {
	t.Helper()
	for _, what := range c.wrong {
		t.Error(what)
	}
	if over := m.store.over.Load(); over != nil {
		t.Error(*over)
	}
}

// The invariants of domain 3.2 hold at every moment, whatever is done by many at
// once, answers being lost and requests sent again, and every change of a person is
// told exactly once.
func TestInvariants(t *testing.T) {
	size := int64(5_000)
	switch {
	case long:
		size = 100_000
	case testing.Short():
		size = 1_000
	}
	from := seed(t)
	m := millFor(t, filepath.Join(t.TempDir(), "usher.db"))
	c := &census{closed: map[string]scim.Version{}}
	again := &retries{mill: m}
	var done atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, clients)
	for n := range clients {
		all.Go(func() {
			r := rand.New(rand.NewPCG(from, uint64(n)))
			for done.Add(1) <= size && !t.Failed() {
				a, err := m.draw(t.Context(), r)
				if err == nil {
					err = again.do(t.Context(), a, r)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	looks := 0
	for running := true; running; looks++ {
		select {
		case <-ended:
			running = false
		case <-time.After(5 * time.Millisecond):
		}
		if err := m.svc.Read(t.Context(), func(r directory.Reader) error { return c.take(t.Context(), r) }); err != nil {
			t.Fatal(err)
		}
		if c.report(t, m); t.Failed() {
			break
		}
	}
	<-ended
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	if t.Failed() {
		return
	}
	c.history(t.Context(), t, m)
	c.report(t, m)
	again.once(t)
	m.replay(t)
	m.tell(t, size, looks)
}

// replay does again what has been done, and nothing may come of it.
func (m *mill) replay(t *testing.T) {
	t.Helper()
	before := m.dump(t)
	for _, org := range orgs {
		var again []directory.Change
		err := m.svc.Read(t.Context(), func(r directory.Reader) error {
			page, err := r.Find(t.Context(), directory.Query{Org: org, Type: user, Start: 1, Count: 10000})
			for _, p := range page.Resources {
				if err := p.Load(); err != nil {
					return err
				}
				again = append(again, sameAgain(p)...)
			}
			if err != nil {
				return err
			}
			sales, err := directory.All[estate.Purchase](t.Context(), r, directory.DocumentQuery{Org: org})
			for _, s := range sales {
				again = append(again, lifecycle.Sell(lifecycle.Sale{Type: user, ID: s.ID, Email: s.Email}))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range again {
			p, err := m.svc.Execute(t.Context(), directory.Request{Org: org, Actor: directory.Actor{Kind: directory.ByMember, Rank: directory.AdminRank}, Change: change})
			if err != nil || !p.Unchanged() {
				t.Errorf("%T %+v again: %v", change, change, err)
			}
		}
	}
	if after := m.dump(t); after != before {
		t.Errorf("doing again what was done changed the store: %s", difference(before, after))
	}
}

// sameAgain are the changes that led a person to where they stand. None did so for
// who waits for a seat: said to be inactive they would leave the list, said to be
// active they would come in.
func sameAgain(p *scim.Resource) []directory.Change {
	if p.Text(schemas.Usher.SeatState) == directory.SeatWaitlisted {
		return nil
	}
	w := wish{}
	on, _ := p.Bool(schemas.User.Active)
	all := []directory.Change{w.patch(user, p.ID, "replace", "active", map[bool]string{true: `"True"`, false: `"False"`}[on])}
	switch {
	case directory.StatusOf(p) == directory.Suspended:
		all = append(all, directory.Suspend{Type: user, ID: p.ID})
	case directory.StatusOf(p) == directory.Active:
		all = append(all, directory.Activate{Type: user, ID: p.ID}, directory.Resume{Type: user, ID: p.ID})
	default:
		all = append(all, directory.Deactivate{Type: user, ID: p.ID})
	}
	return all
}

// tell logs what the run came to, and wants that it came to something.
func (m *mill) tell(t *testing.T, size int64, looks int) {
	t.Helper()
	verbs, refused := map[string]int{}, 0
	for _, org := range orgs {
		m.trail(t.Context(), t, org, func(e directory.Event) {
			verbs[e.Action]++
			if len(e.Refused) > 0 {
				refused++
			}
		})
	}
	wanted := []string{"user.create", "user.delete", "user.deactivate", "user.activate", "user.suspend", "user.resume", "user.invite", "user.join", "user.add.refused", "user.deactivate.refused", "seat.reserve", "purchase.record"}
	if long { // these are rare
		wanted = append(wanted, "user.deactivate.undo", "user.restore", "user.convert", "user.close")
	}
	for _, verb := range wanted {
		if verbs[verb] == 0 {
			t.Errorf("in %d steps there was no %s", size, verb)
		}
	}
	t.Logf("%d steps, looked at %d times, %d refusals; %v", size, looks, refused, verbs)
}

// Who is deactivated while waiting for a seat is not let in when one is free.
func TestDeactivatedWhileWaiting(t *testing.T) {
	m := millFor(t, filepath.Join(t.TempDir(), "usher.db"))
	buy := func(n int64) directory.Change {
		return directory.Command{Action: "pool.update", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			p, err := directory.Load[estate.Pool](ctx, r, d.Org, estate.CoreSKU)
			if err != nil {
				return nil, err
			}
			p.Purchased = n
			return nil, directory.Save(d, d.Org, &p)
		}}
	}
	do := func(c directory.Change) *directory.Plan {
		t.Helper()
		p, err := m.svc.Execute(t.Context(), directory.Request{Org: "a", Change: c, OnSeatExhausted: directory.Waitlist})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	do(buy(0))
	var ids []string
	for _, name := range []string{"stays", "goes"} {
		made := do(directory.Create{Resource: must(scim.Decode(user, []byte(`{"userName":"`+name+`"}`), scim.Tolerant))})
		if made.After.Text(schemas.Usher.SeatState) != directory.SeatWaitlisted {
			t.Fatalf("%s does not wait", name)
		}
		ids = append(ids, made.After.ID)
	}
	do(directory.Deactivate{Type: user, ID: ids[1]})
	do(buy(5))
	if err := (&lifecycle.Clock{Service: m.svc}).Tick(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	err := m.svc.Read(t.Context(), func(r directory.Reader) error {
		for i, want := range []directory.Status{directory.Active, directory.Inactive} {
			p, err := r.Get(t.Context(), directory.Ref{Org: "a", Type: user, ID: ids[i]})
			if err != nil {
				return err
			}
			if is := directory.StatusOf(p); is != want {
				t.Errorf("person %d is %s, want %s", i, is, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
