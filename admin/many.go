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
	"github.com/usher-scim/usher/scim"
)

// outcome is what became of one person of many.
type outcome struct {
	ID       string             `json:"id"`
	Decision operation.Decision `json:"decision"`
}

type (
	manyInput struct {
		IdempotencyKey string `header:"Idempotency-Key"`
		Body           struct {
			IDs []string `json:"ids" required:"true" minItems:"1" maxItems:"1000"`
		}
	}
	manyLeave struct {
		IdempotencyKey string `header:"Idempotency-Key"`
		Body           struct {
			IDs                  []string `json:"ids" required:"true" minItems:"1" maxItems:"1000"`
			ReactivateOnPurchase *bool    `json:"reactivateOnPurchase,omitempty"`
			TransferTo           string   `json:"transferTo,omitempty"`
		}
	}
	manyReturn struct {
		IdempotencyKey string `header:"Idempotency-Key"`
		Body           struct {
			IDs            []string `json:"ids" required:"true" minItems:"1" maxItems:"1000"`
			SendInvitation *bool    `json:"sendInvitation,omitempty" doc:"Whether to send an invitation to who has not joined. Default: to who was invited before."`
		}
	}
)

// many registers what is done to many people at once, with a report for each
// (S3-9, S3-11, S3-27). A batch for which there are not enough seats is refused
// whole, before anybody is let in.
func (a handlers) many() {
	const tag = "People"
	operation.Add(a.API, operation.Place{ID: "deactivate-people", Method: http.MethodPost, Path: "/users/deactivate", Tag: tag, Summary: "End the access of many", Action: permission.AccessPeople}, func(ctx context.Context, in *manyLeave) (*operation.List[outcome], error) {
		rt := a.Typed(ctx, "User")
		return a.each(ctx, in.Body.IDs, func(id string) directory.Change {
			return directory.Deactivate{Type: rt, ID: id, ReactivateOnPurchase: in.Body.ReactivateOnPurchase, TransferTo: in.Body.TransferTo}
		})
	})
	operation.Add(a.API, operation.Place{ID: "activate-people", Method: http.MethodPost, Path: "/users/activate", Tag: tag, Summary: "Let many in again", Action: permission.AccessPeople}, func(ctx context.Context, in *manyReturn) (*operation.List[outcome], error) {
		if err := a.enoughSeats(ctx, in.Body.IDs); err != nil {
			return nil, err
		}
		rt := a.Typed(ctx, "User")
		return a.each(ctx, in.Body.IDs, func(id string) directory.Change {
			return directory.Activate{Type: rt, ID: id, Invite: in.Body.SendInvitation}
		})
	})
}

// distinct leaves out who is named again: nobody is let in, or out, twice.
func distinct(ids []string) (all []string) {
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id], all = true, append(all, id)
		}
	}
	return all
}

func (a handlers) each(ctx context.Context, ids []string, change func(id string) directory.Change) (*operation.List[outcome], error) {
	out := &operation.List[outcome]{}
	ctx = a.InTurn(ctx)
	for _, id := range distinct(ids) {
		p, err := a.Do(ctx, change(id), "")
		decision, err := a.DecisionOn(ctx, p, err)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, outcome{id, decision})
	}
	return out, nil
}

// enoughSeats refuses a batch that the licence has no room for.
func (a handlers) enoughSeats(ctx context.Context, ids []string) error {
	return a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		seats, err := estate.SeatsOf(ctx, r, org, estate.CoreSKU, scim.Now(time.Now))
		if err != nil || !seats.Limited {
			return err
		}
		need := int64(0)
		for _, id := range distinct(ids) {
			p, err := r.Get(ctx, directory.Ref{Org: org, Type: operation.TypeNamed(r, "User"), ID: id})
			if errors.Is(err, directory.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if !directory.HoldsSeat(p) && (!directory.IsExternal(p) || seats.Externals) {
				need++
			}
		}
		return estate.RoomFor(ctx, r, org, need, scim.Now(time.Now))
	})
}
