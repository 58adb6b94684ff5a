package admin

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
)

type joinInput struct {
	operation.VerbInput
	Body struct {
		SendInvitation *bool `json:"sendInvitation,omitempty" doc:"Whether to send an invitation to who has not joined. Default: to who was invited before and, at a conversion, to whose consent is wanted."`
	} `required:"false"`
}

// returns registers what makes somebody a member of the organization again, who may
// have to be asked whether they want that (T7, T9).
func (a handlers) returns() {
	const tag = "People"
	operation.Add(a.API, operation.Place{ID: "activate-person", Method: http.MethodPost, Path: "/users/{id}/activate", Tag: tag, Summary: "Let a person in again", Action: permission.AccessPeople}, func(ctx context.Context, in *joinInput) (*operation.Decided, error) {
		return a.Verb(ctx, &in.VerbInput, directory.Activate{Type: a.Typed(ctx, "User"), ID: in.ID, Invite: in.Body.SendInvitation})
	})
	operation.Add(a.API, operation.Place{ID: "convert-person", Method: http.MethodPost, Path: "/users/{id}/convert", Tag: tag, Summary: "Make an external person a member at home", Action: permission.AddPeople}, func(ctx context.Context, in *joinInput) (*operation.Decided, error) {
		return a.Verb(ctx, &in.VerbInput, converted(a.Typed(ctx, "User"), in.ID, in.Body.SendInvitation))
	})
}

// converted is a conversion, with what is said of the invitation.
func converted(rt *scim.ResourceType, id string, invite *bool) directory.Change {
	c := lifecycle.Convert(rt, id)
	c.Invite = invite
	return c
}
