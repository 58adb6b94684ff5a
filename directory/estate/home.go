package estate

import (
	"context"
	"errors"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// Home says whose an address is, as seen from one organization.
type Home struct {
	// Org is whose it is: who has verified its domain, or else the account's home; ""
	// when nobody knows.
	Org      directory.OrgID
	Verified bool // its domain is verified by the organization that asks
	External bool // it is a person's of another organization
}

// Class is the classification that follows, for somebody who has not joined.
func (h Home) Class() string {
	switch {
	case h.External:
		return directory.External
	case h.Verified:
		return directory.Confirmed
	}
	return directory.Pending
}

// Elsewhere reports whether an address is another organization's than the one that
// asks, even if that has nobody of it yet.
func (h Home) Elsewhere(org directory.OrgID) bool { return h.Org != "" && h.Org != org }

// HomeOf finds out whose an address is. Who has verified its domain decides (C8), and
// has the person or not; where nobody has, the account's home does.
func HomeOf(ctx context.Context, r directory.Reader, rt *scim.ResourceType, org directory.OrgID, address string) (Home, error) {
	a, err := AccountOf(ctx, r, address)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return Home{}, err
	}
	return a.HomeOf(ctx, r, rt, org, address)
}

// HomeOf is HomeOf for an address whose account is known, or known to be missing.
func (a *Account) HomeOf(ctx context.Context, r directory.Reader, rt *scim.ResourceType, org directory.OrgID, address string) (Home, error) {
	d, err := directory.Load[Domain](ctx, r, "", directory.DomainOf(address))
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return Home{Org: a.Home, External: a.Home != "" && a.Home != org}, nil
	case err != nil:
		return Home{}, err
	case d.Org == org:
		return Home{Org: org, Verified: true}, nil
	}
	members, err := Holders(ctx, r, rt, d.Org, address)
	switch {
	case err != nil:
		return Home{}, err
	case len(members) == 0 && a.Home != "" && a.Home != org:
		return Home{Org: a.Home, External: true}, nil
	}
	return Home{Org: d.Org, External: len(members) > 0}, nil
}

// Holders are the people of an organization who have an address, in whatever
// spelling, as userName or among their e-mail addresses.
func Holders(ctx context.Context, r directory.Resources, rt *scim.ResourceType, org directory.OrgID, address string) (found []*scim.Resource, err error) {
	f, _, err := filter.Compile(directory.Spellings(address), rt, scim.Strict)
	if err != nil {
		return nil, err
	}
	key := directory.MailKey(address)
	for q := (directory.Query{Org: org, Type: rt, Filter: f, Start: 1, Count: 1000}); ; {
		page, err := r.Find(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Resources {
			if slices.Contains(directory.AddressesOf(p), key) {
				found = append(found, p)
			}
		}
		if !page.More {
			return found, nil
		}
		q.After = page.Last
	}
}

// SetHome makes a record say which organization an external person belongs to; ""
// is for a person of this one.
func SetHome(r *scim.Resource, home directory.OrgID) {
	directory.SetText(r, schemas.Usher.HomeOrganizationID, string(home))
	directory.SetText(r, schemas.Enterprise.Organization, string(home))
}
