package directory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/scim"
)

// long is set where the tests may take as long as it takes.
var long = os.Getenv("USHER_TEST_LONG") != ""

// seed is what a random run begins with: new each time, unless it is pinned.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("USHER_TEST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to draw the same again: USHER_TEST_SEED=%d", n)
		}
	})
	return n
}

// mill makes random changes of two organizations. People, teams and documents have
// few names, so that the changes meet. The people of b are external in a.
type mill struct {
	svc   *directory.Service
	store *watched
	path  string
	ahead atomic.Int64                         // how far the clock is ahead, in nanoseconds
	last  [len(orgs)]atomic.Pointer[string]    // whom the latest step was about
	left  [len(orgs)]atomic.Pointer[[2]string] // who was deactivated last, and the departure
	ends  atomic.Int64                         // how many accounts were closed, whose addresses are used up
	still atomic.Int64                         // where the clock stands still, in Unix nanoseconds; 0: it runs
}

// watched is a store that looks at every transaction before it is committed.
type watched struct {
	*sqlite.Store
	over atomic.Pointer[string] // the first one that let too many in
}

// Update wants that no change takes a seat which was not bought, the pool being
// as that change finds it.
func (w *watched) Update(ctx context.Context, fn func(directory.Tx) error) error {
	return w.Store.Update(ctx, func(tx directory.Tx) error {
		var before [2]int64
		for i, org := range orgs {
			var err error
			if before[i], err = tx.Tally(ctx, org, "seats:core"); err != nil {
				return err
			}
		}
		if err := fn(tx); err != nil {
			return err
		}
		for i, org := range orgs {
			after, err := tx.Tally(ctx, org, "seats:core")
			if err != nil {
				return err
			}
			pool, err := directory.Load[estate.Pool](ctx, tx, org, estate.CoreSKU)
			if err == nil && after > before[i] && after > pool.Purchased {
				text := fmt.Sprintf("a change of %q went from %d to %d seats with %d bought", org, before[i], after, pool.Purchased)
				w.over.CompareAndSwap(nil, &text)
			}
		}
		return nil
	})
}

var orgs = [2]directory.OrgID{"a", "b"}

// newMill opens the file, and furnishes it if it is new.
func newMill(ctx context.Context, path string) (*mill, error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	m := &mill{store: &watched{Store: s}, path: path}
	m.svc = directory.New(m.store, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves, Clock: func() time.Time {
		if at := m.still.Load(); at != 0 {
			return time.Unix(0, at)
		}
		return time.Now().Add(time.Duration(m.ahead.Load()))
	}})
	for _, org := range orgs {
		err := s.AddOrganization(ctx, directory.Organization{ID: org})
		if errors.Is(err, directory.ErrExists) {
			continue
		}
		if err == nil {
			err = m.furnish(ctx, org)
		}
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return m, m.svc.Read(ctx, func(r directory.Reader) error {
		for a, err := range directory.Each[estate.Account](ctx, r, directory.DocumentQuery{}) {
			if err != nil {
				return err
			}
			if a.State == estate.Closed {
				m.ends.Add(1)
			}
		}
		return nil
	})
}

func (m *mill) furnish(ctx context.Context, org directory.OrgID) error {
	_, err := m.svc.Execute(ctx, directory.Request{Org: org, Change: directory.Command{Action: "test.furnish", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		profile := estate.Profile{Head: directory.Head{ID: estate.ProfileID}, UndoMinutes: 30, SelfClose: true, RetentionDays: 1}
		pool := estate.Pool{Head: directory.Head{ID: estate.CoreSKU}, Purchased: 12}
		err := errors.Join(directory.Save(d, org, &profile), directory.Save(d, org, &pool))
		if org == "a" {
			domain := estate.Domain{Head: directory.Head{ID: "both.example"}, Org: org, Verified: d.Now}
			err = errors.Join(err, directory.Save(d, "", &domain))
		}
		return nil, err
	}}})
	return err
}

// act is one drawn step: a request, or the clock.
type act struct {
	name string
	req  directory.Request
	tick time.Duration
}

// draw is a step, decided by r and by what is there.
func (m *mill) draw(ctx context.Context, r *rand.Rand) (a act, err error) {
	w := wish{m: m, Rand: r, org: "a"}
	if r.IntN(3) == 0 {
		w.org = "b"
	}
	if err := m.svc.Read(ctx, func(rd directory.Reader) error { return w.look(ctx, rd) }); err != nil {
		return a, err
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	at := r.IntN(total)
	for _, s := range steps {
		if at -= s.weight; at < 0 {
			a.name = s.name
			if s.name == "tick" {
				a.tick = time.Duration(r.Int64N(int64([]time.Duration{time.Minute, time.Minute, 12 * time.Hour}[r.IntN(3)])))
			}
			a.req = directory.Request{Org: w.org, Actor: w.actor(), Change: s.make(&w)}
			a.req.OnBlocked = []directory.OnBlocked{"", directory.Contain, directory.Accept}[r.IntN(3)]
			a.req.OnSeatExhausted = []directory.OnSeatExhausted{"", directory.Waitlist}[r.IntN(2)]
			if len(w.reservations) > 0 && r.IntN(2) == 0 {
				a.req.Reservation = w.reservations[r.IntN(len(w.reservations))]
			}
			return a, nil
		}
	}
	panic("no step was drawn")
}

// do carries out a step. What the rules refuse is no error.
func (m *mill) do(ctx context.Context, a act) error {
	var err error
	if a.name == "tick" {
		m.ahead.Add(int64(a.tick))
		err = (&lifecycle.Clock{Service: m.svc}).Tick(ctx, a.req.Org)
	} else if a.req.Change != nil {
		var p *directory.Plan
		if p, err = m.svc.Execute(ctx, a.req); err == nil {
			m.note(a, p)
		}
	}
	if err != nil && !isAnswer(err) {
		return fmt.Errorf("%s: %w", a.name, err)
	}
	return nil
}

// note remembers what later steps begin with.
func (m *mill) note(a act, p *directory.Plan) {
	if a.name == "close" {
		m.ends.Add(1)
	}
	if p.After != nil && len(p.Events) > 0 && p.Events[0].Action == "user.deactivate" {
		m.left[slices.Index(orgs[:], p.Org)].Store(&[2]string{p.After.ID, p.Events[0].ID})
	}
}

// isAnswer reports whether an error is one that the rules give. A version that
// does not match is none: nobody named one.
func isAnswer(err error) bool {
	var refused *directory.Refusal
	var unique *directory.UniqueError
	var bad *scim.Error
	return errors.As(err, &refused) || errors.As(err, &unique) || errors.As(err, &bad) || errors.Is(err, directory.ErrNotFound) || errors.Is(err, errNo)
}

// errNo is the answer of the commands here.
var errNo = errors.New("no")

func (m *mill) now() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) }
