package directory_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// census is what a check of the rules found wrong, and what it must remember.
type census struct {
	wrong  []string
	closed map[string]scim.Version // accounts
}

func (c *census) badly(format string, args ...any) {
	if len(c.wrong) < 20 {
		c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
	}
}

// take checks everything that must hold at every commit, from one snapshot.
func (c *census) take(ctx context.Context, r directory.Reader) error {
	for a, err := range directory.Each[estate.Account](ctx, r, directory.DocumentQuery{}) {
		if err != nil {
			return err
		}
		if v, known := c.closed[a.ID]; known && (v != a.Version || a.State != estate.Closed) {
			c.badly("the account %s was closed at version %d and is %s at %d", a.ID, v, a.State, a.Version)
		}
		if a.State == estate.Closed {
			c.closed[a.ID] = a.Version
		}
	}
	for _, org := range orgs {
		if err := (&inspection{c, r, org, map[string]*scim.Resource{}}).all(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inspection is the part of a census in one organization.
type inspection struct {
	*census
	directory.Reader
	org    directory.OrgID
	people map[string]*scim.Resource
}

func (i *inspection) all(ctx context.Context) error {
	page, err := i.Find(ctx, directory.Query{Org: i.org, Type: user, Start: 1, Count: 10000})
	if err != nil {
		return err
	}
	if page.More {
		i.badly("more people than one page")
	}
	for _, p := range page.Resources {
		if err := p.Load(); err != nil {
			return err
		}
		i.people[p.ID] = p
	}
	for _, step := range []func(context.Context) error{i.seats, i.standing, i.belongings, i.leaders, i.addresses} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// gone reports whether somebody is inactive, or removed.
func (i *inspection) gone(id string) bool {
	return directory.StatusOf(i.people[id]) == directory.Inactive || i.people[id] == nil
}

// seats: the total is the number of those who hold one, and these are the active
// and the suspended members at home.
func (i *inspection) seats(ctx context.Context) error {
	held := int64(0)
	for id, p := range i.people {
		if directory.HoldsSeat(p) {
			held++
		}
		if should := !i.gone(id) && !directory.IsExternal(p); should != directory.HoldsSeat(p) {
			i.badly("%s %s (%s) has the seat %q", directory.StatusOf(p), p.Text(schemas.User.UserName), p.Text(schemas.Usher.Classification), p.Text(schemas.Usher.SeatState))
		}
	}
	used, err := i.Tally(ctx, i.org, "seats:core")
	if used != held {
		i.badly("%d seats of %s are in use and %d people hold one", used, i.org, held)
	}
	for v, err := range directory.Each[estate.Reservation](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		taken, err := i.Tally(ctx, i.org, "reservation:"+v.ID)
		if err != nil || taken > v.Seats {
			i.badly("%d of %d reserved seats are taken, %v", taken, v.Seats, err)
		}
	}
	return err
}

// standing: active says who may be in, but for a departure that has to wait; and
// nobody else is admitted.
func (i *inspection) standing(ctx context.Context) error {
	waiting := map[string]bool{}
	for k, err := range directory.Each[directory.Case](ctx, i, directory.DocumentQuery{Org: i.org, Key: "open"}) {
		if err != nil {
			return err
		}
		waiting[k.ID] = true
		if k.Reason == "accepted" && i.gone(k.ID) {
			i.badly("a case of %s is open, who is gone", k.ID)
		}
	}
	for id, p := range i.people {
		on, set := p.Bool(schemas.User.Active)
		is := directory.StatusOf(p)
		want := is != directory.Inactive
		if is == directory.Suspended && waiting[id] && !on {
			want = false
		}
		if !set || on != want {
			i.badly("%s is %s with active=%t", p.Text(schemas.User.UserName), is, on)
		}
		if err := lifecycle.Admit(ctx, i.Reader, p, directory.ValidAfter(p)); err == nil && (is != directory.Active || !directory.ValidAfter(p).IsZero()) {
			i.badly("a credential as old as the end of access admits %s, who is %s", p.Text(schemas.User.UserName), is)
		}
	}
	return i.queue(ctx)
}

// queue: who waits for a seat is on the list, and nobody else.
func (i *inspection) queue(ctx context.Context) error {
	listed := map[string]bool{}
	for w, err := range directory.Each[estate.Waiting](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		listed[w.ID] = true
		if i.people[w.ID] == nil {
			i.badly("%s waits for a seat and is removed", w.ID)
		}
	}
	for id, p := range i.people {
		if waits := p.Text(schemas.Usher.SeatState) == directory.SeatWaitlisted; waits != listed[id] || waits && !i.gone(id) {
			i.badly("%s is %s with the seat %q and on the list: %t", p.Text(schemas.User.UserName), directory.StatusOf(p), p.Text(schemas.Usher.SeatState), listed[id])
		}
	}
	return nil
}

// belongings: nothing that is alive is left with somebody who is gone.
func (i *inspection) belongings(ctx context.Context) error {
	q := directory.DocumentQuery{Org: i.org}
	for v, err := range directory.Each[estate.Record](ctx, i, q) {
		if err == nil && v.Open && i.gone(v.Owner) {
			i.badly("the open record %s belongs to %s, who is gone", v.ID, v.Owner)
		}
		if err != nil {
			return err
		}
	}
	for v, err := range directory.Each[estate.Subscription](ctx, i, q) {
		if err == nil && v.Active && i.gone(v.User) {
			i.badly("the subscription %s of %s runs, who is gone", v.ID, v.User)
		}
		if err != nil {
			return err
		}
	}
	for v, err := range directory.Each[estate.Assignment](ctx, i, q) {
		if err == nil && v.Enabled && i.gone(v.User) {
			i.badly("%s has %s and is gone", v.User, v.App)
		}
		if err != nil {
			return err
		}
	}
	for v, err := range directory.Each[estate.Integration](ctx, i, q) {
		if err == nil && v.Enabled && i.gone(v.Owner) {
			i.badly("the integration %s runs with the credentials of %s, who is gone", v.ID, v.Owner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaders: who leads is in, and what is kept beside the teams says the same.
func (i *inspection) leaders(ctx context.Context) error {
	kept := map[string]string{}
	for l, err := range directory.Each[estate.Leadership](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		kept[l.ID] = l.Leader
		if i.gone(l.Leader) {
			i.badly("the team %s is led by %s, who is gone", l.ID, l.Leader)
		}
	}
	page, err := i.Find(ctx, directory.Query{Org: i.org, Type: group, Start: 1, Count: 10000})
	for _, g := range page.Resources {
		if err := g.Load(); err != nil {
			return err
		}
		if leader := directory.ReferenceID(g.Text(schemas.UsherGroup.Leader)); kept[g.ID] != leader {
			i.badly("the team %s has the leader %q, and %q is kept", g.ID, leader, kept[g.ID])
		}
		delete(kept, g.ID)
	}
	for id := range kept {
		i.badly("who leads %s is kept, which is gone", id)
	}
	return err
}

// addresses: a blocked one is nobody's who is in.
func (i *inspection) addresses(ctx context.Context) error {
	blocked := map[string]bool{}
	for a, err := range directory.Each[estate.Address](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		blocked[directory.SecretHash(a.ID)] = a.Blocked
	}
	for b, err := range directory.Each[estate.Barred](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		blocked[b.ID] = true
	}
	for id, p := range i.people {
		for _, key := range directory.AddressesOf(p) {
			if blocked[directory.SecretHash(key)] && !i.gone(id) {
				i.badly("%s is %s with the blocked address %s", p.Text(schemas.User.UserName), directory.StatusOf(p), key)
			}
		}
	}
	return nil
}

// history: every version of every person has exactly one event, and no event
// comes twice. It returns the ids of all events.
func (c *census) history(ctx context.Context, t *testing.T, m *mill) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for _, org := range orgs {
		last := map[string]scim.Version{}
		m.trail(ctx, t, org, func(e directory.Event) { c.event(e, seen, last) })
		err := m.svc.Read(ctx, func(r directory.Reader) error {
			page, err := r.Find(ctx, directory.Query{Org: org, Type: user, Start: 1, Count: 10000})
			for _, p := range page.Resources {
				if last[p.ID] != p.Version {
					c.badly("%s is at version %d, the last that was told is %d", p.ID, p.Version, last[p.ID])
				}
				delete(last, p.ID)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for id, v := range last {
			if v != 0 {
				c.badly("%s is gone, and the last that was told is version %d", id, v)
			}
		}
	}
	return seen
}

// trail walks the audit log of an organization.
func (m *mill) trail(ctx context.Context, t *testing.T, org directory.OrgID, fn func(directory.Event)) {
	t.Helper()
	for after := int64(0); ; {
		page, err := m.store.Trail(ctx, directory.TrailQuery{Org: org, After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return
		}
		for _, e := range page {
			after = e.Seq
			fn(e.Event)
		}
	}
}

func (c *census) event(e directory.Event, seen map[string]bool, last map[string]scim.Version) {
	if seen[e.ID] {
		c.badly("the event %s (%s) is told twice", e.ID, e.Action)
	}
	seen[e.ID] = true
	if e.Type != "User" || e.Before == 0 && e.After == 0 {
		return
	}
	if e.Before != last[e.Resource] || e.After != 0 && e.After != e.Before+1 {
		c.badly("%s of %s goes from version %d to %d, the last that was told is %d", e.Action, e.Resource, e.Before, e.After, last[e.Resource])
	}
	last[e.Resource] = e.After
	if slices.Contains(e.Changed, ext+"User:status") && strings.HasPrefix(e.Action, "user.update") {
		c.badly("somebody's state changed by a mere update: %v", e.Changed)
	}
}
