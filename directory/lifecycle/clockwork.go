package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// Clock does what time brings. It needs a Service and nothing else.
type Clock struct {
	*directory.Service
	Batch int      // how much of one kind is read at a time; default 100
	turns sync.Map // by organization, the last case that was looked at
}

func (k *Clock) work(org directory.OrgID) clockwork {
	return clockwork{k.Service, k, cmp.Or(k.Batch, 100), org, directory.Actor{Kind: directory.BySchedule, Rank: directory.OwnerRank}, k.Now()}
}

// Tick does what time brings in one organization: departures that are due and
// their reminders (T12), cases that can be closed by now, seats for those who
// wait, invitations and consents that expire, tombstones whose retention is over, answers
// about records that nobody gives. What fails is tried again at the next tick.
func (k *Clock) Tick(ctx context.Context, org directory.OrgID) error {
	c := k.work(org)
	var err error
	for _, job := range []func(context.Context) error{c.departures, c.cases, c.waitlist, c.invitations, c.consents, c.tombstones, c.answers, c.unanswered} {
		err = errors.Join(err, job(ctx))
	}
	return err
}

type clockwork struct {
	*directory.Service
	clock *Clock
	batch int
	org   directory.OrgID
	actor directory.Actor
	now   time.Time
}

func (c clockwork) do(ctx context.Context, change directory.Change) error {
	_, err := c.Execute(ctx, directory.Request{Org: c.org, Actor: c.actor, RequestID: "clock", Change: change})
	return err
}

// due reads the documents of a kind whose time has come.
func due[T any, P directory.Noun[T]](ctx context.Context, c clockwork) (all []T, err error) {
	err = c.Read(ctx, func(r directory.Reader) error {
		all, err = directory.All[T, P](ctx, r, directory.DocumentQuery{Org: c.org, From: "due:", Below: estate.DueKey(c.now.Add(time.Millisecond)), Limit: c.batch})
		return err
	})
	return all, err
}

// people is the resource type of users.
func (c clockwork) people(ctx context.Context) (rt *scim.ResourceType, err error) {
	err = c.Read(ctx, func(r directory.Reader) error {
		rt, err = r.Type("User")
		return err
	})
	return rt, err
}

func (c clockwork) departures(ctx context.Context) error {
	all, err := due[estate.Schedule](ctx, c)
	if err != nil || len(all) == 0 {
		return err
	}
	rt, err := c.people(ctx)
	for _, one := range all {
		if err != nil {
			return err
		}
		if !c.now.Before(one.At) {
			err = c.depart(ctx, rt, one)
			continue
		}
		if err = c.remindOf(ctx, rt, one.ID); errors.Is(err, directory.ErrNotFound) {
			err = c.dropSchedule(ctx, one, nil) // who is removed holds up nobody
		}
	}
	return err
}

// remindOf reminds of a departure that is to come. Nobody is told of one who is inactive
// already.
func (c clockwork) remindOf(ctx context.Context, rt *scim.ResourceType, id string) error {
	return c.do(ctx, directory.SetState{Type: rt, ID: id, Verb: "user.reminder", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		s, err := directory.Load[estate.Schedule](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		s.Plan(d.Now)
		if d.Was != directory.Inactive {
			d.Do("departure.reminder", id, int(s.At.Sub(d.Now).Hours()/24+0.5))
		}
		return nil, directory.Save(d, d.Org, &s)
	}})
}

// depart deactivates a person whose day has come, in the name of who set it. Who
// cannot be is suspended, and a case is opened that is tried again. A day on which
// there was nothing to do is over.
func (c clockwork) depart(ctx context.Context, rt *scim.ResourceType, one estate.Schedule) error {
	p, err := c.Execute(ctx, directory.Request{Org: c.org, Actor: c.actor, RequestID: "clock", Change: directory.Deactivate{Type: rt, ID: one.ID}, OnBlocked: directory.Accept})
	var refused *directory.Refusal
	if err == nil && !p.Unchanged() || err != nil && !errors.As(err, &refused) && !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	return c.dropSchedule(ctx, one, refused)
}

