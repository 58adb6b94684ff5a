package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// T12: reminders 14, 7 and 1 days before, each once, then the departure; a date is
// the end of its day.
func TestScheduledDeparture(t *testing.T) {
	e := turning(t)
	ada := e.add(`{"userName":"ada","urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"terminationDate":"2026-03-31","contractEndDate":"2026-12-31T00:00:00Z"}}`)
	end := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for i, days := range []int{15, 14, 10, 7, 2, 1} {
		e.at(end.AddDate(0, 0, -days).Add(time.Minute))
		if got, want := e.events("user.reminder", ada), []int{0, 1, 1, 2, 2, 3}[i]; got != want {
			t.Errorf("%d days before: %d reminders, want %d", days, got, want)
		}
	}
	e.at(end.Add(-time.Second))
	if e.status(ada) != directory.Active {
		t.Error("gone before the end of the day")
	}
	e.at(end)
	if e.status(ada) != directory.Inactive || e.events("user.deactivate", ada) != 1 {
		t.Errorf("%s, with %d events", e.status(ada), e.events("user.deactivate", ada))
	}
	if _, ok := have[estate.Schedule](e, ada); ok {
		t.Error("the schedule outlived the departure")
	}
}

// T12, C3: who cannot be deactivated on the day is suspended, with a case that is
// closed when the way is free.
func TestScheduledDepartureWaits(t *testing.T) {
	e := turning(t)
	ada := e.add(`{"userName":"ada","urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"terminationDate":"2026-03-31"}}`)
	i := &estate.Integration{Head: directory.Head{ID: "i1"}, App: "books", PeerApp: "crm", Owner: ada, Enabled: true}
	put(e, i)
	e.at(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	c, ok := have[directory.Case](e, ada)
	if e.status(ada) != directory.Suspended || !ok || !c.Open || len(c.Blockers) != 1 {
		t.Fatalf("%s, case %v", e.status(ada), c)
	}
	version := c.Version
	e.at(e.now.Add(time.Hour))
	if c, _ := have[directory.Case](e, ada); c.Version != version {
		t.Error("the case is written again and again")
	}
	i.Enabled = false
	put(e, i)
	e.at(e.now.Add(time.Hour))
	if c, _ := have[directory.Case](e, ada); e.status(ada) != directory.Inactive || c.Open {
		t.Errorf("%s, case %v", e.status(ada), c)
	}
}

// G8, T12: a departure that waited for something else is counted by the brake on its
// day, and not again when it is finished.
func TestBrakeCountsADepartureOnce(t *testing.T) {
	e := turning(t)
	e.now = scim.Now(time.Now) // stores forget what no brake looks back to, by their own clock
	end := e.now.Add(time.Hour)
	leaving := func(name string, at time.Time) string {
		return e.add(fmt.Sprintf(`{"userName":%q,"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"terminationDate":%q}}`, name, scim.FormatTime(at)))
	}
	put(e, &estate.Profile{Head: directory.Head{ID: estate.ProfileID}, Brake: estate.Brake{Percent: 1, Count: 1, Minutes: 60}})
	e.actor = directory.Actor{Kind: directory.Client, Connection: "hr", Rank: directory.ClientRank}
	ada := leaving("ada", end.Add(time.Second))
	bob := leaving("bob", end)
	i := &estate.Integration{Head: directory.Head{ID: "i1"}, App: "books", PeerApp: "crm", Owner: bob, Enabled: true}
	put(e, i)
	e.at(end)
	if c, _ := have[directory.Case](e, bob); e.status(bob) != directory.Suspended || len(c.Blockers) != 1 {
		t.Fatalf("bob is %s, case %v", e.status(bob), c)
	}
	e.at(e.now.Add(time.Second))
	if c, _ := have[directory.Case](e, ada); e.status(ada) != directory.Suspended || len(c.Blockers) != 1 || c.Blockers[0].Code != policy.RuleBrake {
		t.Fatalf("ada is %s, case %v", e.status(ada), c)
	}
	i.Enabled = false
	put(e, i)
	e.at(e.now.Add(time.Second))
	if e.status(bob) != directory.Inactive || e.status(ada) != directory.Suspended {
		t.Errorf("bob is %s, ada is %s", e.status(bob), e.status(ada))
	}
	e.at(e.now.Add(2 * time.Hour))
	if e.status(ada) != directory.Inactive {
		t.Errorf("ada is %s after the time that the brake looks at", e.status(ada))
	}
}

// T12: a day that comes for somebody who is gone is over, and does not wait for them
// to return.
func TestDayOfWhoIsGone(t *testing.T) {
	e := turning(t)
	ada := e.add(`{"userName":"ada"}`)
	e.must(directory.Deactivate{Type: user, ID: ada})
	e.must(directory.Replace{Type: user, ID: ada, Resource: e.decode(user, `{"userName":"ada","urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"terminationDate":"2026-02-01"}}`)})
	e.at(e.now.Add(time.Hour))
	if _, ok := have[estate.Schedule](e, ada); ok {
		t.Error("the schedule is kept, and asked again at every tick")
	}
	e.must(directory.Activate{Type: user, ID: ada})
	e.at(e.now.Add(time.Hour))
	if e.status(ada) != directory.Active {
		t.Errorf("%s after the return", e.status(ada))
	}
}

// T10, T12: who is removed before their day, being inactive, has none any more. A schedule
// that is left of somebody nevertheless holds up nobody else, and is not kept.
func TestDayOfWhoIsRemoved(t *testing.T) {
	e := turning(t)
	const leaves = `{"userName":%q,"active":%t,"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"terminationDate":%q}}`
	gone := e.add(fmt.Sprintf(leaves, "gone", false, "2026-03-31"))
	waits := e.add(fmt.Sprintf(leaves, "waits", false, "2026-03-31"))
	stays := e.add(fmt.Sprintf(leaves, "stays", true, "2026-03-19"))
	e.must(directory.Delete{Type: user, ID: gone})
	if _, ok := have[estate.Schedule](e, gone); ok {
		t.Error("the schedule outlived the person")
	}
	day := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	put(e, &estate.Schedule{Head: directory.Head{ID: gone}, At: day, Reason: "termination", Next: day.AddDate(0, 0, -14)}) // as a version before left it
	e.at(time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC))
	if e.status(stays) != directory.Inactive {
		t.Errorf("who was to leave is %s", e.status(stays))
	}
	if _, ok := have[estate.Schedule](e, gone); ok {
		t.Error("the schedule of who is removed is kept")
	}
	all, err := e.store.Trail(e.ctx, directory.TrailQuery{Org: "a", Limit: 1000, Action: "user.reminder", Resource: waits})
	if err != nil || len(all) != 1 || len(all[0].Event.Effects) != 0 {
		t.Errorf("somebody is reminded of who is inactive already: %v, %v", all, err)
	}
	if s, _ := have[estate.Schedule](e, waits); !s.Next.Equal(day.AddDate(0, 0, -7)) {
		t.Errorf("the next moment is %s", s.Next)
	}
}

