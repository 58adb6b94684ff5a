package inventory

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
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
func (a handlers) groups() {
	const tag = "Teams"
	operation.Add(a.API, operation.Place{ID: "list-teams", Method: http.MethodGet, Path: "/teams", Tag: tag, Summary: "List teams", Action: permission.ViewPeople}, a.listTeams)
	operation.Add(a.API, operation.Place{ID: "create-team", Method: http.MethodPost, Path: "/teams", Tag: tag, Summary: "Make a team", Action: permission.Records, Status: http.StatusCreated}, a.createTeam)
	operation.Add(a.API, operation.Place{ID: "get-team", Method: http.MethodGet, Path: "/teams/{id}", Tag: tag, Summary: "Read a team", Action: permission.ViewPeople}, a.getTeam)
	operation.Add(a.API, operation.Place{ID: "edit-team", Method: http.MethodPatch, Path: "/teams/{id}", Tag: tag, Summary: "Change a team or its leader", Action: permission.Records}, a.editTeam)
	operation.Add(a.API, operation.Place{ID: "delete-team", Method: http.MethodDelete, Path: "/teams/{id}", Tag: tag, Summary: "Remove a team", Action: permission.Records, Status: http.StatusNoContent}, func(ctx context.Context, in *operation.ByVersion) (*operation.Empty, error) {
		_, err := a.Do(ctx, directory.Delete{Type: a.Typed(ctx, "Group"), ID: in.ID}, in.IfMatch)
		return nil, err
	})
	operation.Add(a.API, operation.Place{ID: "add-team-member", Method: http.MethodPut, Path: "/teams/{id}/members/{user}", Tag: tag, Summary: "Put a person into a team", Action: permission.Teams, Status: http.StatusNoContent}, func(ctx context.Context, in *seatInTeam) (*operation.Empty, error) {
		return nil, a.changeMember(ctx, in, `{"op":"add","path":"members","value":[{"value":`+string(scim.AppendString(nil, in.User))+`}]}`)
	})
	operation.Add(a.API, operation.Place{ID: "remove-team-member", Method: http.MethodDelete, Path: "/teams/{id}/members/{user}", Tag: tag, Summary: "Take a person out of a team", Action: permission.Teams, Status: http.StatusNoContent}, func(ctx context.Context, in *seatInTeam) (*operation.Empty, error) {
		return nil, a.changeMember(ctx, in, `{"op":"remove","path":`+string(scim.AppendString(nil, `members[value eq `+string(scim.AppendString(nil, in.User))+`]`))+`}`)
	})
}

func (a handlers) listTeams(ctx context.Context, in *operation.Page) (out *operation.List[team], err error) {
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		q := directory.Query{Org: org, Type: operation.TypeNamed(r, "Group"), Start: 1, Count: in.Limit}
		if q.Filter, _, err = filter.Compile(schemas.UsherGroup.Kind.Path()+` eq "`+estate.Team+`"`, q.Type, scim.Strict); err != nil {
			return err
		}
		if q.After, err = operation.Position("Group", in.After); err != nil {
			return err
		}
		found, err := r.Find(ctx, q)
		out = &operation.List[team]{}
		out.Body.Items = []team{}
		for _, g := range found.Resources {
			out.Body.Items = append(out.Body.Items, teamOf(g))
		}
		if found.More {
			out.Body.Next = operation.EncodeCursor("Group", string(found.Last))
		}
		return err
	})
	return out, err
}

func (a handlers) createTeam(ctx context.Context, in *newTeam) (*operation.Single[team], error) {
	r := scim.New(a.Typed(ctx, "Group"))
	r.Set(schemas.Group.DisplayName, scim.TextValue(in.Body.Name))
	r.SetPath(schemas.UsherGroup.Kind, scim.TextValue(estate.Team))
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
	p, err := a.Do(ctx, directory.Create{Resource: r}, "")
	if err != nil {
		return nil, err
	}
	t := teamOf(p.After)
	t.Members = in.Body.Members
	return operation.One(t, p.After.Version), nil
}

func (a handlers) getTeam(ctx context.Context, in *operation.ByID) (out *operation.Single[team], err error) {
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		ref := directory.Ref{Org: org, Type: operation.TypeNamed(r, "Group"), ID: in.ID}
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
		out = operation.One(t, g.Version)
		return nil
	})
	return out, err
}

func (a handlers) editTeam(ctx context.Context, in *editTeam) (*operation.Single[team], error) {
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
	return operation.One(teamOf(p.After), p.After.Version), nil
}

// patch changes a resource through the same door as a PATCH of a client.
func (a handlers) patch(ctx context.Context, kind, id, ifMatch string, ops []string) (*directory.Plan, error) {
	rt := a.Typed(ctx, kind)
	if len(ops) == 0 {
		return nil, operation.BadRequest("The body changes nothing; name at least one attribute with its new value.")
	}
	p, err := operation.DecodePatch(rt, ops)
	if err != nil {
		return nil, err
	}
	return a.Do(ctx, directory.Patch{Type: rt, ID: id, Patch: p}, ifMatch)
}

// changeMember changes one member of a team: an owner or admin may, and who leads it.
func (a handlers) changeMember(ctx context.Context, in *seatInTeam, op string) error {
	if c := operation.CallerOf(ctx); c.Role == permission.AsSelf {
		err := a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
			g, err := r.Get(ctx, directory.Ref{Org: org, Type: operation.TypeNamed(r, "Group"), ID: in.ID})
			if err == nil && directory.ReferenceID(g.Text(schemas.UsherGroup.Leader)) != c.Actor.User {
				err = operation.Forbidden(permission.Teams, c.Role)
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
