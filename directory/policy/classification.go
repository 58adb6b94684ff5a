package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Classification works out whose a person is: pending, confirmed or external
// (S2-1 to S2-6, S2-23, C8). It also refuses people whose account is closed or
// spam, and moves out of a verified domain (K26).
type Classification struct{}

// The rules.
const (
	RuleUnverifiedDomain directory.RuleID = "email.unverified_domain"
	RuleOtherAccount     directory.RuleID = "email.other_account"
)

// Review amends the draft of a new person, and of one whose address changes.
func (Classification) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.After == nil {
		return nil, nil
	}
	address := directory.PrimaryAddress(d.After)
	switch {
	case d.Before == nil, d.Before.Text(schemas.Usher.Classification) == "":
		return classify(ctx, r, d, address)
	case d.Was != directory.Active && d.Is == directory.Active:
		_, found, err := estate.Usable(ctx, r, address)
		return found, err
	}
	was := directory.PrimaryAddress(d.Before)
	if directory.MailKey(was) == directory.MailKey(address) || directory.IsExternal(d.Before) {
		return nil, nil
	}
	return move(ctx, r, d, was, address)
}

// move is for a person at home whose address changes.
func move(ctx context.Context, r directory.Reader, d *directory.Draft, was, address string) ([]directory.Finding, error) {
	if _, found, err := estate.Usable(ctx, r, address); err != nil || len(found) > 0 {
		return found, err
	}
	if err := keepDead(ctx, r, d); err != nil {
		return nil, err
	}
	home, err := estate.HomeOf(ctx, r, d.Type, d.Org, address)
	if err != nil {
		return nil, err
	}
	left, err := estate.HomeOf(ctx, r, d.Type, d.Org, was)
	if err != nil {
		return nil, err
	}
	if left.Verified && !home.Verified {
		f := refuse(RuleUnverifiedDomain, directory.Invalid, "The new address is outside the verified domains of the organization; verify the domain %q first, or invite the person under the new address.", directory.DomainOf(address))
		f.Path = "emails"
		return []directory.Finding{f}, nil
	}
	if d.After.Text(schemas.Usher.InvitationState) == directory.Joined {
		return otherAccount(home), nil
	}
	directory.SetText(d.After, schemas.Usher.Classification, home.Class())
	if home.External {
		estate.SetHome(d.After, home.Org)
	}
	return nil, inviteElsewhere(ctx, r, d)
}

// inviteElsewhere sends an open invitation to the new address of its person: whoever has
// the old one, which may have been a mistake, must not join in their name (S2-24). Who is
// suspended, or was asked too often, has none any more.
func inviteElsewhere(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	if d.Is == directory.Inactive || d.After.Text(schemas.Usher.InvitationState) != directory.NotJoined {
		return nil // with a departure it is void anyway
	}
	invitation, err := directory.LoadOr[estate.Invitation](ctx, r, d.Org, d.After.ID)
	if err != nil {
		return err
	}
	if d.Is == directory.Active && invitation.Sent < lifecycle.InvitationsMost {
		return queueInvitation(d, &invitation)
	}
	invitation.State, invitation.Hash = directory.Withdrawn, ""
	directory.SetText(d.After, schemas.Usher.InvitationState, directory.Withdrawn)
	d.Do("invitation.void", d.After.ID, 1)
	return directory.Save(d, d.Org, &invitation)
}

// keepDead writes down in the record up to when the account of the old address had its
// credentials dead: none revives because the address is another one (S1-26).
func keepDead(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	at, err := estate.DeadUntil(ctx, r, d.Before)
	if err == nil && at.After(directory.ValidAfter(d.After)) {
		d.After.SetPath(schemas.Usher.CredentialsValidAfter, scim.TimeValue(at, scim.FormatTime(at)))
	}
	return err
}

// otherAccount refuses to make somebody who joined with an account of their own the
// holder of another organization's: whoever writes the address would have the
// account (K26).
func otherAccount(home estate.Home) []directory.Finding {
	if !home.External {
		return nil
	}
	f := refuse(RuleOtherAccount, directory.Invalid, "The new address belongs to an account of another organization; add the person under it instead.")
	f.Path = "emails"
	return []directory.Finding{f}
}

// classify is for a new person.
func classify(ctx context.Context, r directory.Reader, d *directory.Draft, address string) ([]directory.Finding, error) {
	a, found, err := estate.Usable(ctx, r, address)
	if err != nil || len(found) > 0 {
		return found, err
	}
	home, err := a.HomeOf(ctx, r, d.Type, d.Org, address)
	if err != nil {
		return nil, err
	}
	directory.SetText(d.After, schemas.Usher.Classification, home.Class())
	directory.SetText(d.After, schemas.Usher.InvitationState, directory.NotInvited)
	if home.External {
		estate.SetHome(d.After, home.Org)
	}
	return nil, nil
}

// ReadOnly keeps the account of an external person as the home organization has
// it (S2-7, S2-8). What the person is here, they may be given.
type ReadOnly struct{}

// RuleReadOnly names the rule.
const RuleReadOnly directory.RuleID = "external.read_only"

// here are the members of a record that belong to the membership, not the account.
var here = map[string]bool{"active": true, "externalid": true, "$externalids": true, "usertype": true, "title": true, "roles": true, "entitlements": true, "groups": true}

// changedByHand lists what changes, with the home organization where that is one.
func changedByHand(d *directory.Draft) []*scim.Attribute {
	all := scim.Changed(d.Before, d.After)
	if directory.IsExternal(d.After) && d.Before.Text(schemas.Enterprise.Organization) != d.After.Text(schemas.Enterprise.Organization) {
		all = append(all, schemas.Enterprise.Organization)
	}
	return all
}

// Review looks at what changes.
func (ReadOnly) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.Before == nil || d.After == nil || !directory.IsExternal(d.Before) {
		return nil, nil
	}
	if was := d.Before.Text(schemas.Enterprise.Organization); was != "" && d.After.Text(schemas.Enterprise.Organization) == "" && directory.IsExternal(d.After) {
		directory.SetText(d.After, schemas.Enterprise.Organization, was) // what is left out is not changed
	}
	for _, a := range changedByHand(d) {
		if a.IsExtension() || here[scim.Fold(a.Name)] {
			continue
		}
		profile, err := estate.ProfileOf(ctx, r, d.Org)
		if err != nil {
			return nil, err
		}
		home := d.Before.Text(schemas.Usher.HomeOrganizationID)
		f := refuse(RuleReadOnly, directory.ReadOnly, "The attribute %s is managed by the home organization %s of this external person; change it there.", a.Path(), home)
		if profile.SupportContact != "" {
			f = refuse(RuleReadOnly, directory.ReadOnly, "The attribute %s is managed by the home organization %s of this external person; change it there, or ask %s.", a.Path(), home, profile.SupportContact)
		}
		f.Path = a.Path()
		return []directory.Finding{f}, nil
	}
	return nil, nil
}
