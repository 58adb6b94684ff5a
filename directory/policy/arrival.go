package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

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
	if len(directory.AddressesOf(d.After)) > 0 {
		d.Do("mail.activated", d.After.ID, 1) // S3-12
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
