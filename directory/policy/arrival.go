package policy

import (
	"context"
	"fmt"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Addresses keeps blocked addresses out, whichever door they come to (S1-7, S1-24,
// K67). Who set a block, or may lift any, lifts it by letting the person in.
type Addresses struct{}

// RuleBlocked names the rule.
const RuleBlocked directory.RuleID = "email.blocked"

// Review looks at the addresses of people who are, or come, in.
func (Addresses) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.After == nil || d.Is == directory.Inactive {
		return nil, nil
	}
	comes := d.Joins() || d.Returns()
	if !comes && d.Before != nil && sameAddresses(d.Before, d.After) {
		return nil, nil
	}
	known := directory.AddressesOf(d.Before)
	for _, key := range directory.AddressesOf(d.After) {
		if !comes && slices.Contains(known, key) {
			continue
		}
		entry, err := directory.Load[directory.Address](ctx, r, d.Org, key)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if entry.Blocked && !mayLift(d, entry) {
			return []directory.Finding{refuse(RuleBlocked, directory.Authority, fmt.Sprintf("The address %s is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses.", key))}, nil
		}
		if !entry.Blocked && !entry.Returns {
			continue
		}
		lifted := entry.Blocked
		entry.Blocked, entry.Returns, entry.Lifted = false, false, d.Now
		if err := directory.Save(d, d.Org, &entry); err != nil {
			return nil, err
		}
		if lifted {
			d.Do("address.lifted", key, 1)
		}
	}
	return nil, nil
}

// sameAddresses spares the common change a look at the addresses one by one.
func sameAddresses(before, after *scim.Resource) bool {
	was, _ := before.Get(schemas.User.Emails)
	is, _ := after.Get(schemas.User.Emails)
	return before.Text(schemas.User.UserName) == after.Text(schemas.User.UserName) && was.Equal(is)
}

// mayLift reports whether the actor may let a blocked address in: an administrator
// by hand, a client that has the right, and who set the block.
func mayLift(d *directory.Draft, entry directory.Address) bool {
	switch d.Actor.Kind {
	case directory.ByMember, directory.Operator:
		return true
	case directory.Client:
		return d.Actor.MayLiftBlock || entry.By.Kind == directory.Client && entry.By.Connection == d.Actor.Connection
	case directory.BySchedule:
		return entry.By.Kind == directory.Client // from the waitlist
	}
	return false
}

// Arrival gives back what a return gives back: assignments that deactivation
// disabled, where their application takes the person (C1). Nothing else returns by
// itself (S1-17, S1-18).
type Arrival struct{}

// Review adds the effects to the draft.
func (Arrival) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if d.Is == directory.Inactive || !d.Returns() {
		return nil, nil
	}
	setFlag(d.After, schemas.Usher.BlockListed, false)
	d.After.SetPath(schemas.Usher.ReactivateOnPurchase, scim.Value{})
	all, err := directory.All[directory.Assignment](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + d.Before.ID})
	if err != nil {
		return nil, err
	}
	for i := range all {
		a := &all[i]
		if !a.Departed {
			continue
		}
		app, err := directory.LoadOr[directory.Application](ctx, r, d.Org, a.App)
		if err != nil {
			return nil, err
		}
		a.Departed = false
		a.Enabled = !directory.IsExternal(d.Before) || app.AcceptsExternal
		if err := directory.Save(d, d.Org, a); err != nil {
			return nil, err
		}
		if a.Enabled {
			d.Do("assignment.enabled", a.App, 1)
		}
	}
	return nil, invite(ctx, r, d)
}

// invite asks a person who never joined again, where that is wanted (S3-7).
func invite(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	state := d.After.Text(schemas.Usher.InvitationState)
	if state == directory.Joined {
		return nil
	}
	if d.Invite == nil || !*d.Invite {
		if state == directory.Withdrawn {
			set(d.After, schemas.Usher.InvitationState, directory.NotInvited)
		}
		return nil
	}
	invitation, err := directory.LoadOr[directory.Invitation](ctx, r, d.Org, d.Before.ID)
	if err != nil {
		return err
	}
	invitation.Email, invitation.State, invitation.Hash = directory.PrimaryAddress(d.After), directory.NotJoined, ""
	set(d.After, schemas.Usher.InvitationState, directory.NotJoined)
	d.Do("invitation.queued", d.Before.ID, 1)
	return directory.Save(d, d.Org, &invitation)
}

// Schedules keeps the date on which a person leaves (T12), and the case of a
// departure that had to wait.
type Schedules struct{}

// Review adds what is to be kept to the draft.
func (Schedules) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) {
		return nil, nil
	}
	if on, _ := d.Person().Bool(schemas.User.Active); d.Deferred && on {
		if err := dropSchedule(ctx, r, d); err != nil {
			return nil, err
		}
		c, err := directory.LoadOr[directory.Case](ctx, r, d.Org, d.Before.ID)
		if err != nil {
			return nil, err
		}
		c.Open, c.Reason, c.Blockers = true, "accepted", d.Blocked
		if err := directory.Save(d, d.Org, &c); err != nil {
			return nil, err
		}
		d.Do("case.opened", d.Before.ID, len(d.Blocked))
	}
	if d.After == nil || d.Leaves() || d.Deferred {
		return nil, nil // Departure ends it
	}
	if err := callOff(ctx, r, d); err != nil {
		return nil, err
	}
	at, reason := directory.LeavingDate(d.After)
	was, _ := directory.LeavingDate(d.Before)
	if at.Equal(was) {
		return nil, nil
	}
	s, err := directory.LoadOr[directory.Schedule](ctx, r, d.Org, d.After.ID)
	if err != nil {
		return nil, err
	}
	if at.IsZero() {
		if s.Version > 0 {
			directory.Drop(d, d.Org, &s)
		}
		return nil, nil
	}
	s.At, s.Reason = at, reason
	s.Plan(d.Now)
	d.Do("departure.scheduled", d.After.ID, 1)
	return nil, directory.Save(d, d.Org, &s)
}

// callOff closes the case of a departure that had to wait, when the person is to
// stay after all; the clock would finish it otherwise.
func callOff(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	if d.Was != directory.Suspended {
		return nil
	}
	was, _ := d.Before.Bool(schemas.User.Active)
	if is, _ := d.After.Bool(schemas.User.Active); was || !is {
		return nil
	}
	c, err := directory.Load[directory.Case](ctx, r, d.Org, d.Before.ID)
	switch {
	case isNotFound(err):
		return nil
	case err != nil || !c.Open:
		return err
	}
	c.Open, c.Closed = false, d.Now
	d.Do("case.closed", d.Before.ID, 1)
	return directory.Save(d, d.Org, &c)
}

// dropSchedule ends a schedule whose day has come.
func dropSchedule(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	s, err := directory.Load[directory.Schedule](ctx, r, d.Org, d.Before.ID)
	if isNotFound(err) {
		return nil
	}
	if err == nil {
		directory.Drop(d, d.Org, &s)
	}
	return err
}
