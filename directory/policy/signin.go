package policy

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// SignIn guards what people sign in with, and what lets somebody in as them: whoever
// changes the one or is handed the other has their rights (K10, K28, K52). It takes at
// least their rank. Of people who hold a role, a provisioning client may change it only
// where somebody set a rank ceiling for the client that reaches them; of the owner
// never.
type SignIn struct{}

// RuleSignIn names the rule.
const RuleSignIn directory.RuleID = "identity.protected"

// Review looks at changes of people who are there already.
func (SignIn) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.Before == nil || d.After == nil {
		return nil, nil
	}
	if d.HandsKey {
		return MayHandKey(ctx, r, d, d.Before)
	}
	changed := signInChanged(d.Before, d.After)
	if changed == "" {
		return nil, nil
	}
	standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, d.Before.ID)
	if err != nil {
		return nil, err
	}
	name, client := directory.DisplayOf(d.Before), d.Actor.Kind == directory.Client
	switch {
	case client && standing.Role == directory.Owner:
		return protected(d.Before, standing, refuse(RuleSignIn, directory.Authority, "%s owns the organization and signs in with %s, so no provisioning client can change it; the owner can.", name, changed)), nil
	case client && standing.Role != "" && d.Actor.Ceiling < max(standing.Height(), 1):
		return protected(d.Before, standing, refuse(RuleSignIn, directory.Authority, "%s holds a role in the organization and signs in with %s, so this client cannot change it; an administrator of at least the same rank can, or the operator sets a rank ceiling for the client.", name, changed)), nil
	case height(d.Before, standing) > d.Actor.Rank:
		return protected(d.Before, standing, refuse(RuleSignIn, directory.Authority, "%s has a higher role than you and signs in with %s, so you cannot change it; ask somebody of at least the same rank.", name, changed)), nil
	}
	return nil, nil
}

// MayHandKey refuses to give the caller what lets them in as somebody above them.
func MayHandKey(ctx context.Context, r directory.Reader, d *directory.Draft, person *scim.Resource) ([]directory.Finding, error) {
	standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, person.ID)
	if err != nil || height(person, standing) <= d.Actor.Rank {
		return nil, err
	}
	return protected(person, standing, refuse(RuleSignIn, directory.Authority, "%s has a higher role than you, so you cannot be given a way to sign in as them; ask somebody of at least the same rank.", directory.DisplayOf(person))), nil
}

func protected(person *scim.Resource, s estate.Standing, f directory.Finding) []directory.Finding {
	f.Firm, f.Blocker = true, above(person.ID, s)
	return []directory.Finding{f}
}

// height is the rank of a person. Customers have none but what a role gives them.
func height(person *scim.Resource, s estate.Standing) int {
	if s.Role == "" && !directory.IsEmployee(person) {
		return 0
	}
	return s.Height()
}

// signInChanged is the path of what changes of that by which a person is found when
// they sign in or ask for a new password; "" when nothing does.
func signInChanged(before, after *scim.Resource) string {
	switch {
	case scim.Key(before.Text(schemas.User.UserName)) != scim.Key(after.Text(schemas.User.UserName)):
		return schemas.User.UserName.Path()
	case before.Text(scim.ExternalID) != after.Text(scim.ExternalID), !valueOf(before, scim.ExternalIDs).Equal(valueOf(after, scim.ExternalIDs)):
		return scim.ExternalID.Path()
	case scim.Key(directory.PrimaryAddress(before)) != scim.Key(directory.PrimaryAddress(after)), !slices.Equal(mailKeys(before), mailKeys(after)):
		return schemas.User.Emails.Path()
	}
	return ""
}

func valueOf(r *scim.Resource, a *scim.Attribute) scim.Value {
	v, _ := r.Get(a)
	return v
}

// mailKeys are the e-mail addresses of a person, in an order of their own.
func mailKeys(r *scim.Resource) (all []string) {
	r.Each(schemas.User.EmailValue, func(_ int, v scim.Value) { all = append(all, scim.Key(v.Text())) })
	slices.Sort(all)
	return slices.Compact(all)
}