// 3.4, S2-18: people wait for seats in the order in which they came.
func TestWaitlist(t *testing.T) {
	e := turning(t)
	put(e, &estate.Pool{Head: directory.Head{ID: estate.CoreSKU}, Purchased: 1})
	first := e.add(`{"userName":"first"}`)
	var waiting []string
	for i := range 3 {
		e.now = e.now.Add(time.Second)
		p, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Actor: e.actor, OnSeatExhausted: directory.Waitlist, Change: directory.Create{Resource: e.decode(user, fmt.Sprintf(`{"userName":"w%d"}`, i))}})
		if err != nil {
			t.Fatal(err)
		}
		if on, _ := p.After.Bool(schemas.User.Active); on || p.After.Text(schemas.Usher.SeatState) != directory.SeatWaitlisted {
			t.Fatalf("waits as %s", p.After.AppendJSON(nil, nil, "", nil))
		}
		waiting = append(waiting, p.After.ID)
	}
	e.at(e.now.Add(time.Second))
	if e.status(waiting[0]) != directory.Inactive {
		t.Error("let in without a seat")
	}
	e.must(directory.Delete{Type: user, ID: waiting[1]})
	e.must(directory.Deactivate{Type: user, ID: first})
	e.at(e.now.Add(time.Second))
	if e.status(waiting[0]) != directory.Active || e.status(waiting[2]) != directory.Inactive {
		t.Errorf("the first waits no more: %s, the last does: %s", e.status(waiting[0]), e.status(waiting[2]))
	}
	if _, ok := have[estate.Waiting](e, waiting[1]); ok {
		t.Error("who was removed still waits")
	}
}

// wait puts people on the waitlist, of whom one comes in the same moment as the next.
func (e *timed) wait(n int) (ids []string) {
	e.Helper()
	for i := range n {
		e.now = e.now.Add(time.Duration(i%2) * time.Second)
		p, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Actor: e.actor, OnSeatExhausted: directory.Waitlist, Change: directory.Create{Resource: e.decode(user, fmt.Sprintf(`{"userName":"w%d@x.example"}`, i))}})
		if err != nil {
			e.Fatal(err)
		}
		ids = append(ids, p.After.ID)
	}
	return ids
}

// Domain 4.4, 3.4: a waitlist is fair to those behind somebody who may not come in:
// more of them than are read at a time take no seat and hold nobody up.
func TestWaitlistPassesTheRefused(t *testing.T) {
	e := turning(t)
	put(e, &estate.Pool{Head: directory.Head{ID: estate.CoreSKU}, Purchased: 2})
	first, second := e.add(`{"userName":"first"}`), e.add(`{"userName":"second"}`)
	waiting := e.wait(8)
	for i := range 5 {
		put(e, &estate.Address{Head: directory.Head{ID: fmt.Sprintf("w%d@x.example", i)}, Blocked: true})
	}
	for i, id := range []string{first, second} {
		e.must(directory.Deactivate{Type: user, ID: id})
		e.at(e.now.Add(time.Second))
		for n, id := range waiting {
			if in := e.status(id) == directory.Active; in != (n >= 5 && n <= 5+i) {
				t.Errorf("with %d free seats: w%d is in: %t", i+1, n, in)
			}
		}
	}
	if n := e.events("user.activate.refused", waiting[0]); n != 0 {
		t.Errorf("%d refusals of the clock in the audit", n)
	}
}

