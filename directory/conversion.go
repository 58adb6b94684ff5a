package directory

import (
	"context"
	"errors"
	"time"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// The rules of conversion.
const (
	RuleConversion RuleID = "membership.not_external"
	RuleConsent    RuleID = "membership.consent"
)

// Consent is the word of an external person that they want to be a member at home (T9).
// It is for this organization alone; its id is the person's. One conversion uses it up.
type Consent struct {
	Head
	Given   time.Time `json:"givenAt"`
	Expires time.Time `json:"expiresAt"`
}

// Kind is "consent".
func (*Consent) Kind() Kind { return "consent" }

// Keys is when it expires.
func (c *Consent) Keys() []string { return []string{DueKey(c.Expires)} }

// ConsentLife is how long a consent holds.
const ConsentLife = InvitationLife

// holds reports whether the consent counts: in time and, like every credential, younger
// than the end of the person's access.
func (c *Consent) holds(d *Draft) bool {
	return d.Now.Before(c.Expires) && c.Given.After(ValidAfter(d.Before))
}

// Agree notes that an external person wants to be a member at home. Saying it again
// begins its time anew.
func Agree(rt *scim.ResourceType, id string) SetState {
	return SetState{Type: rt, ID: id, Verb: "user.consent", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		if !IsExternal(d.Before) {
			return Firmly(RuleConsent, State, "%s is not external; there is nothing to agree to.", DisplayOf(d.Before)), nil
		}
		c, err := LoadOr[Consent](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		c.Given, c.Expires = d.Now, d.Now.Add(ConsentLife)
		d.Do("consent.given", id, 1)
		return nil, Save(d, d.Org, &c)
	}}
}

// Disagree takes a consent back that was not used.
func Disagree(rt *scim.ResourceType, id string) SetState {
	return SetState{Type: rt, ID: id, Verb: "user.consent.withdraw", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		c, err := Load[Consent](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		Drop(d, d.Org, &c)
		d.Do("consent.void", id, 1)
		return nil, nil
	}}
}

// Convert makes an external person a member at home (T9, S2-20): the account must
// have left its old home, or have an address in a domain of this organization. Who has
// agreed, or joined before, is confirmed at once; others are asked.
func Convert(rt *scim.ResourceType, id string) SetState {
	return SetState{Type: rt, ID: id, Verb: "user.convert", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		if !IsExternal(d.Before) {
			return Firmly(RuleConversion, State, "%s is not external; there is nothing to convert.", DisplayOf(d.Before)), nil
		}
		address := PrimaryAddress(d.Before)
		a, err := AccountOf(ctx, r, address)
		known := err == nil
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		home, err := a.HomeOf(ctx, r, d.Type, d.Org, address)
		if err != nil {
			return nil, err
		}
		if home.Elsewhere(d.Org) {
			return atHomeElsewhere(d), nil
		}
		if known && a.State != Open {
			return Firmly(RuleConversion, Authority, "The account of %s cannot be used any more; the person must open a new one first.", DisplayOf(d.Before)), nil
		}
		if known {
			a.Home = d.Org
			if err := Save(d, "", &a); err != nil {
				return nil, err
			}
		}
		if err := useConsent(ctx, r, d); err != nil {
			return nil, err
		}
		SetHome(d.After, "")
		class := Pending
		if home.Verified || d.After.Text(schemas.Usher.InvitationState) == Joined {
			class = Confirmed
		}
		SetText(d.After, schemas.Usher.Classification, class)
		d.Do("user.converted", id, 1)
		return nil, nil
	}}
}

// atHomeElsewhere refuses to convert who has not left their old home. Once they have,
// their own consent is enough.
func atHomeElsewhere(d *Draft) []Finding {
	id, home := d.Before.ID, d.Before.Text(schemas.Usher.HomeOrganizationID)
	found := Firmly(RuleConversion, State, "%s still belongs to the organization %s; they must leave it first and agree to belong here, or you verify the domain of their address.", DisplayOf(d.Before), home)
	found[0].Blocker = &Blocker{OwnerID: id, Fix: &Fix{Kind: "consent", Holders: []string{id}, Precondition: "home.left:" + home, Href: "/api/v1/users/" + id + "/consent"}}
	return found
}

// useConsent makes a person whose consent holds one who has joined, as an invitation
// does that they accept; their open one is void. That an address is theirs, it does not
// show (K26).
func useConsent(ctx context.Context, r Reader, d *Draft) error {
	c, err := Load[Consent](ctx, r, d.Org, d.Before.ID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	Drop(d, d.Org, &c)
	if !c.holds(d) {
		return nil
	}
	d.Do("consent.used", d.Before.ID, 1)
	SetText(d.After, schemas.Usher.InvitationState, Joined)
	i, err := Load[Invitation](ctx, r, d.Org, d.Before.ID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	i.State, i.Hash = Joined, ""
	return Save(d, d.Org, &i)
}
