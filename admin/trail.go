package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/usher-scim/usher/admin/inventory"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
)

type trailInput struct {
	operation.Page
	Resource string `query:"resource" doc:"Only about this one."`
	Action   string `query:"action" doc:"Only of this kind, such as user.deactivate."`
	App      string `query:"app" doc:"Only what concerns this application. Members see what concerns themselves, and its administrators what concerns it; a provisioning client sees what it did itself."`
}

// trouble is a refusal as it was, and what of it is still in the way.
type trouble struct {
	Event    directory.Event     `json:"event"`
	Gone     *bool               `json:"gone,omitempty" doc:"Whether the change would be accepted now, of whoever reads this. Absent where the event does not tell enough of the change to decide on it again."`
	Blockers []directory.Blocker `json:"blockers" doc:"What is in the way now."`
}

// trail registers the audit log, the outbox and the pages about refusals.
func (a handlers) trail() {
	const tag = "Audit"
	operation.Add(a.API, operation.Place{ID: "list-audit", Method: http.MethodGet, Path: "/audit", Tag: tag, Summary: "List events, oldest first", Action: permission.OwnAudit}, func(ctx context.Context, in *trailInput) (*operation.List[directory.Entry], error) {
		return a.events(ctx, in, false)
	})
	operation.Add(a.API, operation.Place{ID: "list-outbox", Method: http.MethodGet, Path: "/outbox", Tag: tag, Summary: "List events that are not delivered, oldest first", Action: permission.Audit}, func(ctx context.Context, in *trailInput) (*operation.List[directory.Entry], error) {
		return a.events(ctx, in, true)
	})
	operation.Add(a.API, operation.Place{ID: "get-problem", Method: http.MethodGet, Path: "/problems/{id}", Tag: tag, Summary: "A refusal, and whether it still holds", Action: permission.Audit}, a.problem)
}

func (a handlers) events(ctx context.Context, in *trailInput, waiting bool) (*operation.List[directory.Entry], error) {
	from, err := operation.DecodeCursor("event", in.After)
	after := int64(0)
	if err == nil && from != "" {
		after, err = strconv.ParseInt(from, 10, 64)
	}
	if err != nil {
		return nil, operation.ErrCursor
	}
	c := operation.CallerOf(ctx)
	about := in.App
	if c.Role == permission.AsSelf {
		if in.App == "" {
			about = c.Actor.User
		} else if err := inventory.Administers(ctx, a.API, in.App, permission.OwnAudit); err != nil {
			return nil, err
		}
	}
	q := directory.TrailQuery{Org: c.Org, After: after, Limit: in.Limit + 1, Resource: in.Resource, Action: in.Action, About: about, Waiting: waiting}
	if c.Role == permission.AsClient {
		q.Client = c.Connection.ID
	}
	items, err := a.Trail.Trail(ctx, q)
	return operation.PageOf("event", items, in.Limit, func(e directory.Entry) string { return strconv.FormatInt(e.Seq, 10) }), err
}

// problem decides on the refused change again, without making it.
func (a handlers) problem(ctx context.Context, in *operation.ByID) (*operation.Single[trouble], error) {
	c := operation.CallerOf(ctx)
	e, err := a.Trail.Event(ctx, c.Org, in.ID)
	if err != nil {
		return nil, err
	}
	if len(e.Refused) == 0 {
		return nil, directory.ErrNotFound
	}
	out := trouble{Event: e, Blockers: []directory.Blocker{}}
	again, ok := retold[e.Action]
	if !ok {
		return &operation.Single[trouble]{Body: out}, nil
	}
	p, err := a.Service.Preview(ctx, operation.Request(ctx, again(a.Typed(ctx, "User"), e.Resource)))
	if errors.Is(err, directory.ErrNotFound) {
		return &operation.Single[trouble]{Body: out}, nil // the person is gone, and what was to be done to them
	}
	if err != nil {
		return nil, err
	}
	gone := p.Err() == nil
	out.Gone, out.Blockers = &gone, p.BlockersIn(a.Language(ctx))
	return &operation.Single[trouble]{Body: out}, nil
}

// retold are the refused changes that can be decided on again: whose event tells all
// of them, for it holds no values (K72).
var retold = map[string]func(rt *scim.ResourceType, id string) directory.Change{
	"user.deactivate.refused":          func(rt *scim.ResourceType, id string) directory.Change { return directory.Deactivate{Type: rt, ID: id} },
	"user.activate.refused":            func(rt *scim.ResourceType, id string) directory.Change { return directory.Activate{Type: rt, ID: id} },
	"user.suspend.refused":             func(rt *scim.ResourceType, id string) directory.Change { return directory.Suspend{Type: rt, ID: id} },
	"user.resume.refused":              func(rt *scim.ResourceType, id string) directory.Change { return directory.Resume{Type: rt, ID: id} },
	"user.hold.refused":                func(rt *scim.ResourceType, id string) directory.Change { return lifecycle.Hold(rt, id, true) },
	"user.hold.lift.refused":           func(rt *scim.ResourceType, id string) directory.Change { return lifecycle.Hold(rt, id, false) },
	"user.convert.refused":             func(rt *scim.ResourceType, id string) directory.Change { return lifecycle.Convert(rt, id) },
	"user.invite.refused":              func(rt *scim.ResourceType, id string) directory.Change { return lifecycle.Invite(rt, id, "") },
	"user.invitation.withdraw.refused": func(rt *scim.ResourceType, id string) directory.Change { return lifecycle.Withdraw(rt, id) },
}
