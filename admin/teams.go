package admin

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// team is a group that Usher itself keeps, with a leader.
type team struct {
	ID      string   `json:"id" readOnly:"true"`
	Name    string   `json:"name" required:"true" maxLength:"256"`
	Leader  string   `json:"leader,omitempty" doc:"Id of the person who leads it."`
	Rank    *int64   `json:"rank,omitempty" doc:"Place among the teams; the lowest comes first."`
	Members []string `json:"members,omitempty" maxItems:"1000" doc:"Ids of people; only on creation and on reading one."`
}

func teamOf(r *scim.Resource) team {
	t := team{ID: r.ID, Name: r.Text(schemas.Group.DisplayName), Leader: directory.ReferenceID(r.Text(schemas.UsherGroup.Leader))}
	if v, set := r.Get(schemas.UsherGroup.Rank); set {
		n := v.Int()
		t.Rank = &n
	}
	return t
}

type (
	newTeam struct {
		IdempotencyKey string `header:"Idempotency-Key"`
		Body           team
	}
	editTeam struct {
		ID      string `path:"id"`
		IfMatch string `header:"If-Match"`
		Body    struct {
			Name   *string `json:"name,omitempty"`
			Leader *string `json:"leader,omitempty" doc:"Empty: nobody."`
			Rank   *int64  `json:"rank,omitempty"`
		}
	}
	seatInTeam struct {
		ID   string `path:"id"`
		User string `path:"user"`
	}
)

// groups registers the operations on teams. Their leaders may change the members
// of their own (3.6).
func (a *API) groups() {
	const tag = "Teams"
	add(a, place{"list-teams", http.MethodGet, "/teams", tag, "List teams", ViewPeople, 0}, a.listTeams)
	add(a, place{"create-team", http.MethodPost, "/teams", tag, "Make a team", Records, http.StatusCreated}, a.createTeam)
	add(a, place{"get-team", http.MethodGet, "/teams/{id}", tag, "Read a team", ViewPeople, 0}, a.getTeam)
	add(a, place{"edit-team", http.MethodPatch, "/teams/{id}", tag, "Change a team or its leader", Records, 0}, a.editTeam)
	add(a, place{"delete-team", http.MethodDelete, "/teams/{id}", tag, "Remove a team", Records, http.StatusNoContent}, func(ctx context.Context, in *nounDrop) (*empty, error) {
		_, err := a.do(ctx, directory.Delete{Type: a.typed(ctx, "Group"), ID: in.ID}, in.IfMatch)
		return nil, err
	})
	add(a, place{"add-team-member", http.MethodPut, "/teams/{id}/members/{user}", tag, "Put a person into a team", Teams, http.StatusNoContent}, func(ctx context.Context, in *seatInTeam) (*empty, error) {
		return nil, a.changeMember(ctx, in, `{"op":"add","path":"members","value":[{"value":`+string(scim.AppendString(nil, in.User))+`}]}`)
	})
	add(a, place{"remove-team-member", http.MethodDelete, "/teams/{id}/members/{user}", tag, "Take a person out of a team", Teams, http.StatusNoContent}, func(ctx context.Context, in *seatInTeam) (*empty, error) {
		return nil, a.changeMember(ctx, in, `{"op":"remove","path":`+string(scim.AppendString(nil, `members[value eq `+string(scim.AppendString(nil, in.User))+`]`))+`}`)
	})
}

func (a *API) listTeams(ctx context.Context, in *Page) (out *list[team], err error) {
	err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		q := directory.Query{Org: org, Type: typeNamed(r, "Group"), Start: 1, Count: in.Limit}
		if q.Filter, _, err = filter.Compile(schemas.UsherGroup.Kind.Path()+` eq "`+directory.Team+`"`, q.Type, scim.Strict); err != nil {
			return err
		}
		if q.After, err = position("Group", in.After); err != nil {
			return err
		}
		found, err := r.Find(ctx, q)
		out = &list[team]{}
		out.Body.Items = []team{}
		for _, g := range found.Resources {
			out.Body.Items = append(out.Body.Items, teamOf(g))
		}
		if found.More {
			out.Body.Next = encodePlace("Group", string(found.Last))
		}
		return err
	})
	return out, err
}

