package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// How invitations are kept within bounds (S2-24).
const (
	InvitationLife  = 7 * 24 * time.Hour
	InvitationsMost = 5 // mails to one person
)

// The rules of joining.
const (
	RuleInvitation   directory.RuleID = "invitation.invalid"
	RuleNotConfirmed directory.RuleID = "membership.not_confirmed"
)

// Invite sends a person an invitation, or another one: the token before it is
// void (T2). The hash is that of the new token.
func Invite(rt *scim.ResourceType, id, hash string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "user.invite", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		switch {
		case d.Before.Text(schemas.Usher.InvitationState) == directory.Joined:
			return directory.Firmly(RuleInvitation, directory.State, "%s has joined already; there is nothing to invite to.", directory.DisplayOf(d.Before)), nil
		case d.Was != directory.Active:
			return directory.Firmly(RuleInvitation, directory.State, "%s is not active; activate them first, then invite them.", directory.DisplayOf(d.Before)), nil
		}
		if _, found, err := estate.Usable(ctx, r, directory.PrimaryAddress(d.Before)); err != nil || len(found) > 0 {
			return found, err
		}
		d.HandsKey = true
		i, err := directory.LoadOr[estate.Invitation](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		if i.Sent >= InvitationsMost {
			return directory.Firmly(RuleInvitation, directory.Quota, "%s was invited %d times, which is the most; reach them in another way.", directory.DisplayOf(d.Before), i.Sent), nil
		}
		i.Email, i.State, i.Hash, i.Sent, i.Expires = directory.PrimaryAddress(d.Before), directory.NotJoined, hash, i.Sent+1, d.Now.Add(InvitationLife)
		directory.SetText(d.After, schemas.Usher.InvitationState, directory.NotJoined)
		d.Do("invitation.sent", id, 1)
		return nil, directory.Save(d, d.Org, &i)
	}}
}

// Withdraw makes an invitation void.
func Withdraw(rt *scim.ResourceType, id string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "user.invitation.withdraw", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		i, err := directory.Load[estate.Invitation](ctx, r, d.Org, id)
		if errors.Is(err, directory.ErrNotFound) || err == nil && i.State != directory.NotJoined {
			return directory.Firmly(RuleInvitation, directory.State, "%s has no open invitation.", directory.DisplayOf(d.Before)), nil
		}
		if err != nil {
			return nil, err
		}
		i.State = directory.Withdrawn
		directory.SetText(d.After, schemas.Usher.InvitationState, directory.Withdrawn)
		d.Do("invitation.void", id, 1)
		return nil, directory.Save(d, d.Org, &i)
	}}
}

// Join accepts an invitation (T3): the token must be the last one sent, in time,
// and the person active. The account that joins is the one of the given address,
// made when there is none; one with another home makes the person external.
func Join(rt *scim.ResourceType, id, hash, address string) directory.SetState {
	invalid := directory.Firmly(RuleInvitation, directory.Authority, "The invitation is not valid any more; ask who invited you for a new one.")
	return directory.SetState{Type: rt, ID: id, Verb: "user.join", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		i, err := directory.Load[estate.Invitation](ctx, r, d.Org, id)
		if errors.Is(err, directory.ErrNotFound) || err == nil && (i.State != directory.NotJoined || i.Hash != hash || !d.Now.Before(i.Expires) || d.Was != directory.Active) {
			return invalid, nil
		}
		if err != nil {
			return nil, err
		}
		joins := address // a plan may be made again, from the same wish
		if joins == "" {
			joins = i.Email
		}
		if directory.MailKey(joins) != directory.MailKey(i.Email) {
			return directory.Firmly(RuleInvitation, directory.Authority, "The invitation is for another address; sign in with the account of that one."), nil
		}
		a, found, err := joinAccount(ctx, r, d, joins, i.Email)
		if err != nil || len(found) > 0 {
			return found, err
		}
		i.State, i.Hash = directory.Joined, ""
		directory.SetText(d.After, schemas.Usher.InvitationState, directory.Joined)
		belongs(d.After, a.Home, d.Org)
		standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		standing.Account = a.ID
		d.Do("user.joined", id, 1)
		return nil, errors.Join(directory.Save(d, d.Org, &i), directory.Save(d, d.Org, &standing), estate.DropOne[Consent](ctx, r, d, id))
	}}
}

// belongs makes a person who has joined one of this organization, or an external one.
func belongs(r *scim.Resource, home, here directory.OrgID) {
	switch {
	case home != here:
		directory.SetText(r, schemas.Usher.Classification, directory.External)
		estate.SetHome(r, home)
	case directory.IsExternal(r):
		estate.SetHome(r, "")
		fallthrough
	default:
		directory.SetText(r, schemas.Usher.Classification, directory.Confirmed)
	}
}

// joinAccount is the account that joins. Its home is where it joins first, but never
// against the organization that has verified its domain (C8).
func joinAccount(ctx context.Context, r directory.Reader, d *directory.Draft, address, invited string) (estate.Account, []directory.Finding, error) {
	a, err := estate.AccountOf(ctx, r, address)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		a = estate.Account{Head: directory.Head{ID: d.NewID("account")}, Email: address, State: estate.Open}
	case err != nil:
		return a, nil, err
	case a.State != estate.Open:
		return a, directory.Firmly(RuleInvitation, directory.Authority, "This account cannot join any organization; open a new one first."), nil
	}
	home, err := a.HomeOf(ctx, r, d.Type, d.Org, invited)
	if err != nil {
		return a, nil, err
	}
	if a.Home = home.Org; a.Home == "" {
		a.Home = d.Org
	}
	return a, nil, directory.Save(d, "", &a)
}

// Reclassify works out anew whose a person is who has not joined, after a domain
// was verified or given up (S2-26).
func Reclassify(rt *scim.ResourceType, id string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "user.reclassify", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		if d.Before.Text(schemas.Usher.InvitationState) == directory.Joined || directory.IsExternal(d.Before) {
			return nil, nil
		}
		home, err := estate.HomeOf(ctx, r, d.Type, d.Org, directory.PrimaryAddress(d.Before))
		if err != nil || home.External {
			return nil, err
		}
		directory.SetText(d.After, schemas.Usher.Classification, home.Class())
		return nil, nil
	}}
}

// Hold sets or lifts a legal hold: the data of the person may not be erased.
func Hold(rt *scim.ResourceType, id string, on bool) directory.SetState {
	verb := "user.hold"
	if !on {
		verb = "user.hold.lift"
	}
	return directory.SetState{Type: rt, ID: id, Verb: verb, Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		if !on {
			d.After.SetPath(schemas.Usher.LegalHold, scim.Value{})
			return nil, nil
		}
		d.After.SetPath(schemas.Usher.LegalHold, scim.BoolValue(true))
		return nil, nil
	}}
}

// RequireConfirmed refuses what can be done only for people who have joined (S2-5).
func RequireConfirmed(r *scim.Resource) []directory.Finding {
	if r.Text(schemas.Usher.Classification) == directory.Confirmed {
		return nil
	}
	return directory.Firmly(RuleNotConfirmed, directory.State, "%s has not joined yet; this is available after joining.", directory.DisplayOf(r))
}
