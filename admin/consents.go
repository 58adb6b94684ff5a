package admin

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// consents registers what external people say of themselves: that they agree to become
// members at home, which the next conversion takes them at (T9).
func (a *API) consents() {
	const tag = "People"
	add(a, place{"get-own-consent", http.MethodGet, "/users/{id}/consent", tag, "Read one's own consent to become a member at home", OwnAccount, 0}, func(ctx context.Context, in *byID) (out *single[directory.Consent], err error) {
		if err := themselves(ctx, in.ID); err != nil {
			return nil, err
		}
		return a.consent(ctx, in.ID)
	})
	add(a, place{"give-consent", http.MethodPut, "/users/{id}/consent", tag, "Agree to become a member at home", OwnAccount, 0}, func(ctx context.Context, in *byID) (*single[directory.Consent], error) {
		if err := a.says(ctx, in.ID, directory.Agree); err != nil {
			return nil, err
		}
		return a.consent(ctx, in.ID)
	})
	add(a, place{"withdraw-consent", http.MethodDelete, "/users/{id}/consent", tag, "Take the consent back, until a conversion has used it", OwnAccount, http.StatusNoContent}, func(ctx context.Context, in *byID) (*empty, error) {
		return nil, a.says(ctx, in.ID, directory.Disagree)
	})
	keep(a, nouns[directory.Consent]{path: "/consents", tag: tag, view: ViewPeople})
}

// themselves refuses what nobody says for somebody else, not even with an administrator
// token.
func themselves(ctx context.Context, id string) error {
	if callerOf(ctx).actor.User == id {
		return nil
	}
	return &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: permissionDenied, Detail: "Only the person themselves can say this; they sign in and send it with their own token."}
}

// says carries out what a person says of themselves.
func (a *API) says(ctx context.Context, id string, change func(rt *scim.ResourceType, id string) directory.SetState) error {
	if err := themselves(ctx, id); err != nil {
		return err
	}
	req := request(ctx, change(a.typed(ctx, "User"), id))
	req.Actor = directory.Actor{Kind: directory.BySelf, User: id, Credential: req.Actor.Credential}
	_, err := a.submit(ctx, req)
	return err
}

// consent reads the consent of a person.
func (a *API) consent(ctx context.Context, id string) (out *single[directory.Consent], err error) {
	err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		v, err := directory.Load[directory.Consent](ctx, r, org, id)
		out = one(v, v.Version)
		return err
	})
	return out, err
}
