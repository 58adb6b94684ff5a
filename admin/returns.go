package admin

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

type joinInput struct {
	VerbInput
	Body struct {
		SendInvitation *bool `json:"sendInvitation,omitempty" doc:"Whether to send an invitation to who has not joined. Default: to who was invited before and, at a conversion, to whose consent is wanted."`
	} `required:"false"`
}

// returns registers what makes somebody a member of the organization again, who may
// have to be asked whether they want that (T7, T9).
func (a *API) returns() {
	const tag = "People"
	add(a, place{"activate-person", http.MethodPost, "/users/{id}/activate", tag, "Let a person in again", AccessPeople, 0}, func(ctx context.Context, in *joinInput) (*decided, error) {
		return a.verb(ctx, &in.VerbInput, directory.Activate{Type: a.typed(ctx, "User"), ID: in.ID, Invite: in.Body.SendInvitation})
	})
	add(a, place{"convert-person", http.MethodPost, "/users/{id}/convert", tag, "Make an external person a member at home", AddPeople, 0}, func(ctx context.Context, in *joinInput) (*decided, error) {
		return a.verb(ctx, &in.VerbInput, converted(a.typed(ctx, "User"), in.ID, in.Body.SendInvitation))
	})
}

// converted is a conversion, with what is said of the invitation.
func converted(rt *scim.ResourceType, id string, invite *bool) directory.Change {
	c := directory.Convert(rt, id)
	c.Invite = invite
	return c
}
