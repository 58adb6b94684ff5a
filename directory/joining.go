package directory

import (
	"context"
	"errors"
	"time"

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
	RuleInvitation   RuleID = "invitation.invalid"
	RuleNotConfirmed RuleID = "membership.not_confirmed"
)

// Invite sends a person an invitation, or another one: the token before it is
// void (T2). The hash is that of the new token.
func Invite(rt *scim.ResourceType, id, hash string) SetState {
	return SetState{Type: rt, ID: id, Verb: "user.invite", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		switch {
		case d.Before.Text(schemas.Usher.InvitationState) == Joined:
			return Firmly(RuleInvitation, State, "%s has joined already; there is nothing to invite to.", DisplayOf(d.Before)), nil
		case d.Was != Active:
			return Firmly(RuleInvitation, State, "%s is not active; activate them first, then invite them.", DisplayOf(d.Before)), nil
		}
		if _, found, err := Usable(ctx, r, PrimaryAddress(d.Before)); err != nil || len(found) > 0 {
			return found, err
		}
		d.HandsKey = true
		i, err := LoadOr[Invitation](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		if i.Sent >= InvitationsMost {
			return Firmly(RuleInvitation, Quota, "%s was invited %d times, which is the most; reach them in another way.", DisplayOf(d.Before), i.Sent), nil
		}
		i.Email, i.State, i.Hash, i.Sent, i.Expires = PrimaryAddress(d.Before), NotJoined, hash, i.Sent+1, d.Now.Add(InvitationLife)
		SetText(d.After, schemas.Usher.InvitationState, NotJoined)
		d.Do("invitation.sent", id, 1)
		return nil, Save(d, d.Org, &i)
	}}
}

// Withdraw makes an invitation void.
func Withdraw(rt *scim.ResourceType, id string) SetState {
	return SetState{Type: rt, ID: id, Verb: "user.invitation.withdraw", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		i, err := Load[Invitation](ctx, r, d.Org, id)
		if errors.Is(err, ErrNotFound) || err == nil && i.State != NotJoined {
			return Firmly(RuleInvitation, State, "%s has no open invitation.", DisplayOf(d.Before)), nil
		}
		if err != nil {
			return nil, err
		}
		i.State = Withdrawn
		SetText(d.After, schemas.Usher.InvitationState, Withdrawn)
		d.Do("invitation.void", id, 1)
		return nil, Save(d, d.Org, &i)
	}}
}

// Join accepts an invitation (T3): the token must be the last one sent, in time,
// and the person active. The account that joins is the one of the given address,
// made when there is none; one with another home makes the person external.
func Join(rt *scim.ResourceType, id, hash, address string) SetState {
	invalid := Firmly(RuleInvitation, Authority, "The invitation is not valid any more; ask who invited you for a new one.")
	return SetState{Type: rt, ID: id, Verb: "user.join", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		i, err := Load[Invitation](ctx, r, d.Org, id)
		if errors.Is(err, ErrNotFound) || err == nil && (i.State != NotJoined || i.Hash != hash || !d.Now.Before(i.Expires) || d.Was != Active) {
			return invalid, nil
		}
		if err != nil {
			return nil, err
		}
		joins := address // a plan may be made again, from the same wish
		if joins == "" {
			joins = i.Email
		}
		if MailKey(joins) != MailKey(i.Email) {
			return Firmly(RuleInvitation, Authority, "The invitation is for another address; sign in with the account of that one."), nil
		}
		a, found, err := joinAccount(ctx, r, d, joins, i.Email)
		if err != nil || len(found) > 0 {
			return found, err
		}
		i.State, i.Hash = Joined, ""
		SetText(d.After, schemas.Usher.InvitationState, Joined)
		belongs(d.After, a.Home, d.Org)
		standing, err := LoadOr[Standing](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		standing.Account = a.ID
		d.Do("user.joined", id, 1)
		return nil, errors.Join(Save(d, d.Org, &i), Save(d, d.Org, &standing), DropOne[Consent](ctx, r, d, id))
	}}
}

// belongs makes a person who has joined one of this organization, or an external one.
func belongs(r *scim.Resource, home, here OrgID) {
	switch {
	case home != here:
		SetText(r, schemas.Usher.Classification, External)
		SetHome(r, home)
	case IsExternal(r):
		SetHome(r, "")
		fallthrough
	default:
		SetText(r, schemas.Usher.Classification, Confirmed)
	}
}

// joinAccount is the account that joins. Its home is where it joins first, but never
// against the organization that has verified its domain (C8).
func joinAccount(ctx context.Context, r Reader, d *Draft, address, invited string) (Account, []Finding, error) {
	a, err := AccountOf(ctx, r, address)
	switch {
	case errors.Is(err, ErrNotFound):
		a = Account{Head: Head{ID: d.NewID("account")}, Email: address, State: Open}
	case err != nil:
		return a, nil, err
	case a.State != Open:
		return a, Firmly(RuleInvitation, Authority, "This account cannot join any organization; open a new one first."), nil
	}
	home, err := a.HomeOf(ctx, r, d.Type, d.Org, invited)
	if err != nil {
		return a, nil, err
	}
	if a.Home = home.Org; a.Home == "" {
		a.Home = d.Org
	}
	return a, nil, Save(d, "", &a)
}

// Reclassify works out anew whose a person is who has not joined, after a domain
// was verified or given up (S2-26).
func Reclassify(rt *scim.ResourceType, id string) SetState {
	return SetState{Type: rt, ID: id, Verb: "user.reclassify", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		if d.Before.Text(schemas.Usher.InvitationState) == Joined || IsExternal(d.Before) {
			return nil, nil
		}
		home, err := HomeOf(ctx, r, d.Type, d.Org, PrimaryAddress(d.Before))
		if err != nil || home.External {
			return nil, err
		}
		SetText(d.After, schemas.Usher.Classification, home.Class())
		return nil, nil
	}}
}

// Hold sets or lifts a legal hold: the data of the person may not be erased.
func Hold(rt *scim.ResourceType, id string, on bool) SetState {
	verb := "user.hold"
	if !on {
		verb = "user.hold.lift"
	}
	return SetState{Type: rt, ID: id, Verb: verb, Plan: func(_ context.Context, _ Reader, d *Draft) ([]Finding, error) {
		if !on {
			d.After.SetPath(schemas.Usher.LegalHold, scim.Value{})
			return nil, nil
		}
		d.After.SetPath(schemas.Usher.LegalHold, scim.BoolValue(true))
		return nil, nil
	}}
}

// RequireConfirmed refuses what can be done only for people who have joined (S2-5).
func RequireConfirmed(r *scim.Resource) []Finding {
	if r.Text(schemas.Usher.Classification) == Confirmed {
		return nil
	}
	return Firmly(RuleNotConfirmed, State, "%s has not joined yet; this is available after joining.", DisplayOf(r))
}
