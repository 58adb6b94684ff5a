package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

type (
	profileInput struct {
		IfMatch string `header:"If-Match"`
		RawBody []byte // says which members there are
		Body    directory.Profile
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
func (a *API) organization() {
	const tag = "Organization"
	add(a, place{"get-settings", http.MethodGet, "/settings", tag, "Read the settings", ViewSettings, 0}, func(ctx context.Context, _ *empty) (out *single[directory.Profile], err error) {
		err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
			p, err := directory.ProfileOf(ctx, r, org)
			out = one(p, p.Version)
			return err
		})
		return out, err
	})
	add(a, place{"put-settings", http.MethodPut, "/settings", tag, "Change the settings; what is left out stays as it is", Settings, 0}, a.putSettings)
	add(a, place{"get-standing", http.MethodGet, "/users/{id}/standing", tag, "A person's role and rank", ViewPeople, 0}, func(ctx context.Context, in *byID) (out *single[directory.Standing], err error) {
		err = a.person(ctx, in.ID, func(r directory.Reader, _ *scim.Resource) error {
			s, err := directory.LoadOr[directory.Standing](ctx, r, callerOf(ctx).org, in.ID)
			out = one(s, s.Version)
			return err
		})
		return out, err
	})
	add(a, place{"put-standing", http.MethodPut, "/users/{id}/standing", tag, "Give a person a role and a rank", Standings, 0}, a.putStanding)
	add(a, place{"transfer-ownership", http.MethodPost, "/organization/owner", tag, "Make somebody the owner", Ownership, 0}, a.transfer)
	add(a, place{"export-person", http.MethodGet, "/users/{id}/export", tag, "All data that is kept about a person", OwnAccount, 0}, a.export)
	add(a, place{"close-account", http.MethodPost, "/users/{id}/close", tag, "Close an account for good and erase its data", OwnAccount, 0}, a.closeAccount)
}

// putSettings changes the settings that the body names.
func (a *API) putSettings(ctx context.Context, in *profileInput) (*single[directory.Profile], error) {
	var v directory.Profile
	_, err := a.command(ctx, "policy.change", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		d.Subject = directory.ProfileID
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
	return one(v, v.Version), err
}

// changedSettings are the settings before and after a change: one that the body leaves
// out, also within brake, must not become 0, which for retentionDays would erase at
// once.
func changedSettings(ctx context.Context, r directory.Reader, org directory.OrgID, in *profileInput) (was, next directory.Profile, err error) {
	if was, err = directory.ProfileOf(ctx, r, org); err == nil {
		err = matches(in.IfMatch, was.Version)
	}
	if err != nil {
		return was, next, err
	}
	next = was
	if err := json.Unmarshal(in.RawBody, &next); err != nil {
		return was, next, badRequest("The body is not one of settings.")
	}
	next.Head = was.Head
	if b := next.Brake; b.Percent < 0 || b.Percent > 100 || b.Count < 0 || b.Minutes < 0 || next.UndoMinutes < 0 || next.UndoMinutes > 7*24*60 || next.RetentionDays < 0 || next.RetentionDays > 3660 {
		return was, next, badRequest("A setting is out of its range: percentages are 0 to 100, undoMinutes up to a week, retentionDays up to ten years.")
	}
	return was, next, nil
}

// putStanding gives roles and ranks, never above the giver's own.
func (a *API) putStanding(ctx context.Context, in *standingInput) (*single[directory.Standing], error) {
	var s directory.Standing
	c := callerOf(ctx)
	_, err := a.command(ctx, "user.standing", func(ctx context.Context, r directory.Reader, d *directory.Draft) (_ []directory.Finding, err error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: in.ID})
		if err != nil {
			return nil, err
		}
		if err := confirmed(p); in.Body.Role != "" && err != nil {
			return nil, err
		}
		if s, err = directory.LoadOr[directory.Standing](ctx, r, d.Org, in.ID); err != nil {
			return nil, err
		}
		if err := matches(in.IfMatch, s.Version); err != nil {
			return nil, err
		}
		if s.Height() > c.actor.Rank || in.Body.Rank > c.actor.Rank || s.Role == directory.Owner {
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
	return one(s, s.Version), err
}

// isTeam refuses what is not the id of a team.
func isTeam(ctx context.Context, r directory.Reader, org directory.OrgID, id string) error {
	if id == "" {
		return nil
	}
	g, err := r.Get(ctx, directory.Ref{Org: org, Type: typeNamed(r, "Group"), ID: id})
	if err == nil && g.Text(schemas.UsherGroup.Kind) == directory.Team {
		return nil
	}
	if err == nil || errors.Is(err, directory.ErrNotFound) {
		return badRequest("The value of primaryTeam is not a team of this organization; send the id of one that is.")
	}
	return err
}

// transfer makes somebody the one owner (S2-17). Only the owner may, or an
// administrator while there is none, and where two people are needed, two of them.
func (a *API) transfer(ctx context.Context, in *ownerInput) (*single[directory.Standing], error) {
	var to directory.Standing
	c := callerOf(ctx)
	_, err := a.command(ctx, "organization.transfer", func(ctx context.Context, r directory.Reader, d *directory.Draft) (_ []directory.Finding, err error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: in.Body.To})
		if err != nil {
			return nil, unknownUser(err, "to")
		}
		if directory.StatusOf(p) != directory.Active || directory.IsExternal(p) {
			return nil, &Problem{Status: http.StatusConflict, Code: "person.inactive", Detail: "The owner must be an active member at home; choose another person."}
		}
		if err := confirmed(p); err != nil {
			return nil, err
		}
		for s, err := range directory.Each[directory.Standing](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "role:" + string(directory.Owner)}) {
			if err != nil {
				return nil, err
			}
			if c.role != AsOwner {
				return nil, forbidden(Ownership, c.role)
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
		if to, err = directory.LoadOr[directory.Standing](ctx, r, d.Org, in.Body.To); err != nil {
			return nil, err
		}
		to.Role, d.Subject = directory.Owner, in.Body.To
		found, err := policy.MayOwn(ctx, r, d, in.Body.To, directory.DisplayOf(p))
		if err != nil {
			return nil, err
		}
		return found, directory.Save(d, d.Org, &to)
	})
	return one(to, to.Version), err
}

// own refuses what only the person in question may do; an administrator token
// stands for the sign-in page that has asked the person again (T11).
func own(ctx context.Context, id string) error {
	if c := callerOf(ctx); c.actor.User != "" && c.actor.User != id {
		return &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: permissionDenied, Detail: "This is for the person alone whose account it is."}
	}
	return nil
}

// closeAccount ends an account, here and everywhere.
func (a *API) closeAccount(ctx context.Context, in *closeInput) (*decided, error) {
	if err := own(ctx, in.ID); err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	self := directory.Actor{Kind: directory.BySelf, User: in.ID, Rank: directory.OwnerRank, Credential: c.actor.Credential}
	req := directory.Request{Org: c.org, Actor: self, RequestID: requestID(ctx)}
	p, err := a.Service.Close(ctx, a.Registry, req, a.typed(ctx, "User"), in.ID, in.Body.Confirm, previewing(ctx))
	if previewing(ctx) && p != nil {
		return nil, &previewed{decisionOf(p, false, a.language(ctx))}
	}
	if err != nil {
		return nil, err
	}
	return one(decisionOf(p, true, a.language(ctx)), 0), nil
}
