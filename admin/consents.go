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

// consents registers what external people say of themselves: that they agree to become
// members at home, which the next conversion takes them at (T9).
func (a handlers) consents() {
	const tag = "People"
	operation.Add(a.API, operation.Place{ID: "get-own-consent", Method: http.MethodGet, Path: "/users/{id}/consent", Tag: tag, Summary: "Read one's own consent to become a member at home", Action: permission.OwnAccount}, func(ctx context.Context, in *operation.ByID) (out *operation.Single[lifecycle.Consent], err error) {
		if err := themselves(ctx, in.ID); err != nil {
			return nil, err
		}
		return a.consent(ctx, in.ID)
	})
	operation.Add(a.API, operation.Place{ID: "give-consent", Method: http.MethodPut, Path: "/users/{id}/consent", Tag: tag, Summary: "Agree to become a member at home", Action: permission.OwnAccount}, func(ctx context.Context, in *operation.ByID) (*operation.Single[lifecycle.Consent], error) {
		if err := a.says(ctx, in.ID, lifecycle.Agree); err != nil {
			return nil, err
		}
		return a.consent(ctx, in.ID)
	})
	operation.Add(a.API, operation.Place{ID: "withdraw-consent", Method: http.MethodDelete, Path: "/users/{id}/consent", Tag: tag, Summary: "Take the consent back, until a conversion has used it", Action: permission.OwnAccount, Status: http.StatusNoContent}, func(ctx context.Context, in *operation.ByID) (*operation.Empty, error) {
		return nil, a.says(ctx, in.ID, lifecycle.Disagree)
	})
	operation.Keep(a.API, operation.Nouns[lifecycle.Consent]{Path: "/consents", Tag: tag, View: permission.ViewPeople})
}

// themselves refuses what nobody says for somebody else, not even with an administrator
// token.
func themselves(ctx context.Context, id string) error {
	if operation.CallerOf(ctx).Actor.User == id {
		return nil
	}
	return &operation.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: operation.PermissionDenied, Detail: "Only the person themselves can say this; they sign in and send it with their own token."}
}

// says carries out what a person says of themselves.
func (a handlers) says(ctx context.Context, id string, change func(rt *scim.ResourceType, id string) directory.SetState) error {
	if err := themselves(ctx, id); err != nil {
		return err
	}
	req := operation.Request(ctx, change(a.Typed(ctx, "User"), id))
	req.Actor = directory.Actor{Kind: directory.BySelf, User: id, Credential: req.Actor.Credential}
	_, err := a.Submit(ctx, req)
	return err
}

// consent reads the consent of a person.
func (a handlers) consent(ctx context.Context, id string) (out *operation.Single[lifecycle.Consent], err error) {
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		v, err := directory.Load[lifecycle.Consent](ctx, r, org, id)
		out = operation.One(v, v.Version)
		return err
	})
	return out, err
}
