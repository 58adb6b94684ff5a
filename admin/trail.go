package admin

import (
	"context"
	"net/http"
	"strconv"

	"github.com/usher-scim/usher/directory"
)

type trailInput struct {
	Page
	Resource string `query:"resource" doc:"Only about this one."`
	Action   string `query:"action" doc:"Only of this kind, such as user.deactivate."`
	App      string `query:"app" doc:"Only what concerns this application. Members see what concerns themselves, and its administrators what concerns it."`
}

// trouble is a refusal as it was, and what of it is still in the way.
type trouble struct {
	Event    directory.Event     `json:"event"`
	Gone     bool                `json:"gone" doc:"Whether the change would be accepted now."`
	Blockers []directory.Blocker `json:"blockers" doc:"What is in the way now."`
}

// trail registers the audit log, the outbox and the pages about refusals.
func (a *API) trail() {
	const tag = "Audit"
	add(a, place{"list-audit", http.MethodGet, "/audit", tag, "List events, oldest first", OwnAudit, 0}, func(ctx context.Context, in *trailInput) (*list[directory.Entry], error) {
		return a.events(ctx, in, false)
	})
	add(a, place{"list-outbox", http.MethodGet, "/outbox", tag, "List events that are not delivered, oldest first", Audit, 0}, func(ctx context.Context, in *trailInput) (*list[directory.Entry], error) {
		return a.events(ctx, in, true)
	})
	add(a, place{"get-problem", http.MethodGet, "/problems/{id}", tag, "A refusal, and whether it still holds", Audit, 0}, a.problem)
}

func (a *API) events(ctx context.Context, in *trailInput, waiting bool) (*list[directory.Entry], error) {
	c := callerOf(ctx)
	about := in.App
	if c.role == AsSelf {
		if in.App == "" {
			about = c.actor.User
		} else if err := a.administers(ctx, c, in.App); err != nil {
			return nil, err
		}
	}
	items, err := a.Trail.Trail(ctx, directory.TrailQuery{Org: c.org, After: atoi(in.After), Limit: in.Limit + 1, Resource: in.Resource, Action: in.Action, About: about, Waiting: waiting})
	return pageOf(items, in.Limit, func(e directory.Entry) string { return strconv.FormatInt(e.Seq, 10) }), err
}

// administers refuses a member who is no administrator of the application.
func (a *API) administers(ctx context.Context, c caller, app string) error {
	return a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		ok, err := holdsRole(ctx, r, org, c.actor.User, app+"."+directory.AppAdmin)
		if err != nil || ok {
			return err
		}
		return forbidden(OwnAudit, c.role)
	})
}

// problem decides on the refused change again, without making it.
func (a *API) problem(ctx context.Context, in *byID) (*single[trouble], error) {
	c := callerOf(ctx)
	e, err := a.Trail.Event(ctx, c.org, in.ID)
	if err != nil {
		return nil, err
	}
	if len(e.Refused) == 0 {
		return nil, directory.ErrNotFound
	}
	out := trouble{Event: e, Blockers: []directory.Blocker{}}
	rt := a.typed(ctx, "User")
	var change directory.Change
	switch e.Action {
	case "user.deactivate.refused":
		change = directory.Deactivate{Type: rt, ID: e.Resource}
	case "user.activate.refused":
		change = directory.Activate{Type: rt, ID: e.Resource}
	default:
		return &single[trouble]{Body: out}, nil
	}
	p, err := a.Service.Preview(ctx, directory.Request{Org: c.org, Actor: c.actor, Change: change})
	if err != nil {
		return nil, err
	}
	out.Gone, out.Blockers = p.Err() == nil, p.BlockersIn(a.language(ctx))
	return &single[trouble]{Body: out}, nil
}
