package admin

import (
	"context"
	"fmt"
	"net/http"

	"github.com/usher-scim/usher/directory"
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

// estate registers applications, who has them, and the integrations between them.
func (a *API) estate() {
	const tag = "Applications"
	keep(a, nouns[directory.Application]{path: "/applications", tag: tag, view: ViewPeople, change: Records, named: true, check: func(ctx context.Context, r directory.Reader, d *directory.Draft, _, v *directory.Application) ([]directory.Finding, error) {
		if v.MinAdmins < 0 {
			return nil, badRequest("minAdmins cannot be negative.")
		}
		return nil, activeUser(ctx, r, d, v.Owner, "owner")
	}})
	keep(a, nouns[directory.Assignment]{path: "/assignments", tag: tag, view: ViewPeople, of: byUser})
	add(a, place{"put-app-assignment", http.MethodPut, "/applications/{app}/assignments/{user}", tag, "Give an application, or enable, disable or change the role", Apps, 0}, a.assign)
	keep(a, nouns[directory.Integration]{path: "/integrations", tag: "Integrations", view: ViewPeople, change: Records, of: byOwner,
		check: func(ctx context.Context, r directory.Reader, d *directory.Draft, before, v *directory.Integration) ([]directory.Finding, error) {
			if v.App == "" || v.PeerApp == "" || v.Owner == "" {
				return nil, badRequest("An integration needs app, peerApp and owner.")
			}
			if before != nil {
				if found, err := lacksRole(ctx, r, d, before); err != nil || found != nil {
					return found, err
				}
			}
			return nil, activeUser(ctx, r, d, v.Owner, "owner")
		}, drop: lacksRole})
	add(a, place{"disable-integration", http.MethodPost, "/integrations/{id}/disable", "Integrations", "Switch an integration off", Integrations, 0}, func(ctx context.Context, in *integrationVerb) (*single[directory.Integration], error) {
		return a.integrate(ctx, in, "integration.disable", func(_ context.Context, _ directory.Reader, _ *directory.Draft, i *directory.Integration) error {
			i.Enabled = false
			return nil
		})
	})
	add(a, place{"take-integration", http.MethodPost, "/integrations/{id}/take-ownership", "Integrations", "Take an integration over", Integrations, 0}, func(ctx context.Context, in *integrationVerb) (*single[directory.Integration], error) {
		return a.integrate(ctx, in, "integration.transfer", func(ctx context.Context, r directory.Reader, d *directory.Draft, i *directory.Integration) error {
			i.Owner = in.Body.Owner
			if i.Owner == "" {
				i.Owner = callerOf(ctx).actor.User
			}
			if i.Owner == "" {
				return badRequest("An administrator token is nobody; name the new owner.")
			}
			i.SyncState, i.LastSync = "pending", d.Now
			return activeUser(ctx, r, d, i.Owner, "owner")
		})
	})
	keep(a, nouns[directory.Record]{path: "/records", tag: "Records", view: ViewPeople, change: Records, of: directory.RecordsOf,
		check: func(ctx context.Context, r directory.Reader, d *directory.Draft, before, v *directory.Record) ([]directory.Finding, error) {
			if before != nil && before.Owner == v.Owner && !v.Open {
				return nil, nil
			}
			return policy.OwnRecord(v), activeUser(ctx, r, d, v.Owner, "owner")
		}})
}

func byUser(org directory.OrgID, user string) directory.DocumentQuery {
	return directory.DocumentQuery{Org: org, Key: "user:" + user}
}

func byOwner(org directory.OrgID, user string) directory.DocumentQuery {
	return directory.DocumentQuery{Org: org, Key: "owner:" + user}
}

// activeUser refuses to give something to somebody who is not an active person of
// the organization: nothing may be left with who is gone.
func activeUser(ctx context.Context, r directory.Reader, d *directory.Draft, id, attribute string) error {
	if id == "" {
		return nil
	}
	p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: id})
	if err != nil {
		return unknownUser(err, attribute)
	}
	if directory.StatusOf(p) == directory.Inactive {
		return &Problem{Status: http.StatusConflict, Code: "person.inactive", Detail: fmt.Sprintf("%s is inactive and cannot be %s; name somebody who is active.", directory.DisplayOf(p), attribute)}
	}
	return nil
}

