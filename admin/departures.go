package admin

import (
	"context"
	"errors"
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

// loss is what a deactivation took away, and what of it could still be restored.
type loss struct {
	estate.Departure
	Undoable bool `json:"undoable" doc:"Whether the whole deactivation can still be undone."`
}

type restoreInput struct {
	ID             string `path:"id"`
	Departure      string `path:"departure"`
	IdempotencyKey string `header:"Idempotency-Key"`
	Body           struct {
		Parts []string `json:"parts" required:"true" minItems:"1" enum:"records,teams,subscriptions"`
	}
}

type undoInput struct {
	ID             string `path:"id"`
	Departure      string `path:"departure"`
	IdempotencyKey string `header:"Idempotency-Key"`
}

// departures registers what can be done about deactivations: see what they took
// away, undo them in time, restore parts (C1), and see those that wait.
func (a handlers) departures() {
	const tag = "Departures"
	operation.Add(a.API, operation.Place{ID: "list-departures", Method: http.MethodGet, Path: "/users/{id}/departures", Tag: tag, Summary: "What deactivations took away from a person", Action: permission.ViewPeople}, func(ctx context.Context, in *operation.ByID) (out *operation.List[loss], err error) {
		err = a.Person(ctx, in.ID, func(r directory.Reader, _ *scim.Resource) error {
			all, err := directory.All[estate.Departure](ctx, r, directory.DocumentQuery{Org: operation.CallerOf(ctx).Org, Key: "user:" + in.ID})
			out = &operation.List[loss]{}
			out.Body.Items = []loss{}
			for _, d := range all {
				out.Body.Items = append(out.Body.Items, loss{d, d.Undone.IsZero() && scim.Now(time.Now).Before(d.UndoUntil)})
			}
			return err
		})
		return out, err
	})
	operation.Add(a.API, operation.Place{ID: "undo-departure", Method: http.MethodPost, Path: "/users/{id}/departures/{departure}/undo", Tag: tag, Summary: "Undo a deactivation in time", Action: permission.AccessPeople}, func(ctx context.Context, in *undoInput) (*operation.Decided, error) {
		return a.Verb(ctx, &operation.VerbInput{ID: in.ID}, lifecycle.Undo(a.Typed(ctx, "User"), in.ID, in.Departure, nil))
	})
	operation.Add(a.API, operation.Place{ID: "restore-departure", Method: http.MethodPost, Path: "/users/{id}/departures/{departure}/restore", Tag: tag, Summary: "Restore parts of what was lost", Action: permission.AccessPeople}, func(ctx context.Context, in *restoreInput) (*operation.Decided, error) {
		return a.Verb(ctx, &operation.VerbInput{ID: in.ID}, lifecycle.Undo(a.Typed(ctx, "User"), in.ID, in.Departure, in.Body.Parts))
	})
	operation.Keep(a.API, operation.Nouns[directory.Case]{Path: "/cases", Tag: tag, View: permission.ViewPeople})
	operation.Keep(a.API, operation.Nouns[estate.Schedule]{Path: "/schedules", Tag: tag, View: permission.ViewPeople})
	operation.Keep(a.API, operation.Nouns[estate.Tombstone]{Path: "/tombstones", Tag: tag, View: permission.ViewPeople})
	operation.Add(a.API, operation.Place{ID: "unhold-tombstone", Method: http.MethodPost, Path: "/tombstones/{id}/unhold", Tag: tag, Summary: "Lift the legal hold of somebody who was removed", Action: permission.AccessPeople}, func(ctx context.Context, in *operation.ByID) (*operation.Single[estate.Tombstone], error) {
		var v estate.Tombstone
		_, err := a.Command(ctx, "user.hold.lift", func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
			if v, err = directory.Load[estate.Tombstone](ctx, r, d.Org, in.ID); err != nil {
				return nil, err
			}
			if v.LegalHold {
				if found, err = policy.MayUnhold(ctx, r, d, v.ID, v.Name); err != nil {
					return nil, err
				}
			}
			v.LegalHold, d.Subject = false, in.ID
			return found, directory.Save(d, d.Org, &v)
		})
		return operation.One(v, v.Version), err
	})
	operation.Keep(a.API, operation.Nouns[estate.Waiting]{Path: "/waitlist", Tag: tag, View: permission.ViewPeople, Queue: "since:"})
	operation.Keep(a.API, operation.Nouns[lifecycle.Release]{Path: "/brake-releases", Tag: tag, View: permission.ViewSettings, Change: permission.BlockList, Named: true, Check: func(ctx context.Context, r directory.Reader, d *directory.Draft, _, v *lifecycle.Release) ([]directory.Finding, error) {
		c, err := a.Registry.Connection(ctx, directory.ConnectionID(v.ID))
		if errors.Is(err, directory.ErrNotFound) || err == nil && c.Org != d.Org {
			return nil, &operation.Problem{Status: http.StatusNotFound, Detail: "There is no connection of that name here; a release is for a connection, by its id."}
		}
		if err != nil {
			return nil, err
		}
		return policy.MayRelease(ctx, r, d, *v)
	}})
}