func (a *API) createTeam(ctx context.Context, in *newTeam) (*single[team], error) {
	r := scim.New(a.typed(ctx, "Group"))
	r.Set(schemas.Group.DisplayName, scim.TextValue(in.Body.Name))
	r.SetPath(schemas.UsherGroup.Kind, scim.TextValue(directory.Team))
	if in.Body.Leader != "" {
		r.SetPath(schemas.UsherGroup.Leader, scim.TextValue(in.Body.Leader))
	}
	if in.Body.Rank != nil {
		r.SetPath(schemas.UsherGroup.Rank, scim.IntValue(*in.Body.Rank))
	}
	var members []scim.Value
	for _, id := range in.Body.Members {
		members = append(members, scim.ComplexValue(scim.Field{Attr: schemas.Group.Members.Value(), Value: scim.TextValue(id)}))
	}
	if members != nil {
		r.Set(schemas.Group.Members, scim.ListValue(members...))
	}
	p, err := a.do(ctx, directory.Create{Resource: r}, "")
	if err != nil {
		return nil, err
	}
	t := teamOf(p.After)
	t.Members = in.Body.Members
	return one(t, p.After.Version), nil
}

func (a *API) getTeam(ctx context.Context, in *byID) (out *single[team], err error) {
	err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		ref := directory.Ref{Org: org, Type: typeNamed(r, "Group"), ID: in.ID}
		g, err := r.Get(ctx, ref)
		if err == nil {
			err = g.Load()
		}
		if err != nil {
			return err
		}
		t := teamOf(g)
		for m, err := range r.Members(ctx, ref) {
			if err != nil {
				return err
			}
			t.Members = append(t.Members, m.ID)
		}
		out = one(t, g.Version)
		return nil
	})
	return out, err
}

func (a *API) editTeam(ctx context.Context, in *editTeam) (*single[team], error) {
	var ops []string
	put := func(path, value string) {
		ops = append(ops, `{"op":"replace","path":"`+path+`","value":`+value+`}`)
	}
	if in.Body.Name != nil {
		put("displayName", string(scim.AppendString(nil, *in.Body.Name)))
	}
	if l := in.Body.Leader; l != nil && *l == "" {
		ops = append(ops, `{"op":"remove","path":"`+schemas.UsherGroup.Leader.Path()+`"}`)
	} else if l != nil {
		put(schemas.UsherGroup.Leader.Path(), string(scim.AppendString(nil, *l)))
	}
	if in.Body.Rank != nil {
		put(schemas.UsherGroup.Rank.Path(), string(scim.IntValue(*in.Body.Rank).String()))
	}
	p, err := a.patch(ctx, "Group", in.ID, in.IfMatch, ops)
	if err != nil {
		return nil, err
	}
	return one(teamOf(p.After), p.After.Version), nil
}

// patch changes a resource through the same door as a PATCH of a client.
func (a *API) patch(ctx context.Context, kind, id, ifMatch string, ops []string) (*directory.Plan, error) {
	rt := a.typed(ctx, kind)
	if len(ops) == 0 {
		return nil, badRequest("The body changes nothing; name at least one attribute with its new value.")
	}
	p, err := decodePatch(rt, ops)
	if err != nil {
		return nil, err
	}
	return a.do(ctx, directory.Patch{Type: rt, ID: id, Patch: p}, ifMatch)
}

// changeMember changes one member of a team: an owner or admin may, and who leads it.
func (a *API) changeMember(ctx context.Context, in *seatInTeam, op string) error {
	if c := callerOf(ctx); c.role == AsSelf {
		err := a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
			g, err := r.Get(ctx, directory.Ref{Org: org, Type: typeNamed(r, "Group"), ID: in.ID})
			if err == nil && directory.ReferenceID(g.Text(schemas.UsherGroup.Leader)) != c.actor.User {
				err = forbidden(Teams, c.role)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	_, err := a.patch(ctx, "Group", in.ID, "", []string{op})
	return err
}