// dropSchedule ends a schedule. What was refused no waiting could put right: a case tells
// an administrator, who must see to it.
func (c clockwork) dropSchedule(ctx context.Context, one estate.Schedule, refused *directory.Refusal) error {
	return c.do(ctx, directory.Command{Action: "departure.failed", Quiet: refused == nil, Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		s, err := directory.Load[estate.Schedule](ctx, r, d.Org, one.ID)
		if errors.Is(err, directory.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		d.Subject = one.ID
		directory.Drop(d, d.Org, &s)
		if refused == nil {
			return nil, nil
		}
		k, err := directory.LoadOr[directory.Case](ctx, r, d.Org, one.ID)
		if err != nil {
			return nil, err
		}
		k.Open, k.Reason, k.Blockers, k.By = true, directory.CaseScheduled, refused.Blockers(directory.English), s.By
		return nil, directory.Save(d, d.Org, &k)
	}})
}

// cases are departures that had to wait. Each time some are looked at, and the next
// time those behind them: who still cannot go holds up nobody.
func (c clockwork) cases(ctx context.Context) (err error) {
	var open []directory.Case
	after, _ := c.clock.turns.Load(c.org)
	last, _ := after.(string)
	err = c.Read(ctx, func(r directory.Reader) error {
		open, err = directory.All[directory.Case](ctx, r, directory.DocumentQuery{Org: c.org, Key: "open", After: last, Limit: c.batch})
		return err
	})
	if err != nil {
		return err
	}
	if len(open) < c.batch {
		c.clock.turns.Delete(c.org) // from the beginning
	} else {
		c.clock.turns.Store(c.org, open[len(open)-1].ID)
	}
	rt, err := c.people(ctx)
	for _, k := range open {
		if err != nil {
			return err
		}
		p, perr := c.Preview(ctx, directory.Request{Org: c.org, Actor: c.actor, Change: directory.Deactivate{Type: rt, ID: k.ID}})
		if perr == nil && p.Err() == nil && !p.Unchanged() {
			err = c.do(ctx, directory.Deactivate{Type: rt, ID: k.ID})
		}
	}
	return err
}

// waitlist lets people in, in the order of their waiting, while there are seats. Who
// may not come in takes none, and does not hold up those who wait behind.
func (c clockwork) waitlist(ctx context.Context) error {
	for from := "since:"; ; {
		waiting, seats, err := c.queue(ctx, from)
		if err != nil || len(waiting) == 0 {
			return err
		}
		rt, err := c.people(ctx)
		for _, w := range waiting {
			if err != nil || seats.Limited && seats.Free <= 0 {
				return err
			}
			var took bool
			if took, err = c.letIn(ctx, rt, w.ID); took {
				seats.Free--
			}
		}
		if err != nil {
			return err
		}
		from = waiting[len(waiting)-1].Keys()[0] + "\x00"
	}
}

// queue reads some of those who wait, from a place on, and the seats there are.
func (c clockwork) queue(ctx context.Context, from string) (waiting []estate.Waiting, seats directory.Seats, err error) {
	err = c.Read(ctx, func(r directory.Reader) error {
		if waiting, err = directory.All[estate.Waiting](ctx, r, directory.DocumentQuery{Org: c.org, From: from, Below: "since;", Limit: c.batch}); err != nil || len(waiting) == 0 {
			return err
		}
		seats, err = estate.SeatsOf(ctx, r, c.org, estate.CoreSKU, c.now)
		return err
	})
	return waiting, seats, err
}

// letIn activates somebody who waits, if the rules allow it by now, and reports
// whether that took a seat.
func (c clockwork) letIn(ctx context.Context, rt *scim.ResourceType, id string) (took bool, err error) {
	p, err := c.Preview(ctx, directory.Request{Org: c.org, Actor: c.actor, Change: directory.Activate{Type: rt, ID: id}})
	if err != nil || p.Err() != nil {
		return false, ctx.Err() // blocked meanwhile, say: asking again and again would fill the audit
	}
	err = c.do(ctx, directory.Activate{Type: rt, ID: id})
	var refused *directory.Refusal
	if errors.As(err, &refused) || errors.Is(err, directory.ErrNotFound) {
		return false, nil // something came between, such as somebody else who took the seat
	}
	return err == nil && directory.HoldsSeat(p.After) && !directory.HoldsSeat(p.Before), err
}

