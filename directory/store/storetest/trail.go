package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
)

// event is one of organization a, about a resource.
func event(n int, resource string) directory.Event {
	return directory.Event{ID: fmt.Sprintf("01900000-%04x-7000-8000-%012x", n, n), Time: began.Add(time.Duration(n) * time.Second), Org: OrgA, Action: "user.update", Type: "User", Resource: resource}
}

func (e *env) update(fn func(tx directory.Tx) error) {
	e.Helper()
	if err := e.Update(e.ctx, fn); err != nil {
		e.Fatal(err)
	}
}

// seen are the ids of the events that a query finds, by their last digit.
func (e *env) seen(q directory.TrailQuery) (all string) {
	e.Helper()
	if q.Org == "" {
		q.Org = OrgA
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	list, err := e.Trail(e.ctx, q)
	if err != nil {
		e.Fatal(err)
	}
	last := int64(-1)
	for _, entry := range list {
		if entry.Seq <= last {
			e.Errorf("place %d follows %d", entry.Seq, last)
		}
		last = entry.Seq
		all += entry.Event.ID[len(entry.Event.ID)-1:]
	}
	return all
}

func runTrail(t *testing.T, open Opener) {
	e := setup(t, open)
	assigned := event(2, "ada")
	assigned.Effects = []directory.Effect{{Code: "assignment.enabled", Value: "books", Count: 1}}
	byBob := event(3, "eve")
	byBob.Actor.User = "bob"
	byBob.Action = "user.deactivate"
	stray := event(9, "ada")
	stray.Org = OrgB
	e.update(func(tx directory.Tx) error { return tx.Emit(e.ctx, event(1, "ada"), assigned) })
	e.update(func(tx directory.Tx) error { return tx.Emit(e.ctx, byBob, stray) })
	e.update(func(tx directory.Tx) error { return tx.Record(e.ctx, event(4, "fay")) })
	e.update(func(tx directory.Tx) error { return tx.Emit(e.ctx, event(5, "ada")) })
	for want, q := range map[string]directory.TrailQuery{
		"12345": {},
		"12":    {Limit: 2},
		"125":   {Resource: "ada"},
		"3":     {Action: "user.deactivate", About: "bob"},
		"2":     {About: "books"},
		"4":     {About: "fay"},
		"1235":  {Waiting: true},
		"9":     {Org: OrgB},
	} {
		e.it("finds "+want, func() {
			if got := e.seen(q); got != want {
				e.Errorf("%+v finds %s", q, got)
			}
		})
	}
	first, err := e.Trail(e.ctx, directory.TrailQuery{Org: OrgA, Limit: 2})
	if err != nil || len(first) != 2 {
		t.Fatal(len(first), err)
	}
	if got := e.seen(directory.TrailQuery{After: first[1].Seq}); got != "345" {
		t.Errorf("after the second come %s", got)
	}
	if got, err := e.Event(e.ctx, OrgA, assigned.ID); err != nil || got.Effects[0].Value != "books" {
		t.Errorf("event %+v, %v", got, err)
	}
	_, err = e.Event(e.ctx, OrgB, assigned.ID)
	wantErr(t, err, directory.ErrNotFound)

	// What was emitted is handed to the relay, oldest first; what was recorded is not.
	if _, n, err := e.Lag(e.ctx); err != nil || n != 5 {
		t.Errorf("%d events wait, %v", n, err)
	}
	batch, err := e.Lease(e.ctx, 3, time.Minute)
	if err != nil || len(batch) != 3 {
		t.Fatalf("%d leased, %v", len(batch), err)
	}
	for _, env := range batch[:2] {
		if err := e.Ack(e.ctx, env.Key); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Retry(e.ctx, batch[2].Key, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	rest, err := e.Lease(e.ctx, 10, time.Minute)
	if err != nil || len(rest) != 2 {
		t.Errorf("%d leased after two were delivered and one put off, %v", len(rest), err)
	}
	if _, n, err := e.Lag(e.ctx); err != nil || n < 3 || n > 5 { // a store may count now and then
		t.Errorf("%d events wait, %v", n, err)
	}
}

// Domain 3.6: a client's own events are those that it did itself in its organization:
// not those of people who came through it, of its name in another place, or about it.
func runOwnTrail(t *testing.T, open Opener) {
	e := setup(t, open)
	by := func(n int, resource string, a directory.Actor) directory.Event {
		one := event(n, resource)
		one.Actor = a
		return one
	}
	okta := directory.Actor{Kind: directory.Client, Connection: "okta", Credential: "c"}
	machine, other, person := okta, okta, okta
	machine.Subject, other.Connection = "sub", "okta2"
	person.User = "ada"
	stray := by(9, "ada", okta)
	stray.Org = OrgB
	told := by(6, "okta", directory.Actor{Kind: directory.ByMember, Connection: "okta", User: "bob"})
	told.Effects = []directory.Effect{{Code: "told", Value: "client\x00okta", Count: 1}, {Code: "told", Value: "okta", Count: 1}}
	mine := by(1, "ada", okta)
	mine.Effects = []directory.Effect{{Code: "assignment.enabled", Value: "books", Count: 1}}
	second := by(8, "eve", okta)
	second.Action = "user.deactivate"
	e.update(func(tx directory.Tx) error {
		return tx.Emit(e.ctx, mine, by(2, "ada", other), by(3, "ada", person), by(4, "ada", machine), by(5, "ada", directory.Actor{Kind: directory.BySchedule}), told)
	})
	e.update(func(tx directory.Tx) error {
		return tx.Record(e.ctx, by(7, "okta", directory.Actor{Kind: directory.Operator, Connection: "okta"}))
	})
	e.update(func(tx directory.Tx) error { return tx.Emit(e.ctx, second, stray) })
	for _, c := range []struct {
		want string
		q    directory.TrailQuery
	}{
		{"148", directory.TrailQuery{Client: "okta"}},
		{"14", directory.TrailQuery{Client: "okta", Limit: 2}},
		{"2", directory.TrailQuery{Client: "okta2"}},
		{"", directory.TrailQuery{Client: "client"}},
		{"14", directory.TrailQuery{Client: "okta", Resource: "ada"}},
		{"8", directory.TrailQuery{Client: "okta", Action: "user.deactivate"}},
		{"1", directory.TrailQuery{Client: "okta", About: "books"}},
		{"", directory.TrailQuery{Client: "okta", About: "bob"}},
		{"9", directory.TrailQuery{Org: OrgB, Client: "okta"}},
	} {
		if got := e.seen(c.q); got != c.want {
			t.Errorf("%+v finds %q, want %q", c.q, got, c.want)
		}
	}
}

// Whoever copies an organization finds out what there is.
func runContents(t *testing.T, open Opener) {
	e := setup(t, open)
	contents := func(org directory.OrgID) (c directory.Contents) {
		t.Helper()
		if err := e.View(e.ctx, func(r directory.Reader) (err error) {
			c, err = r.Contents(e.ctx, org)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	e.create(OrgA, user, `{"userName":"ada"}`)
	if c := contents(OrgA); len(c.Kinds) != 0 || len(c.Totals) != 0 {
		t.Errorf("an organization without documents and totals has %+v", c)
	}
	e.mustPut(noted(OrgA, "n", 1))
	e.update(func(tx directory.Tx) error {
		for name, n := range map[string]int64{"seats:core": 3, "gone": 1} {
			if err := tx.Count(e.ctx, OrgA, name, n, -1); err != nil {
				return err
			}
		}
		return tx.Count(e.ctx, OrgA, "gone", -1, -1)
	})
	if c := contents(OrgA); !slices.Equal(c.Kinds, []directory.Kind{note}) || len(c.Totals) != 1 || c.Totals["seats:core"] != 3 {
		t.Errorf("contents %+v", c)
	}
	if c := contents(OrgB); len(c.Kinds) != 0 || len(c.Totals) != 0 {
		t.Errorf("the other organization has %+v", c)
	}
	if err := e.PutSetting(e.ctx, "one", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if names, err := e.Settings(e.ctx); err != nil || !slices.Equal(names, []string{"one"}) {
		t.Errorf("settings %v, %v", names, err)
	}
}
