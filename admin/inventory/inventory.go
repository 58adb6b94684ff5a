// Package inventory has the operations on what an organization has: applications and who
// has them, integrations, records, teams, licences and domains.
package inventory

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
)

type assignmentInput struct {
	App     string `path:"app"`
	User    string `path:"user"`
	IfMatch string `header:"If-Match"`
	Body    struct {
		Role    *string `json:"role,omitempty" pattern:"^[^.]*$" doc:"Role in the application; admin counts as its administrator."`
		Enabled *bool   `json:"enabled,omitempty" doc:"Default true."`
	} `required:"false"`
}

type integrationVerb struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
	Body    struct {
		Owner string `json:"owner,omitempty" doc:"Who takes it over; you, when it is absent."`
	} `required:"false"`
}

// handlers are the operations of this package.
type handlers struct {
	*operation.API
	Resolver Resolver
}

// Register adds the operations of this package.
func Register(a *operation.API, r Resolver) {
	h := handlers{a, r}
	h.groups()
	h.licences()
	h.reservations()
	h.domains()
	h.applications()
}

// applications registers applications, who has them, and the integrations between them.
func (a handlers) applications() {
	const tag = "Applications"
	operation.Keep(a.API, operation.Nouns[estate.Application]{Path: "/applications", Tag: tag, View: permission.ViewPeople, Change: permission.Records, Named: true, Check: func(ctx context.Context, r directory.Reader, d *directory.Draft, _, v *estate.Application) ([]directory.Finding, error) {
		if v.MinAdmins < 0 {
			return nil, operation.BadRequest("minAdmins cannot be negative.")
		}
		return nil, operation.ActiveUser(ctx, r, d, v.Owner, "owner")
	}})
	operation.Keep(a.API, operation.Nouns[estate.Assignment]{Path: "/assignments", Tag: tag, View: permission.ViewPeople, Of: operation.ByUser})
	operation.Add(a.API, operation.Place{ID: "put-app-assignment", Method: http.MethodPut, Path: "/applications/{app}/assignments/{user}", Tag: tag, Summary: "Give an application, or enable, disable or change the role", Action: permission.Apps}, a.assign)
	operation.Keep(a.API, operation.Nouns[estate.Integration]{Path: "/integrations", Tag: "Integrations", View: permission.ViewPeople, Change: permission.Records, Of: byOwner,
		Check: func(ctx context.Context, r directory.Reader, d *directory.Draft, before, v *estate.Integration) ([]directory.Finding, error) {
			if v.App == "" || v.PeerApp == "" || v.Owner == "" {
				return nil, operation.BadRequest("An integration needs app, peerApp and owner.")
			}
			if before != nil {
				if found, err := lacksRole(ctx, r, d, before); err != nil || found != nil {
					return found, err
				}
			}
			return nil, operation.ActiveUser(ctx, r, d, v.Owner, "owner")
		}, Drop: lacksRole})
	operation.Add(a.API, operation.Place{ID: "disable-integration", Method: http.MethodPost, Path: "/integrations/{id}/disable", Tag: "Integrations", Summary: "Switch an integration off", Action: permission.Integrations}, func(ctx context.Context, in *integrationVerb) (*operation.Single[estate.Integration], error) {
		return a.integrate(ctx, in, "integration.disable", func(_ context.Context, _ directory.Reader, _ *directory.Draft, i *estate.Integration) error {
			i.Enabled = false
			return nil
		})
	})
	operation.Add(a.API, operation.Place{ID: "take-integration", Method: http.MethodPost, Path: "/integrations/{id}/take-ownership", Tag: "Integrations", Summary: "Take an integration over", Action: permission.Integrations}, func(ctx context.Context, in *integrationVerb) (*operation.Single[estate.Integration], error) {
		return a.integrate(ctx, in, "integration.transfer", func(ctx context.Context, r directory.Reader, d *directory.Draft, i *estate.Integration) error {
			i.Owner = in.Body.Owner
			if i.Owner == "" {
				i.Owner = operation.CallerOf(ctx).Actor.User
			}
			if i.Owner == "" {
				return operation.BadRequest("An administrator token is nobody; name the new owner.")
			}
			i.SyncState, i.LastSync = "pending", d.Now
			return operation.ActiveUser(ctx, r, d, i.Owner, "owner")
		})
	})
	operation.Keep(a.API, operation.Nouns[estate.Record]{Path: "/records", Tag: "Records", View: permission.ViewPeople, Change: permission.Records, Of: estate.RecordsOf,
		Check: func(ctx context.Context, r directory.Reader, d *directory.Draft, before, v *estate.Record) ([]directory.Finding, error) {
			if before != nil && before.Owner == v.Owner && !v.Open {
				return nil, nil
			}
			return policy.OwnRecord(v), operation.ActiveUser(ctx, r, d, v.Owner, "owner")
		}})
}

