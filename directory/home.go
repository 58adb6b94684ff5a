package directory

import (
	"context"
	"errors"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Home says whose an address is, as seen from one organization.
type Home struct {
	Org      OrgID // that it belongs to; "" when nobody knows
	Verified bool  // its domain is verified by the organization that asks
	External bool  // it belongs to another one
}

// Class is the classification that follows, for somebody who has not joined.
func (h Home) Class() string {
	switch {
	case h.External:
		return External
	case h.Verified:
		return Confirmed
	}
	return Pending
}

// HomeOf finds out whose an address is. The account's home decides; without one,
// the organization that has verified the domain and has the person as a member.
func HomeOf(ctx context.Context, r Reader, rt *scim.ResourceType, org OrgID, address string) (Home, error) {
	a, err := AccountOf(ctx, r, address)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Home{}, err
	}
	return a.HomeOf(ctx, r, rt, org, address)
}

// HomeOf is HomeOf for an address whose account is known, or known to be missing.
func (a *Account) HomeOf(ctx context.Context, r Reader, rt *scim.ResourceType, org OrgID, address string) (Home, error) {
	if a.Home != "" && a.Home != org {
		return Home{Org: a.Home, External: true}, nil
	}
	home := Home{Org: a.Home}
	d, err := Load[Domain](ctx, r, "", DomainOf(address))
	switch {
	case errors.Is(err, ErrNotFound):
		return home, nil
	case err != nil:
		return home, err
	case d.Org == org:
		return Home{Org: org, Verified: true}, nil
	case a.Home == org:
		return home, nil
	}
	member, err := memberOf(ctx, r, rt, d.Org, address)
	if err != nil || !member {
		return home, err
	}
	return Home{Org: d.Org, External: true}, nil
}

// memberOf reports whether an organization has a person whose name is the address.
func memberOf(ctx context.Context, r Reader, rt *scim.ResourceType, org OrgID, address string) (bool, error) {
	_, err := r.Owner(ctx, UniqueKey{Org: org, Type: rt, Attr: schemas.User.UserName, Key: scim.Key(address)})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetHome makes a record say which organization an external person belongs to; ""
// is for a person of this one.
func SetHome(r *scim.Resource, home OrgID) {
	SetText(r, schemas.Usher.HomeOrganizationID, string(home))
	SetText(r, schemas.Enterprise.Organization, string(home))
}
