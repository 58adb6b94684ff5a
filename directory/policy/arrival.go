package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Arrival gives back what a return gives back: assignments that deactivation
// disabled, where their application takes the person (C1). Nothing else returns by
// itself (S1-17, S1-18).
type Arrival struct{}

// Review adds the effects to the draft.
func (Arrival) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	switch {
	case comesHome(d):
		return nil, invite(ctx, r, d, true)
	case d.Joins() && d.Invite != nil && *d.Invite && invitable(d):
		return nil, queueInvitation(d, &estate.Invitation{Head: directory.Head{ID: d.After.ID}})
	}
	if d.Is == directory.Inactive || !d.Returns() {
		return nil, nil
	}
	setFlag(d.After, schemas.Usher.BlockListed, false)
	d.After.SetPath(schemas.Usher.ReactivateOnPurchase, scim.Value{})
	all, err := directory.All[estate.Assignment](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + d.Before.ID})
	if err != nil {
		return nil, err
	}
	for i := range all {
		a := &all[i]
		if !a.Departed {
			continue
		}
		app, err := directory.LoadOr[estate.Application](ctx, r, d.Org, a.App)
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
	if d.Is == directory.Suspended {
		return nil, nil // nobody tells them that they may sign in, nor asks them to join
	}
	if len(directory.AddressesOf(d.After)) > 0 {
		d.Do("mail.activated", d.After.ID, 1) // S3-12
	}
	asked := d.After.Text(schemas.Usher.InvitationState) != directory.NotInvited
	if d.Invite == nil && waitlisted(d.Before) {
		waiting, err := directory.LoadOr[estate.Waiting](ctx, r, d.Org, d.After.ID)
		if err != nil {
			return nil, err
		}
		d.Invite = waiting.Invite
	}
	return nil, invite(ctx, r, d, asked)
}

// invitable reports whether a new person is invited who is to be (T1): of an address in a
// verified domain the organization disposes.
func invitable(d *directory.Draft) bool {
	return d.After.Text(schemas.Usher.Classification) != directory.Confirmed
}

// comesHome reports whether an external person becomes a member whose consent is
// still wanted (T9): who joined has given it, and of an address in a verified domain
// the organization disposes.
func comesHome(d *directory.Draft) bool {
	return d.Before != nil && d.After != nil && directory.IsExternal(d.Before) && d.Is == directory.Active &&
		d.After.Text(schemas.Usher.Classification) == directory.Pending
}

// invite asks a person who never joined again (S3-7, T7), if the request says so, or
// says nothing and it is usual. By itself nobody is asked more often than may be.
func invite(ctx context.Context, r directory.Reader, d *directory.Draft, usual bool) error {
	state := d.After.Text(schemas.Usher.InvitationState)
	if state == directory.Joined {
		return nil
	}
	invitation, err := directory.LoadOr[estate.Invitation](ctx, r, d.Org, d.After.ID)
	if err != nil {
		return err
	}
	wanted := usual && invitation.Sent < lifecycle.InvitationsMost
	if d.Invite != nil {
		wanted = *d.Invite
	}
	if wanted {
		return queueInvitation(d, &invitation)
	}
	if state == directory.Withdrawn {
		directory.SetText(d.After, schemas.Usher.InvitationState, directory.NotInvited)
	}
	return nil
}

// queueInvitation has an invitation sent, whose token is made when it is.
func queueInvitation(d *directory.Draft, invitation *estate.Invitation) error {
	invitation.Email, invitation.State, invitation.Hash = directory.PrimaryAddress(d.After), directory.NotJoined, ""
	directory.SetText(d.After, schemas.Usher.InvitationState, directory.NotJoined)
	d.Do("invitation.queued", d.After.ID, 1)
	return directory.Save(d, d.Org, invitation)
}

// Choices follows who changes their mind about an inactive person: the box of S1-5
// decides whether the addresses are blocked or may return, whenever it is ticked. A block
// stays with an address that they give up.
type Choices struct{}

// Review amends the draft.
func (Choices) Review(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
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
		if found, err = unblocks(ctx, r, d); err != nil {
			return nil, err
		}
		was, _ := d.Before.Bool(schemas.Usher.BlockListed)
		blocked, _ := d.After.Bool(schemas.Usher.BlockListed)
		if gone && (before != after || blocked && (!was || !sameAddresses(d.Before, d.After))) {
			_, err = estate.KeepAddresses(ctx, r, d, d.Before.Text(schemas.Usher.DeactivatedBy), blocked, after)
		}
	}
	estate.CountGone(d)
	return found, err
}