func byOwner(org directory.OrgID, user string) directory.DocumentQuery {
	return directory.DocumentQuery{Org: org, Key: "owner:" + user}
}

// holdsRole reports whether a member has a role in an application, as app.role.
func holdsRole(ctx context.Context, r directory.Reader, org directory.OrgID, user, role string) (bool, error) {
	for as, err := range directory.Each[estate.Assignment](ctx, r, directory.DocumentQuery{Org: org, Key: "role:" + role}) {
		if err != nil || as.User == user {
			return err == nil, err
		}
	}
	return false, nil
}

// assign changes what a person has of an application (T13, S0-15). Who administers
// the application may do so, as owners and admins may.
func (a handlers) assign(ctx context.Context, in *assignmentInput) (*operation.Single[estate.Assignment], error) {
	var v estate.Assignment
	c := operation.CallerOf(ctx)
	change := directory.Command{Action: "app.assign", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		d.Subject = in.User
		if c.Role == permission.AsSelf {
			ok, err := holdsRole(ctx, r, d.Org, c.Actor.User, in.App+"."+estate.AppAdmin)
			if err != nil || !ok {
				return nil, or(err, operation.Forbidden(permission.Apps, c.Role))
			}
		}
		app, err := directory.Load[estate.Application](ctx, r, d.Org, in.App)
		if err != nil {
			return nil, err
		}
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: in.User})
		if err != nil {
			return nil, err
		}
		was, err := directory.LoadOr[estate.Assignment](ctx, r, d.Org, estate.AssignmentID(in.App, in.User))
		if err != nil {
			return nil, err
		}
		if err := operation.Matches(in.IfMatch, was.Version); err != nil {
			return nil, err
		}
		var found []directory.Finding
		v, found, err = policy.Assign(ctx, r, d, app, p, policy.Wish{Role: in.Body.Role, Enabled: in.Body.Enabled == nil || *in.Body.Enabled})
		d.Verb = assignVerb(was, v)
		d.Rewrite(p, func(next *scim.Resource) { policy.ShowAssigned(next, v) })
		return found, err
	}}
	_, err := a.Do(ctx, change, "")
	return operation.One(v, v.Version), err
}

func assignVerb(was, is estate.Assignment) string {
	switch {
	case was.Enabled && !is.Enabled:
		return "app.disable"
	case was.Version > 0 && !was.Enabled && is.Enabled:
		return "app.enable"
	}
	return "app.assign"
}

func or(err error, p *operation.Problem) error {
	if err != nil {
		return err
	}
	return p
}

// lacksRole refuses a member who does not have the role that the fix of an
// integration needs, owners and administrators not excepted (S0-9, S0-11, S0-12),
// and names who has it (S0-20); an administrator token stands for the operator's
// own systems and may.
func lacksRole(ctx context.Context, r directory.Reader, d *directory.Draft, i *estate.Integration) ([]directory.Finding, error) {
	if d.Actor.User == "" || i.Fix.RoleNeeded == "" {
		return nil, nil
	}
	ok, err := holdsRole(ctx, r, d.Org, d.Actor.User, i.Fix.RoleNeeded)
	if err != nil || ok {
		return nil, err
	}
	f, err := policy.IntegrationFinding(ctx, r, d.Org, *i)
	needed := directory.Refused("integration.role_needed", directory.Authority, "This needs the role %s, which you do not have; ask somebody who does.", i.Fix.RoleNeeded)
	needed.Blocker = f.Blocker
	return []directory.Finding{needed}, err
}

// integrate changes an integration, if the caller has the role that it takes.
func (a handlers) integrate(ctx context.Context, in *integrationVerb, action string, change func(context.Context, directory.Reader, *directory.Draft, *estate.Integration) error) (*operation.Single[estate.Integration], error) {
	var i estate.Integration
	c := operation.CallerOf(ctx)
	_, err := a.Command(ctx, action, func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
		d.Subject = in.ID
		if i, err = directory.Load[estate.Integration](ctx, r, d.Org, in.ID); err != nil {
			return nil, err
		}
		if err := operation.Matches(in.IfMatch, i.Version); err != nil {
			return nil, err
		}
		if c.Role == permission.AsSelf && i.Fix.RoleNeeded == "" {
			return nil, operation.Forbidden(permission.Integrations, c.Role)
		}
		if found, err := lacksRole(ctx, r, d, &i); err != nil || found != nil {
			return found, err
		}
		if err := change(ctx, r, d, &i); err != nil {
			return nil, err
		}
		return nil, directory.Save(d, d.Org, &i)
	})
	return operation.One(i, i.Version), err
}

// Administers refuses a caller who is no administrator of the application.
func Administers(ctx context.Context, a *operation.API, app string, need permission.Action) error {
	c := operation.CallerOf(ctx)
	return a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		ok, err := holdsRole(ctx, r, org, c.Actor.User, app+"."+estate.AppAdmin)
		if err != nil || ok {
			return err
		}
		return operation.Forbidden(need, c.Role)
	})
}
