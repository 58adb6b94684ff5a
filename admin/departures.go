package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
)

// loss is what a deactivation took away, and what of it could still be restored.
type loss struct {
	directory.Departure
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
func (a *API) departures() {
	const tag = "Departures"
	add(a, place{"list-departures", http.MethodGet, "/users/{id}/departures", tag, "What deactivations took away from a person", ViewPeople, 0}, func(ctx context.Context, in *byID) (out *list[loss], err error) {
		err = a.person(ctx, in.ID, func(r directory.Reader, _ *scim.Resource) error {
			all, err := directory.All[directory.Departure](ctx, r, directory.DocumentQuery{Org: callerOf(ctx).org, Key: "user:" + in.ID})
			out = &list[loss]{}
			out.Body.Items = []loss{}
			for _, d := range all {
				out.Body.Items = append(out.Body.Items, loss{d, d.Undone.IsZero() && now().Before(d.UndoUntil)})
			}
			return err
		})
		return out, err
	})
	add(a, place{"undo-departure", http.MethodPost, "/users/{id}/departures/{departure}/undo", tag, "Undo a deactivation in time", AccessPeople, 0}, func(ctx context.Context, in *undoInput) (*decided, error) {
		return a.verb(ctx, &VerbInput{ID: in.ID}, directory.Undo(a.typed(ctx, "User"), in.ID, in.Departure, nil))
	})
	add(a, place{"restore-departure", http.MethodPost, "/users/{id}/departures/{departure}/restore", tag, "Restore parts of what was lost", AccessPeople, 0}, func(ctx context.Context, in *restoreInput) (*decided, error) {
		return a.verb(ctx, &VerbInput{ID: in.ID}, directory.Undo(a.typed(ctx, "User"), in.ID, in.Departure, in.Body.Parts))
	})
	keep(a, nouns[directory.Case]{path: "/cases", tag: tag, view: ViewPeople})
	keep(a, nouns[directory.Schedule]{path: "/schedules", tag: tag, view: ViewPeople})
	keep(a, nouns[directory.Tombstone]{path: "/tombstones", tag: tag, view: ViewPeople})
	add(a, place{"unhold-tombstone", http.MethodPost, "/tombstones/{id}/unhold", tag, "Lift the legal hold of somebody who was removed", AccessPeople, 0}, func(ctx context.Context, in *byID) (*single[directory.Tombstone], error) {
		var v directory.Tombstone
		_, err := a.command(ctx, "user.hold.lift", func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
			if v, err = directory.Load[directory.Tombstone](ctx, r, d.Org, in.ID); err != nil {
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
		return one(v, v.Version), err
	})
	keep(a, nouns[directory.Waiting]{path: "/waitlist", tag: tag, view: ViewPeople, queue: "since:"})
	keep(a, nouns[directory.Release]{path: "/brake-releases", tag: tag, view: ViewSettings, change: BlockList, named: true, check: func(ctx context.Context, r directory.Reader, d *directory.Draft, _, v *directory.Release) ([]directory.Finding, error) {
		c, err := a.Registry.Connection(ctx, directory.ConnectionID(v.ID))
		if errors.Is(err, directory.ErrNotFound) || err == nil && c.Org != d.Org {
			return nil, &Problem{Status: http.StatusNotFound, Detail: "There is no connection of that name here; a release is for a connection, by its id."}
		}
		if err != nil {
			return nil, err
		}
		return policy.MayRelease(ctx, r, d, *v)
	}})
}
