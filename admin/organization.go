package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

type (
	profileInput struct {
		IfMatch string `header:"If-Match"`
		RawBody []byte // says which members there are
		Body    estate.Profile
	}
	standingInput struct {
		ID      string `path:"id"`
		IfMatch string `header:"If-Match"`
		Body    struct {
			Role        string `json:"role,omitempty" enum:"admin,auditor,"`
			Rank        int    `json:"rank,omitempty" minimum:"0" maximum:"899"`
			PrimaryTeam string `json:"primaryTeam,omitempty"`
		}
	}
	ownerInput struct {
		Body struct {
			To string `json:"to" required:"true" doc:"Id of the new owner."`
		}
	}
	closeInput struct {
		ID   string `path:"id"`
		Body struct {
			Confirm string `json:"confirm" required:"true" doc:"The user name of the account, typed."`
		}
	}
)

// organization registers the settings, who has which role, ownership and what
// people do with their own account.
func (a handlers) organization() {
	const tag = "Organization"
	operation.Add(a.API, operation.Place{ID: "get-settings", Method: http.MethodGet, Path: "/settings", Tag: tag, Summary: "Read the settings", Action: permission.ViewSettings}, func(ctx context.Context, _ *operation.Empty) (out *operation.Single[estate.Profile], err error) {
		err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
			p, err := estate.ProfileOf(ctx, r, org)
			out = operation.One(p, p.Version)
			return err
		})
		return out, err
	})
	operation.Add(a.API, operation.Place{ID: "put-settings", Method: http.MethodPut, Path: "/settings", Tag: tag, Summary: "Change the settings; what is left out stays as it is", Action: permission.Settings}, a.putSettings)
	operation.Add(a.API, operation.Place{ID: "get-standing", Method: http.MethodGet, Path: "/users/{id}/standing", Tag: tag, Summary: "A person's role and rank", Action: permission.ViewPeople}, func(ctx context.Context, in *operation.ByID) (out *operation.Single[estate.Standing], err error) {
		err = a.Person(ctx, in.ID, func(r directory.Reader, _ *scim.Resource) error {
			s, err := directory.LoadOr[estate.Standing](ctx, r, operation.CallerOf(ctx).Org, in.ID)
			out = operation.One(s, s.Version)
			return err
		})
		return out, err
	})
	operation.Add(a.API, operation.Place{ID: "put-standing", Method: http.MethodPut, Path: "/users/{id}/standing", Tag: tag, Summary: "Give a person a role and a rank", Action: permission.Standings}, a.putStanding)
	operation.Add(a.API, operation.Place{ID: "transfer-ownership", Method: http.MethodPost, Path: "/organization/owner", Tag: tag, Summary: "Make somebody the owner", Action: permission.Ownership}, a.transfer)
	operation.Add(a.API, operation.Place{ID: "export-person", Method: http.MethodGet, Path: "/users/{id}/export", Tag: tag, Summary: "All data that is kept about a person", Action: permission.OwnAccount}, a.export)
	operation.Add(a.API, operation.Place{ID: "close-account", Method: http.MethodPost, Path: "/users/{id}/close", Tag: tag, Summary: "Close an account for good and erase its data", Action: permission.OwnAccount}, a.closeAccount)
}

// putSettings changes the settings that the body names.
func (a handlers) putSettings(ctx context.Context, in *profileInput) (*operation.Single[estate.Profile], error) {
	var v estate.Profile
	_, err := a.Command(ctx, "policy.change", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		d.Subject = estate.ProfileID
		was, next, err := changedSettings(ctx, r, d.Org, in)
		if err != nil {
			return nil, err
		}
		found, err := policy.MaySet(ctx, r, d, was.Safeguards(), next.Safeguards())
		if err != nil {
			return nil, err
		}
		v = next
		return found, directory.Save(d, d.Org, &v)
	})
	return operation.One(v, v.Version), err
}

// changedSettings are the settings before and after a change: one that the body leaves
// out, also within brake, must not become 0, which for retentionDays would erase at
// once.
func changedSettings(ctx context.Context, r directory.Reader, org directory.OrgID, in *profileInput) (was, next estate.Profile, err error) {
	if was, err = estate.ProfileOf(ctx, r, org); err == nil {
		err = operation.Matches(in.IfMatch, was.Version)
	}
	if err != nil {
		return was, next, err
	}
	next = was
	if err := json.Unmarshal(in.RawBody, &next); err != nil {
		return was, next, operation.BadRequest("The body is not one of settings.")
	}
	next.Head = was.Head
	if b := next.Brake; b.Percent < 0 || b.Percent > 100 || b.Count < 0 || b.Minutes < 0 || next.UndoMinutes < 0 || next.UndoMinutes > 7*24*60 || next.RetentionDays < 0 || next.RetentionDays > 3660 {
		return was, next, operation.BadRequest("A setting is out of its range: percentages are 0 to 100, undoMinutes up to a week, retentionDays up to ten years.")
	}
	return was, next, nil
}

