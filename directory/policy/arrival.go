package policy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Addresses keeps blocked addresses out, whichever door they come to (S1-7, S1-24,
// K67). Who set a block, or may lift any, lifts it by letting the person in.
type Addresses struct{}

// Review looks at the addresses of people who are, or come, in.
func (Addresses) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.After == nil || d.Is == directory.Inactive {
		return nil, nil
	}
	if d.Returns() {
		return comesBack(ctx, r, d)
	}
	if d.Before != nil && sameAddresses(d.Before, d.After) {
		return nil, nil
	}
	known := directory.AddressesOf(d.Before)
	for _, key := range directory.AddressesOf(d.After) {
		if slices.Contains(known, key) {
			continue
		}
		entry, err := directory.FindAddress(ctx, r, d.Type, d.Org, key)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if entry.Blocked && !mayLift(d, entry.By) {
			return []directory.Finding{blocked(key)}, nil
		}
		if d.Joins() && entry.User != "" && entry.User != d.After.ID {
			setTime(d, schemas.Usher.CredentialsValidAfter) // what was given to who had the address before is not theirs (K59)
		}
		if err := lift(d, entry); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func blocked(address string) directory.Finding {
	return refuse(directory.RuleEmailBlocked, directory.Authority, "The address %s is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses.", address)
}

// comesBack lifts the blocks of a person who returns.
func comesBack(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if on, _ := d.Before.Bool(schemas.Usher.BlockListed); on {
		if !mayLift(d, d.Before.Text(schemas.Usher.DeactivatedBy)) {
			return []directory.Finding{blocked(directory.PrimaryAddress(d.Before))}, nil
		}
		d.Do("address.lifted", d.Before.ID, len(directory.AddressesOf(d.Before)))
	}
	entries, err := directory.KeptAddresses(ctx, r, d)
	for _, entry := range entries {
		if err == nil && entry.Blocked && !mayLift(d, entry.By) {
			return []directory.Finding{blocked(entry.ID)}, nil
		}
		if err == nil {
			err = lift(d, entry)
		}
	}
	return nil, err
}

// lift ends a block, or the wait for a purchase; the entry stays (S1-23).
func lift(d *directory.Draft, entry directory.Address) error {
	if !entry.Blocked && !entry.Returns {
		return nil
	}
	if entry.Blocked {
		d.Do("address.lifted", entry.ID, 1)
	}
	entry.Blocked, entry.Returns, entry.Lifted = false, false, d.Now
	return directory.Save(d, d.Org, &entry)
}

// sameAddresses spares the common change a look at the addresses one by one.
func sameAddresses(before, after *scim.Resource) bool {
	was, _ := before.Get(schemas.User.Emails)
	is, _ := after.Get(schemas.User.Emails)
	return before.Text(schemas.User.UserName) == after.Text(schemas.User.UserName) && was.Equal(is)
}

// mayLift reports whether the actor may let a blocked address in: an administrator
// by hand, a client that has the right, and who set the block.
func mayLift(d *directory.Draft, by string) bool {
	switch d.Actor.Kind {
	case directory.ByMember, directory.Operator:
		return true
	case directory.Client:
		return d.Actor.MayLiftBlock || by == d.Actor.Name()
	case directory.BySchedule:
		return strings.HasPrefix(by, string(directory.Client)+":") // from the waitlist
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
			directory.SetText(d.After, schemas.Usher.InvitationState, directory.NotInvited)
		}
		return nil
	}
	return queueInvitation(ctx, r, d)
}

// queueInvitation has an invitation sent, whose token is made when it is.
func queueInvitation(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	invitation, err := directory.LoadOr[directory.Invitation](ctx, r, d.Org, d.After.ID)
	if err != nil {
		return err
	}
	invitation.Email, invitation.State, invitation.Hash = directory.PrimaryAddress(d.After), directory.NotJoined, ""
	directory.SetText(d.After, schemas.Usher.InvitationState, directory.NotJoined)
	d.Do("invitation.queued", d.After.ID, 1)
	return directory.Save(d, d.Org, &invitation)
}

// Choices follows who changes their mind about an inactive person: the box of S1-5
// decides whether the addresses are blocked or may return, whenever it is ticked.
type Choices struct{}

// Review amends the draft.
func (Choices) Review(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) {
		return nil, nil
	}
	if d.After != nil && d.Was == directory.Inactive && d.Is == directory.Inactive {
		before, _ := d.Before.Bool(schemas.Usher.ReactivateOnPurchase)
		after, _ := d.After.Bool(schemas.Usher.ReactivateOnPurchase)
		gone := d.Before.Text(schemas.Usher.DeactivatedAt) != ""
		if gone && before != after {
			setFlag(d.After, schemas.Usher.BlockListed, !after)
		}
	}
	d.CountGone()
	return nil, nil
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
		return nil, openCase(ctx, r, d)
	}
	if d.TakesBack() {
		if err := closeCase(ctx, r, d); err != nil {
			return nil, err
		}
	}
	if d.After == nil || d.Leaves() || d.Deferred {
		return nil, nil // Departure ends it
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
	s.At, s.Reason, s.By = at, reason, d.Actor
	s.Plan(d.Now)
	d.Do("departure.scheduled", d.After.ID, 1)
	return nil, directory.Save(d, d.Org, &s)
}

// openCase keeps a departure that was accepted and has to wait.
func openCase(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	by, err := askedBy(ctx, r, d)
	if err != nil {
		return err
	}
	if err := dropSchedule(ctx, r, d); err != nil {
		return err
	}
	c, err := directory.LoadOr[directory.Case](ctx, r, d.Org, d.Before.ID)
	if err != nil {
		return err
	}
	c.Open, c.Reason, c.Blockers, c.By, c.Frozen, c.Closed = true, "accepted", d.Blocked, by, d.Was == directory.Suspended, time.Time{}
	d.Do("case.opened", d.Before.ID, len(d.Blocked))
	return directory.Save(d, d.Org, &c)
}

// closeCase ends the case of a departure that happens, or is taken back.
func closeCase(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	c, err := directory.Load[directory.Case](ctx, r, d.Org, d.Before.ID)
	switch {
	case isNotFound(err):
		return nil
	case err != nil || !c.Open:
		return err
	}
	c.Open, c.Closed = false, d.Now
	return directory.Save(d, d.Org, &c)
}

// askedBy is who wants a departure: the actor, or who set its date or asked for it
// before it had to wait, where the clock carries it out.
func askedBy(ctx context.Context, r directory.Reader, d *directory.Draft) (directory.Actor, error) {
	if d.Actor.Kind != directory.BySchedule {
		return d.Actor, nil
	}
	c, err := directory.LoadOr[directory.Case](ctx, r, d.Org, d.Before.ID)
	if err != nil || c.Open && c.By.Kind != "" {
		return c.By, err
	}
	s, err := directory.LoadOr[directory.Schedule](ctx, r, d.Org, d.Before.ID)
	if err != nil || s.By.Kind != "" {
		return s.By, err
	}
	return d.Actor, nil
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
