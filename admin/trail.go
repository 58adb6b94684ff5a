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
	for name, waiting := range map[string]bool{"audit": false, "outbox": true} {
		add(a, place{"list-" + name, http.MethodGet, "/" + name, tag, "List events, oldest first", Audit, 0}, func(ctx context.Context, in *trailInput) (*list[directory.Entry], error) {
			items, err := a.Trail.Trail(ctx, directory.TrailQuery{Org: callerOf(ctx).org, After: atoi(in.After), Limit: in.Limit + 1, Resource: in.Resource, Action: in.Action, Waiting: waiting})
			return pageOf(items, in.Limit, func(e directory.Entry) string { return strconv.FormatInt(e.Seq, 10) }), err
		})
	}
	add(a, place{"get-problem", http.MethodGet, "/problems/{id}", tag, "A refusal, and whether it still holds", Audit, 0}, a.problem)
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
	out.Gone, out.Blockers = p.Err() == nil, p.Blockers()
	return &single[trouble]{Body: out}, nil
}
