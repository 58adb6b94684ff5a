package estate

import (
	"context"
	"errors"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// holdersMost is how many people a fix names.
const holdersMost = 20

// NameHolders adds to whatever refuses who can make its fix (S0-20): people who are
// active and have the role that it needs.
func NameHolders(ctx context.Context, r directory.Reader, org directory.OrgID, found []directory.Finding) error {
	for _, f := range found {
		if f.Verdict != directory.Refuse || f.Blocker == nil || f.Blocker.Fix == nil || f.Blocker.Fix.RoleNeeded == "" {
			continue
		}
		holders, err := holdersOf(ctx, r, org, *f.Blocker.Fix)
		if err != nil {
			return err
		}
		f.Blocker.Fix.Holders = holders
	}
	return nil
}

// holdersOf are the people who can make a fix. What takes an administrator of the
// organization its owner can do as well; a role with a dot is one in an application.
func holdersOf(ctx context.Context, r directory.Reader, org directory.OrgID, fix directory.Fix) (ids []string, err error) {
	add := func(id string) error {
		person, err := ActivePerson(ctx, r, org, id)
		if person != nil && id != fix.Except && len(ids) < holdersMost {
			ids = append(ids, id)
		}
		return err
	}
	if strings.Contains(fix.RoleNeeded, ".") {
		for a, err := range directory.Each[Assignment](ctx, r, directory.DocumentQuery{Org: org, Key: "role:" + fix.RoleNeeded}) {
			if err == nil {
				err = add(a.User)
			}
			if err != nil || len(ids) == holdersMost {
				return ids, err
			}
		}
		return ids, nil
	}
	roles := []directory.Role{directory.Owner}
	if directory.Role(fix.RoleNeeded) != directory.Owner {
		roles = append(roles, directory.Role(fix.RoleNeeded))
	}
	for _, role := range roles {
		for s, err := range directory.Each[Standing](ctx, r, directory.DocumentQuery{Org: org, Key: "role:" + string(role)}) {
			if err == nil && s.Height() >= fix.Least {
				err = add(s.ID)
			}
			if err != nil || len(ids) == holdersMost {
				return ids, err
			}
		}
	}
	return ids, nil
}

// ActivePerson is somebody who is there to act; nil where nobody of that id is.
func ActivePerson(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (*scim.Resource, error) {
	if id == "" {
		return nil, nil
	}
	people, err := r.Type("User")
	if err != nil {
		return nil, err
	}
	person, err := r.Get(ctx, directory.Ref{Org: org, Type: people, ID: id})
	if errors.Is(err, directory.ErrNotFound) || err == nil && directory.StatusOf(person) != directory.Active {
		return nil, nil
	}
	return person, err
}
