package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
)

type approvalInput struct {
	ID  string `path:"id"`
	For string `query:"for" enum:"deactivate,hold,unhold,unblock,owner" default:"deactivate" doc:"What is allowed: to deactivate the person, to set or lift a legal hold, to lift the block of their addresses, or to make them the owner where there is none."`
}

type approved = operation.Single[estate.Approval]

// approvals registers what the second of two people does where the organization asks
// for two (G9, 3.6). They say what they allow as the first one does who asks for it, so
// they allow that and nothing else. Whoever asks never counts as the second.
func (a handlers) approvals() {
	const tag = "Approvals"
	operation.Add(a.API, operation.Place{ID: "approve-departure", Method: http.MethodPut, Path: "/users/{id}/approval", Tag: tag, Summary: "Allow what is done to a person and needs two people", Action: permission.BlockList}, func(ctx context.Context, in *approvalInput) (*approved, error) {
		return a.approve(ctx, func(ctx context.Context, r directory.Reader, d *directory.Draft) (string, error) {
			d.Subject = in.ID
			if in.For == "deactivate" {
				_, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: in.ID})
				return in.ID, err
			}
			return estate.ApprovalID(in.For, in.ID), known(ctx, r, d.Org, in.ID)
		})
	})
	operation.Add(a.API, operation.Place{ID: "approve-lift", Method: http.MethodPost, Path: "/addresses/approve", Tag: tag, Summary: "Allow that a block is lifted, where that needs two people", Action: permission.BlockList}, func(ctx context.Context, in *blockInput) (*approved, error) {
		return a.approve(ctx, func(ctx context.Context, r directory.Reader, d *directory.Draft) (string, error) {
			v, err := blocked(ctx, r, operation.TypeNamed(r, "User"), d, in.Body.Email)
			return v.LiftID(), err
		})
	})
	operation.Add(a.API, operation.Place{ID: "approve-settings", Method: http.MethodPut, Path: "/settings/approval", Tag: tag, Summary: "Allow a change of the brake or of the rule of two people: the settings as they are to be", Action: permission.BlockList}, func(ctx context.Context, in *profileInput) (*approved, error) {
		return a.approve(ctx, func(ctx context.Context, r directory.Reader, d *directory.Draft) (string, error) {
			d.Subject = estate.ProfileID
			was, next, err := changedSettings(ctx, r, d.Org, in)
			if err == nil && was.Safeguards() == next.Safeguards() {
				err = operation.BadRequest("The brake and the rule of two people are like this already; send the settings that are to be allowed.")
			}
			if err != nil {
				return "", err
			}
			return next.Safeguards().ApprovalID()
		})
	})
}

// approve keeps the approval of what has an id.
func (a handlers) approve(ctx context.Context, of func(ctx context.Context, r directory.Reader, d *directory.Draft) (id string, err error)) (*approved, error) {
	var v estate.Approval
	_, err := a.Command(ctx, "approval.give", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		id, err := of(ctx, r, d)
		if err == nil {
			v, err = estate.Approve(ctx, r, d, id)
		}
		return nil, err
	})
	return operation.One(v, v.Version), err
}

// known fails where nothing is known of a person, not even that they were removed.
func known(ctx context.Context, r directory.Reader, org directory.OrgID, id string) error {
	_, err := r.Get(ctx, directory.Ref{Org: org, Type: operation.TypeNamed(r, "User"), ID: id})
	if errors.Is(err, directory.ErrNotFound) {
		_, err = directory.Load[estate.Tombstone](ctx, r, org, id)
	}
	return err
}
