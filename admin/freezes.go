package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/policy"
)

// freezeRequest is the request of a leader to freeze a member of their team.
type freezeRequest struct {
	User    string    `json:"user" doc:"Id of whom to freeze."`
	Name    string    `json:"name,omitempty"`
	By      string    `json:"by" doc:"Id of the leader who asks."`
	Created time.Time `json:"created"`
	Until   time.Time `json:"until" doc:"When it lapses."`
}

func freezeRequestOf(ctx context.Context, r directory.Reader, org directory.OrgID, v directory.Approval) (freezeRequest, error) {
	name, err := nameOf(ctx, r, org, v.Freeze)
	return freezeRequest{v.Freeze, name, v.By, v.Modified, v.Until}, err
}

// freezes registers how the leader of a team asks that a member be frozen, and how that
// is decided on (3.6, T4).
func (a *API) freezes() {
	const tag = "People"
	add(a, place{"list-freeze-requests", http.MethodGet, "/freeze-requests", tag, "List requests to freeze somebody; members see their own", Freezes, 0}, a.listFreezes)
	add(a, place{"request-freeze", http.MethodPut, "/users/{id}/freeze-request", tag, "Ask that a member of one's team be frozen", Freezes, 0}, a.askFreeze)
	add(a, place{"approve-freeze", http.MethodPost, "/users/{id}/freeze-request/approve", tag, "Freeze a person whose leader has asked for it", AccessPeople, 0}, func(ctx context.Context, in *VerbInput) (*decided, error) {
		return a.verb(ctx, in, directory.ApproveFreeze(a.typed(ctx, "User"), in.ID))
	})
	add(a, place{"refuse-freeze", http.MethodPost, "/users/{id}/freeze-request/refuse", tag, "Refuse a freeze, or take one's own request back", Freezes, 0}, a.refuseFreeze)
}

// askFreeze is for leaders of the person's team alone.
func (a *API) askFreeze(ctx context.Context, in *byID) (*single[freezeRequest], error) {
	var v directory.Approval
	var out freezeRequest
	_, err := a.command(ctx, "freeze.request", func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: in.ID})
		if err == nil {
			err = p.Load()
		}
		if err != nil {
			return nil, err
		}
		leads, err := directory.LeadsMember(ctx, r, d.Org, d.Actor.User, in.ID)
		if err != nil || !leads {
			return nil, or(err, &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: permissionDenied, Detail: "Only who leads a team of this person can ask that they be frozen; owners and administrators freeze them directly."})
		}
		if v, found, err = directory.AskFreeze(ctx, r, d, p); err == nil {
			out, err = freezeRequestOf(ctx, r, d.Org, v)
		}
		return found, err
	})
	return one(out, v.Version), err
}

func (a *API) listFreezes(ctx context.Context, in *Page) (out *list[freezeRequest], err error) {
	after, err := decodePlace("freeze-request", in.After)
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	q := directory.DocumentQuery{Org: c.org, Key: directory.FreezeRequests, After: after, Limit: in.Limit + 1}
	if c.role == AsSelf {
		q.Key = directory.FreezeRequests + ":" + c.actor.User
	}
	err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		all, err := directory.All[directory.Approval](ctx, r, q)
		if err != nil {
			return err
		}
		page := pageOf("freeze-request", all, in.Limit, func(v directory.Approval) string { return v.ID })
		out = &list[freezeRequest]{}
		out.Body.Items, out.Body.Next = []freezeRequest{}, page.Body.Next
		for _, v := range page.Body.Items {
			if !v.Holds(now()) {
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
func (a *API) refuseFreeze(ctx context.Context, in *VerbInput) (*decided, error) {
	c := callerOf(ctx)
	p, err := a.command(ctx, "freeze.refuse", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		v, err := directory.Load[directory.Approval](ctx, r, d.Org, directory.FreezeID(in.ID))
		if err == nil && v.By != d.Actor.Signature() && !Allowed(AccessPeople, c.role) {
			err = forbidden(AccessPeople, c.role)
		}
		if err == nil && !v.Holds(d.Now) {
			err = directory.ErrNotFound
		}
		if err == nil {
			err = matches(in.IfMatch, v.Version)
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
	return one(decisionOf(p, true, a.language(ctx)), 0), nil
}

// mayRefuse wants the rank that the freeze would take.
func (a *API) mayRefuse(ctx context.Context, r directory.Reader, d *directory.Draft, id string) ([]directory.Finding, error) {
	if found := directory.DecidesOwnFreeze(d, id); found != nil {
		return found, nil
	}
	p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: id})
	if err == nil {
		err = p.Load()
	}
	if err != nil {
		return nil, err
	}
	return policy.Outranked(ctx, r, d, p)
}