// T12, C3: departures that cannot be carried out yet, more of them than are read at a
// time, do not hold up those behind them.
func TestCasesPassTheBlocked(t *testing.T) {
	e := turning(t)
	var people []string
	for i := range 6 {
		people = append(people, e.add(fmt.Sprintf(`{"userName":"p%d","urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"terminationDate":"2026-03-31"}}`, i)))
	}
	slices.Sort(people)
	owns := make([]*estate.Integration, len(people))
	for i, id := range people {
		owns[i] = &estate.Integration{Head: directory.Head{ID: fmt.Sprintf("i%d", i)}, App: "books", PeerApp: "crm", Owner: id, Enabled: true}
		put(e, owns[i])
	}
	for range 3 { // the schedules come a few at a time as well
		e.at(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	}
	last := len(people) - 1
	owns[last].Enabled = false
	put(e, owns[last])
	for range len(people) { // two at a time, and twice each time
		e.at(e.now.Add(time.Hour))
	}
	for i, id := range people {
		if want := map[bool]directory.Status{true: directory.Inactive, false: directory.Suspended}[i == last]; e.status(id) != want {
			t.Errorf("p%d is %s, want %s", i, e.status(id), want)
		}
	}
}

// S2-24, T10, legal hold: invitations expire; what remains of who was removed is
// erased after the retention, and kept under a hold.
func TestExpiryAndErasure(t *testing.T) {
	e := turning(t)
	ada, bob := e.add(`{"userName":"ada@x.example"}`), e.add(`{"userName":"bob@x.example"}`)
	e.must(lifecycle.Invite(user, ada, "hash"))
	e.at(e.now.Add(lifecycle.InvitationLife))
	if i, _ := have[estate.Invitation](e, ada); i.State != directory.Expired {
		t.Errorf("the invitation is %s", i.State)
	}
	e.must(lifecycle.Hold(user, bob, true))
	for _, id := range []string{ada, bob} {
		e.must(directory.Delete{Type: user, ID: id})
	}
	e.at(e.now.AddDate(0, 0, 29))
	if _, ok := have[estate.Tombstone](e, ada); !ok {
		t.Error("erased before its time")
	}
	e.at(e.now.AddDate(0, 0, 2))
	if _, ok := have[estate.Tombstone](e, ada); ok {
		t.Error("not erased in time")
	}
	if _, ok := have[estate.Tombstone](e, bob); !ok {
		t.Error("erased under a hold")
	}
}

// T9: a consent that no conversion used in a week counts no more, and is forgotten with
// an event; saying it again begins its time anew.
func TestConsentsExpire(t *testing.T) {
	e := turning(t)
	home := func(org directory.OrgID, name string) {
		e.must(directory.Command{Action: "test.put", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			a, err := estate.AccountOf(ctx, r, name)
			if errors.Is(err, directory.ErrNotFound) {
				a, err = estate.Account{Head: directory.Head{ID: d.NewID("account")}, Email: name, State: estate.Open}, nil
			}
			a.Home = org
			return nil, errors.Join(err, directory.Save(d, "", &a))
		}})
	}
	agreed := func(name string) string {
		home("b", name)
		id := e.add(`{"userName":"` + name + `"}`)
		e.must(lifecycle.Agree(user, id))
		home("", name)
		return id
	}
	class := func(p *directory.Plan) string { return p.After.Text(schemas.Usher.Classification) }
	intime, late, again := agreed("intime@x.example"), agreed("late@x.example"), agreed("again@x.example")
	e.at(e.now.Add(lifecycle.ConsentLife - time.Second))
	e.must(lifecycle.Agree(user, again))
	if got := class(e.must(lifecycle.Convert(user, intime))); got != directory.Confirmed {
		t.Errorf("in time: %s", got)
	}
	e.now = e.now.Add(time.Second)
	p, err := e.svc.Preview(e.ctx, directory.Request{Org: "a", Actor: e.actor, Change: lifecycle.Convert(user, late)})
	if err != nil || class(p) != directory.Pending {
		t.Errorf("too late, and the clock has not come by: %s, %v", class(p), err)
	}
	e.at(e.now.Add(time.Second))
	if _, ok := have[lifecycle.Consent](e, late); ok {
		t.Error("it is not forgotten")
	}
	if n := e.events("user.consent.expire", late); n != 1 {
		t.Errorf("%d events tell of the end", n)
	}
	if _, ok := have[lifecycle.Consent](e, again); !ok {
		t.Error("what was said again is forgotten")
	}
	e.must(directory.Delete{Type: user, ID: again})
	e.at(e.now.Add(lifecycle.ConsentLife))
	if _, ok := have[lifecycle.Consent](e, again); ok {
		t.Error("that of somebody who is gone is not forgotten")
	}
}
