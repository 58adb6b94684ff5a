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

// The rules of conversion.
const (
	RuleConversion directory.RuleID = "membership.not_external"
	RuleConsent    directory.RuleID = "membership.consent"
)

// Consent is the word of an external person that they want to be a member at home (T9).
// It is for this organization alone; its id is the person's. One conversion uses it up.
type Consent struct {
	directory.Head
	Given   time.Time `json:"givenAt"`
	Expires time.Time `json:"expiresAt"`
}

// Kind is "consent".
func (*Consent) Kind() directory.Kind { return "consent" }

// Keys is when it expires.
func (c *Consent) Keys() []string { return []string{estate.DueKey(c.Expires)} }

// ConsentLife is how long a consent holds.
const ConsentLife = InvitationLife

// holds reports whether the consent counts: in time and, like every credential, younger
// than the end of the person's access.
func (c *Consent) holds(d *directory.Draft) bool {
	return d.Now.Before(c.Expires) && c.Given.After(directory.ValidAfter(d.Before))
}

// Agree notes that an external person wants to be a member at home. Saying it again
// begins its time anew.
func Agree(rt *scim.ResourceType, id string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "user.consent", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		if !directory.IsExternal(d.Before) {
			return directory.Firmly(RuleConsent, directory.State, "%s is not external; there is nothing to agree to.", directory.DisplayOf(d.Before)), nil
		}
		c, err := directory.LoadOr[Consent](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		c.Given, c.Expires = d.Now, d.Now.Add(ConsentLife)
		d.Do("consent.given", id, 1)
		return nil, directory.Save(d, d.Org, &c)
	}}
}

// Disagree takes a consent back that was not used.
func Disagree(rt *scim.ResourceType, id string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "user.consent.withdraw", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		c, err := directory.Load[Consent](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		directory.Drop(d, d.Org, &c)
		d.Do("consent.void", id, 1)
		return nil, nil
	}}
}

// Convert makes an external person a member at home (T9, S2-20): the account must
// have left its old home, or have an address in a domain of this organization. Who has
// agreed, or joined before, is confirmed at once; others are asked.
func Convert(rt *scim.ResourceType, id string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "user.convert", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		if !directory.IsExternal(d.Before) {
			return directory.Firmly(RuleConversion, directory.State, "%s is not external; there is nothing to convert.", directory.DisplayOf(d.Before)), nil
		}
		address := directory.PrimaryAddress(d.Before)
		a, err := estate.AccountOf(ctx, r, address)
		known := err == nil
		if err != nil && !errors.Is(err, directory.ErrNotFound) {
			return nil, err
		}
		home, err := a.HomeOf(ctx, r, d.Type, d.Org, address)
		if err != nil {
			return nil, err
		}
		if home.Elsewhere(d.Org) {
			return atHomeElsewhere(d), nil
		}
		if known && a.State != estate.Open {
			return directory.Firmly(RuleConversion, directory.Authority, "The account of %s cannot be used any more; the person must open a new one first.", directory.DisplayOf(d.Before)), nil
		}
		if known {
			a.Home = d.Org
			if err := directory.Save(d, "", &a); err != nil {
				return nil, err
			}
		}
		if err := useConsent(ctx, r, d); err != nil {
			return nil, err
		}
		estate.SetHome(d.After, "")
		class := directory.Pending
		if home.Verified || d.After.Text(schemas.Usher.InvitationState) == directory.Joined {
			class = directory.Confirmed
		}
		directory.SetText(d.After, schemas.Usher.Classification, class)
		d.Do("user.converted", id, 1)
		return nil, nil
	}}
}

// atHomeElsewhere refuses to convert who has not left their old home. Once they have,
// their own consent is enough.
func atHomeElsewhere(d *directory.Draft) []directory.Finding {
	id, home := d.Before.ID, d.Before.Text(schemas.Usher.HomeOrganizationID)
	found := directory.Firmly(RuleConversion, directory.State, "%s still belongs to the organization %s; they must leave it first and agree to belong here, or you verify the domain of their address.", directory.DisplayOf(d.Before), home)
	found[0].Blocker = &directory.Blocker{OwnerID: id, Fix: &directory.Fix{Kind: "consent", Holders: []string{id}, Precondition: "home.left:" + home, Href: "/api/v1/users/" + id + "/consent"}}
	return found
}

// useConsent makes a person whose consent holds one who has joined, as an invitation
// does that they accept; their open one is void. That an address is theirs, it does not
// show (K26).
func useConsent(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	c, err := directory.Load[Consent](ctx, r, d.Org, d.Before.ID)
	if errors.Is(err, directory.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	directory.Drop(d, d.Org, &c)
	if !c.holds(d) {
		return nil
	}
	d.Do("consent.used", d.Before.ID, 1)
	directory.SetText(d.After, schemas.Usher.InvitationState, directory.Joined)
	i, err := directory.Load[estate.Invitation](ctx, r, d.Org, d.Before.ID)
	if errors.Is(err, directory.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	i.State, i.Hash = directory.Joined, ""
	return directory.Save(d, d.Org, &i)
}