// invitations that nobody accepted in time.
func (c clockwork) invitations(ctx context.Context) error {
	all, err := due[estate.Invitation](ctx, c)
	if err != nil || len(all) == 0 {
		return err
	}
	rt, err := c.people(ctx)
	for _, i := range all {
		if err != nil {
			return err
		}
		err = c.do(ctx, directory.SetState{Type: rt, ID: i.ID, Verb: "user.invitation.expire", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			i, err := directory.Load[estate.Invitation](ctx, r, d.Org, i.ID)
			if err != nil || i.State != directory.NotJoined {
				return nil, err
			}
			i.State = directory.Expired
			directory.SetText(d.After, schemas.Usher.InvitationState, directory.Expired)
			return nil, directory.Save(d, d.Org, &i)
		}})
		if errors.Is(err, directory.ErrNotFound) {
			err = nil
		}
	}
	return err
}

// consents that no conversion used in time.
func (c clockwork) consents(ctx context.Context) error {
	all, err := due[Consent](ctx, c)
	for i := range all {
		if err != nil {
			return err
		}
		err = c.do(ctx, directory.Command{Action: "user.consent.expire", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			v, err := directory.Load[Consent](ctx, r, d.Org, all[i].ID)
			if errors.Is(err, directory.ErrNotFound) || err == nil && d.Now.Before(v.Expires) { // taken back, or said again
				return nil, nil
			}
			d.Subject = v.ID
			directory.Drop(d, d.Org, &v)
			return nil, err
		}})
	}
	return err
}

// tombstones whose retention is over, and what else was kept of their people.
func (c clockwork) tombstones(ctx context.Context) error {
	all, err := due[estate.Tombstone](ctx, c)
	for i := range all {
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		err = c.do(ctx, directory.Command{Action: "user.erase", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			t, err := directory.Load[estate.Tombstone](ctx, r, d.Org, all[i].ID)
			if err != nil || t.LegalHold {
				return nil, err
			}
			d.Subject = t.ID
			return nil, eraseStone(ctx, r, d, &t)
		}})
	}
	return err
}

// Idempotency is the kind of the answers that are kept for repeated requests.
const Idempotency directory.Kind = "idempotency"

// answers, plans that nobody committed and approvals that nobody used are forgotten
// after their time.
func (c clockwork) answers(ctx context.Context) (err error) {
	var old []directory.Document
	err = c.Read(ctx, func(r directory.Reader) error {
		for _, kind := range []directory.Kind{Idempotency, (*estate.Batch)(nil).Kind(), (*estate.Approval)(nil).Kind()} {
			for d, err := range r.Documents(ctx, directory.DocumentQuery{Org: c.org, Kind: kind, From: "due:", Below: estate.DueKey(c.now), Limit: c.batch}) {
				if err != nil {
					return err
				}
				old = append(old, d)
			}
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return c.do(ctx, directory.Command{Quiet: true, Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		for _, one := range old {
			d.DropDocument(one)
		}
		return nil, nil
	}})
}

// Settle gives the people of an organization who were stored before there were
// rules what the rules say of them: status, classification, seat.
func (k *Clock) Settle(ctx context.Context, org directory.OrgID) error {
	c := k.work(org)
	rt, err := c.people(ctx)
	if err != nil {
		return err
	}
	f, _, err := filter.Compile("not ("+schemas.Usher.Status.Path()+" pr)", rt, scim.Strict)
	if err != nil {
		return err
	}
	for {
		var page directory.Page
		err := c.Read(ctx, func(r directory.Reader) error {
			page, err = r.Find(ctx, directory.Query{Org: org, Type: rt, Filter: f, Start: 1, Count: 10_000})
			return err
		})
		if err != nil || len(page.Resources) == 0 {
			return err
		}
		for _, p := range page.Resources {
			err := c.do(ctx, directory.SetState{Type: rt, ID: p.ID, Verb: "user.settle", Plan: func(context.Context, directory.Reader, *directory.Draft) ([]directory.Finding, error) {
				return nil, nil
			}})
			if err != nil && !errors.Is(err, directory.ErrNotFound) {
				return fmt.Errorf("settle %s: %w", p.ID, err)
			}
		}
	}
}
