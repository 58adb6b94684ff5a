package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

type trailInput struct {
	Page
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
	from, err := decodePlace("event", in.After)
	after := int64(0)
	if err == nil && from != "" {
		after, err = strconv.ParseInt(from, 10, 64)
	}
	if err != nil {
		return nil, errCursor
	}
	c := callerOf(ctx)
	about := in.App
	if c.role == AsSelf {
		if in.App == "" {
			about = c.actor.User
		} else if err := a.administers(ctx, c, in.App, OwnAudit); err != nil {
			return nil, err
		}
	}
	q := directory.TrailQuery{Org: c.org, After: after, Limit: in.Limit + 1, Resource: in.Resource, Action: in.Action, About: about, Waiting: waiting}
	if c.role == AsClient {
		q.Client = c.conn.ID
	}
	items, err := a.Trail.Trail(ctx, q)
	return pageOf("event", items, in.Limit, func(e directory.Entry) string { return strconv.FormatInt(e.Seq, 10) }), err
}

// administers refuses a member who is no administrator of the application.
func (a *API) administers(ctx context.Context, c caller, app string, need Action) error {
	return a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		ok, err := holdsRole(ctx, r, org, c.actor.User, app+"."+directory.AppAdmin)
		if err != nil || ok {
			return err
		}
		return forbidden(need, c.role)
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
	again, ok := retold[e.Action]
	if !ok {
		return &single[trouble]{Body: out}, nil
	}
	p, err := a.Service.Preview(ctx, request(ctx, again(a.typed(ctx, "User"), e.Resource)))
	if errors.Is(err, directory.ErrNotFound) {
		return &single[trouble]{Body: out}, nil // the person is gone, and what was to be done to them
	}
	if err != nil {
		return nil, err
	}
	gone := p.Err() == nil
	out.Gone, out.Blockers = &gone, p.BlockersIn(a.language(ctx))
	return &single[trouble]{Body: out}, nil
}

// retold are the refused changes that can be decided on again: whose event tells all
// of them, for it holds no values (K72).
var retold = map[string]func(rt *scim.ResourceType, id string) directory.Change{
	"user.deactivate.refused":          func(rt *scim.ResourceType, id string) directory.Change { return directory.Deactivate{Type: rt, ID: id} },
	"user.activate.refused":            func(rt *scim.ResourceType, id string) directory.Change { return directory.Activate{Type: rt, ID: id} },
	"user.suspend.refused":             func(rt *scim.ResourceType, id string) directory.Change { return directory.Suspend{Type: rt, ID: id} },
	"user.resume.refused":              func(rt *scim.ResourceType, id string) directory.Change { return directory.Resume{Type: rt, ID: id} },
	"user.hold.refused":                func(rt *scim.ResourceType, id string) directory.Change { return directory.Hold(rt, id, true) },
	"user.hold.lift.refused":           func(rt *scim.ResourceType, id string) directory.Change { return directory.Hold(rt, id, false) },
	"user.convert.refused":             func(rt *scim.ResourceType, id string) directory.Change { return directory.Convert(rt, id) },
	"user.invite.refused":              func(rt *scim.ResourceType, id string) directory.Change { return directory.Invite(rt, id, "") },
	"user.invitation.withdraw.refused": func(rt *scim.ResourceType, id string) directory.Change { return directory.Withdraw(rt, id) },
}