// putStanding gives roles and ranks, never above the giver's own.
func (a handlers) putStanding(ctx context.Context, in *standingInput) (*operation.Single[estate.Standing], error) {
	var s estate.Standing
	c := operation.CallerOf(ctx)
	_, err := a.Command(ctx, "user.standing", func(ctx context.Context, r directory.Reader, d *directory.Draft) (_ []directory.Finding, err error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: in.ID})
		if err != nil {
			return nil, err
		}
		if err := operation.Confirmed(p); in.Body.Role != "" && err != nil {
			return nil, err
		}
		if s, err = directory.LoadOr[estate.Standing](ctx, r, d.Org, in.ID); err != nil {
			return nil, err
		}
		if err := operation.Matches(in.IfMatch, s.Version); err != nil {
			return nil, err
		}
		if s.Height() > c.Actor.Rank || in.Body.Rank > c.Actor.Rank || s.Role == directory.Owner {
			return []directory.Finding{directory.Refused("standing.higher_role", directory.Authority, "You can change the role and rank only of people who are not above you, and not above your own; the owner's changes with the ownership.")}, nil
		}
		if s.Role == directory.Admin && in.Body.Role != string(directory.Admin) {
			if found, err := policy.LastAdmin(ctx, r, d, in.ID); err != nil || found != nil {
				return found, err
			}
		}
		if err := isTeam(ctx, r, d.Org, in.Body.PrimaryTeam); err != nil && in.Body.PrimaryTeam != s.PrimaryTeam {
			return nil, err
		}
		d.Subject = in.ID
		s.Role, s.Rank, s.PrimaryTeam = directory.Role(in.Body.Role), in.Body.Rank, in.Body.PrimaryTeam
		return nil, directory.Save(d, d.Org, &s)
	})
	return operation.One(s, s.Version), err
}

// isTeam refuses what is not the id of a team.
func isTeam(ctx context.Context, r directory.Reader, org directory.OrgID, id string) error {
	if id == "" {
		return nil
	}
	g, err := r.Get(ctx, directory.Ref{Org: org, Type: operation.TypeNamed(r, "Group"), ID: id})
	if err == nil && g.Text(schemas.UsherGroup.Kind) == estate.Team {
		return nil
	}
	if err == nil || errors.Is(err, directory.ErrNotFound) {
		return operation.BadRequest("The value of primaryTeam is not a team of this organization; send the id of one that is.")
	}
	return err
}

// transfer makes somebody the one owner (S2-17). Only the owner may, or an
// administrator while there is none, and where two people are needed, two of them.
func (a handlers) transfer(ctx context.Context, in *ownerInput) (*operation.Single[estate.Standing], error) {
	var to estate.Standing
	c := operation.CallerOf(ctx)
	_, err := a.Command(ctx, "organization.transfer", func(ctx context.Context, r directory.Reader, d *directory.Draft) (_ []directory.Finding, err error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: in.Body.To})
		if err != nil {
			return nil, operation.UnknownUser(err, "to")
		}
		if directory.StatusOf(p) != directory.Active || directory.IsExternal(p) {
			return nil, &operation.Problem{Status: http.StatusConflict, Code: "person.inactive", Detail: "The owner must be an active member at home; choose another person."}
		}
		if err := operation.Confirmed(p); err != nil {
			return nil, err
		}
		for s, err := range directory.Each[estate.Standing](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "role:" + string(directory.Owner)}) {
			if err != nil {
				return nil, err
			}
			if c.Role != permission.AsOwner {
				return nil, operation.Forbidden(permission.Ownership, c.Role)
			}
			if s.ID == in.Body.To {
				to = s
				return nil, nil
			}
			s.Role = directory.Admin
			if err := directory.Save(d, d.Org, &s); err != nil {
				return nil, err
			}
		}
		if to, err = directory.LoadOr[estate.Standing](ctx, r, d.Org, in.Body.To); err != nil {
			return nil, err
		}
		to.Role, d.Subject = directory.Owner, in.Body.To
		found, err := policy.MayOwn(ctx, r, d, in.Body.To, directory.DisplayOf(p))
		if err != nil {
			return nil, err
		}
		return found, directory.Save(d, d.Org, &to)
	})
	return operation.One(to, to.Version), err
}

// own refuses what only the person in question may do; an administrator token
// stands for the sign-in page that has asked the person again (T11).
func own(ctx context.Context, id string) error {
	if c := operation.CallerOf(ctx); c.Actor.User != "" && c.Actor.User != id {
		return &operation.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: operation.PermissionDenied, Detail: "This is for the person alone whose account it is."}
	}
	return nil
}

// closeAccount ends an account, here and everywhere.
func (a handlers) closeAccount(ctx context.Context, in *closeInput) (*operation.Decided, error) {
	if err := own(ctx, in.ID); err != nil {
		return nil, err
	}
	c := operation.CallerOf(ctx)
	self := directory.Actor{Kind: directory.BySelf, User: in.ID, Rank: directory.OwnerRank, Credential: c.Actor.Credential}
	req := directory.Request{Org: c.Org, Actor: self, RequestID: operation.RequestID(ctx)}
	p, err := lifecycle.Closing{Service: a.Service, All: a.Registry, Request: req, Type: a.Typed(ctx, "User"),
		ID: in.ID, Typed: in.Body.Confirm, Preview: operation.Previewing(ctx)}.Do(ctx)
	if operation.Previewing(ctx) && p != nil {
		return nil, &operation.Previewed{Decision: operation.DecisionOf(p, false, a.Language(ctx))}
	}
	if err != nil {
		return nil, err
	}
	return operation.One(operation.DecisionOf(p, true, a.Language(ctx)), 0), nil
}