// holdsRole reports whether a member has a role in an application, as app.role.
func holdsRole(ctx context.Context, r directory.Reader, org directory.OrgID, user, role string) (bool, error) {
	for as, err := range directory.Each[directory.Assignment](ctx, r, directory.DocumentQuery{Org: org, Key: "role:" + role}) {
		if err != nil || as.User == user {
			return err == nil, err
		}
	}
	return false, nil
}

// assign changes what a person has of an application (T13, S0-15). Who administers
// the application may do so, as owners and admins may.
func (a *API) assign(ctx context.Context, in *assignmentInput) (*single[directory.Assignment], error) {
	var v directory.Assignment
	c := callerOf(ctx)
	change := directory.Command{Action: "app.assign", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		d.Subject = in.User
		if c.role == AsSelf {
			ok, err := holdsRole(ctx, r, d.Org, c.actor.User, in.App+"."+directory.AppAdmin)
			if err != nil || !ok {
				return nil, or(err, forbidden(Apps, c.role))
			}
		}
		app, err := directory.Load[directory.Application](ctx, r, d.Org, in.App)
		if err != nil {
			return nil, err
		}
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: in.User})
		if err != nil {
			return nil, err
		}
		was, err := directory.LoadOr[directory.Assignment](ctx, r, d.Org, directory.AssignmentID(in.App, in.User))
		if err != nil {
			return nil, err
		}
		if err := matches(in.IfMatch, was.Version); err != nil {
			return nil, err
		}
		var found []directory.Finding
		v, found, err = policy.Assign(ctx, r, d, app, p, policy.Wish{Role: in.Body.Role, Enabled: in.Body.Enabled == nil || *in.Body.Enabled})
		d.Verb = assignVerb(was, v)
		d.Rewrite(p, func(next *scim.Resource) { policy.ShowAssigned(next, v) })
		return found, err
	}}
	_, err := a.do(ctx, change, "")
	return one(v, v.Version), err
}

func assignVerb(was, is directory.Assignment) string {
	switch {
	case was.Enabled && !is.Enabled:
		return "app.disable"
	case was.Version > 0 && !was.Enabled && is.Enabled:
		return "app.enable"
	}
	return "app.assign"
}

func or(err error, p *Problem) error {
	if err != nil {
		return err
	}
	return p
}

// lacksRole refuses a member who does not have the role that the fix of an
// integration needs, owners and administrators not excepted (S0-9, S0-11, S0-12),
// and names who has it (S0-20); an administrator token stands for the operator's
// own systems and may.
func lacksRole(ctx context.Context, r directory.Reader, d *directory.Draft, i *directory.Integration) ([]directory.Finding, error) {
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
func (a *API) integrate(ctx context.Context, in *integrationVerb, action string, change func(context.Context, directory.Reader, *directory.Draft, *directory.Integration) error) (*single[directory.Integration], error) {
	var i directory.Integration
	c := callerOf(ctx)
	_, err := a.command(ctx, action, func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
		d.Subject = in.ID
		if i, err = directory.Load[directory.Integration](ctx, r, d.Org, in.ID); err != nil {
			return nil, err
		}
		if err := matches(in.IfMatch, i.Version); err != nil {
			return nil, err
		}
		if c.role == AsSelf && i.Fix.RoleNeeded == "" {
			return nil, forbidden(Integrations, c.role)
		}
		if found, err := lacksRole(ctx, r, d, &i); err != nil || found != nil {
			return found, err
		}
		if err := change(ctx, r, d, &i); err != nil {
			return nil, err
		}
		return nil, directory.Save(d, d.Org, &i)
	})
	return one(i, i.Version), err
}
