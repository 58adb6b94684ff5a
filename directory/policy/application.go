package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
)

// DisableApp refuses to take an application from a person whose credentials carry
// one of its integrations, or who is its last administrator or its owner (T13,
// S0-3).
func DisableApp(ctx context.Context, r directory.Reader, d *directory.Draft, was, is estate.Assignment) (found []directory.Finding, err error) {
	losesAdmin := was.Enabled && was.Role == estate.AppAdmin && (!is.Enabled || is.Role != estate.AppAdmin)
	if losesAdmin {
		if found, err = MinAdmins(ctx, r, d, was); err != nil {
			return nil, err
		}
	}
	if !was.Enabled || is.Enabled {
		return found, nil
	}
	for i, err := range directory.Each[estate.Integration](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "owner:" + is.User}) {
		if err != nil {
			return nil, err
		}
		if i.App != is.App {
			continue
		}
		f, err := IntegrationFinding(ctx, r, d.Org, i)
		if err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	app, err := directory.LoadOr[estate.Application](ctx, r, d.Org, is.App)
	if err == nil && app.Owner == is.User {
		f := refuse(RuleAppOwner, directory.State, "This person owns the application; transfer its ownership first.")
		f.Blocker = &directory.Blocker{App: is.App, OwnerID: is.User, Fix: &directory.Fix{Kind: "transferApplication", Where: is.App, RoleNeeded: string(directory.Admin)}}
		found = append(found, f)
	}
	return found, err
}
