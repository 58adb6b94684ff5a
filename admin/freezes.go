package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
)

// freezeRequest is the request of a leader to freeze a member of their team.
type freezeRequest struct {
	User    string    `json:"user" doc:"Id of whom to freeze."`
	Name    string    `json:"name,omitempty"`
	By      string    `json:"by" doc:"Id of the leader who asks."`
	Created time.Time `json:"created"`
	Until   time.Time `json:"until" doc:"When it lapses."`
}

func freezeRequestOf(ctx context.Context, r directory.Reader, org directory.OrgID, v estate.Approval) (freezeRequest, error) {
	name, err := nameOf(ctx, r, org, v.Freeze)
	return freezeRequest{v.Freeze, name, v.By, v.Modified, v.Until}, err
}

// freezes registers how the leader of a team asks that a member be frozen, and how that
// is decided on (3.6, T4).
func (a handlers) freezes() {
	const tag = "People"
	operation.Add(a.API, operation.Place{ID: "list-freeze-requests", Method: http.MethodGet, Path: "/freeze-requests", Tag: tag, Summary: "List requests to freeze somebody; members see their own", Action: permission.Freezes}, a.listFreezes)
	operation.Add(a.API, operation.Place{ID: "request-freeze", Method: http.MethodPut, Path: "/users/{id}/freeze-request", Tag: tag, Summary: "Ask that a member of one's team be frozen", Action: permission.Freezes}, a.askFreeze)
	operation.Add(a.API, operation.Place{ID: "approve-freeze", Method: http.MethodPost, Path: "/users/{id}/freeze-request/approve", Tag: tag, Summary: "Freeze a person whose leader has asked for it", Action: permission.AccessPeople}, func(ctx context.Context, in *operation.VerbInput) (*operation.Decided, error) {
		return a.Verb(ctx, in, lifecycle.ApproveFreeze(a.Typed(ctx, "User"), in.ID))
	})
	operation.Add(a.API, operation.Place{ID: "refuse-freeze", Method: http.MethodPost, Path: "/users/{id}/freeze-request/refuse", Tag: tag, Summary: "Refuse a freeze, or take one's own request back", Action: permission.Freezes}, a.refuseFreeze)
}

// askFreeze is for leaders of the person's team alone.
func (a handlers) askFreeze(ctx context.Context, in *operation.ByID) (*operation.Single[freezeRequest], error) {
	var v estate.Approval
	var out freezeRequest
	_, err := a.Command(ctx, "freeze.request", func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: in.ID})
		if err == nil {
			err = p.Load()
		}
		if err != nil {
			return nil, err
		}
		leads, err := lifecycle.LeadsMember(ctx, r, d.Org, d.Actor.User, in.ID)
		if err != nil {
			return nil, err
		}
		if !leads {
			return nil, &operation.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: operation.PermissionDenied, Detail: "Only who leads a team of this person can ask that they be frozen; owners and administrators freeze them directly."}
		}
		if v, found, err = lifecycle.AskFreeze(ctx, r, d, p); err == nil {
			out, err = freezeRequestOf(ctx, r, d.Org, v)
		}
		return found, err
	})
	return operation.One(out, v.Version), err
}

func (a handlers) listFreezes(ctx context.Context, in *operation.Page) (out *operation.List[freezeRequest], err error) {
	after, err := operation.DecodeCursor("freeze-request", in.After)
	if err != nil {
		return nil, err
	}
	c := operation.CallerOf(ctx)
	q := directory.DocumentQuery{Org: c.Org, Key: estate.FreezeRequests, After: after, Limit: in.Limit + 1}
	if c.Role == permission.AsSelf {
		q.Key = estate.FreezeRequests + ":" + c.Actor.User
	}
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		all, err := directory.All[estate.Approval](ctx, r, q)
		if err != nil {
			return err
		}
		page := operation.PageOf("freeze-request", all, in.Limit, func(v estate.Approval) string { return v.ID })
		out = &operation.List[freezeRequest]{}
		out.Body.Items, out.Body.Next = []freezeRequest{}, page.Body.Next
		for _, v := range page.Body.Items {
			if !v.Holds(scim.Now(time.Now)) {
				continue
			}
			one, err := freezeRequestOf(ctx, r, org, v)
			if err != nil {
				return err
			}
			out.Body.Items = append(out.Body.Items, one)
		}
		return nil
	})
	return out, err
}

// refuseFreeze is for who has the rank to freeze the person, and for who asked.
func (a handlers) refuseFreeze(ctx context.Context, in *operation.VerbInput) (*operation.Decided, error) {
	c := operation.CallerOf(ctx)
	p, err := a.Command(ctx, "freeze.refuse", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		v, err := directory.Load[estate.Approval](ctx, r, d.Org, lifecycle.FreezeID(in.ID))
		if err == nil && v.By != d.Actor.Signature() && !permission.Allowed(permission.AccessPeople, c.Role) {
			err = operation.Forbidden(permission.AccessPeople, c.Role)
		}
		if err == nil && !v.Holds(d.Now) {
			err = directory.ErrNotFound
		}
		if err == nil {
			err = operation.Matches(in.IfMatch, v.Version)
		}
		if err != nil {
			return nil, err
		}
		d.Subject = in.ID
		if v.By != d.Actor.Signature() {
			if found, err := a.mayRefuse(ctx, r, d, in.ID); err != nil || found != nil {
				return found, err
			}
		}
		d.Do("freeze.refused", v.By, 1)
		directory.Drop(d, d.Org, &v)
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return operation.One(operation.DecisionOf(p, true, a.Language(ctx)), 0), nil
}

// mayRefuse wants the rank that the freeze would take.
func (a handlers) mayRefuse(ctx context.Context, r directory.Reader, d *directory.Draft, id string) ([]directory.Finding, error) {
	if found := lifecycle.DecidesOwnFreeze(d, id); found != nil {
		return found, nil
	}
	p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: id})
	if err == nil {
		err = p.Load()
	}
	if err != nil {
		return nil, err
	}
	return policy.Outranked(ctx, r, d, p)
}
