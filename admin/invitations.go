package admin

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
)

// Invited is an invitation just sent. The token is shown this once: it goes to the
// person, and whoever has it joins in their name.
type Invited struct {
	operation.Decision
	Token string `json:"token,omitempty"`
}

type manyInvited struct {
	ID string `json:"id"`
	Invited
}

type manyOut struct {
	Items []manyInvited `json:"items"`
}

type acceptInput struct {
	Body struct {
		Token        string          `json:"token" required:"true"`
		Organization directory.OrgID `json:"organization" required:"true"`
		Email        string          `json:"email,omitempty" doc:"Address of the account that joins; the invited one when it is absent."`
	}
}

// invitations registers what concerns joining (T2, T3).
func (a handlers) invitations() {
	const tag = "Invitations"
	operation.Add(a.API, operation.Place{ID: "invite-person", Method: http.MethodPost, Path: "/users/{id}/invite", Tag: tag, Summary: "Send an invitation, or another one", Action: permission.AddPeople}, func(ctx context.Context, in *operation.VerbInput) (*operation.Secret[Invited], error) {
		out, v, err := a.invite(ctx, in.ID, in.IfMatch)
		return &operation.Secret[Invited]{ETag: v.ETag(), Shown: "token", Body: out}, err
	})
	operation.Add(a.API, operation.Place{ID: "invite-people", Method: http.MethodPost, Path: "/users/invite", Tag: tag, Summary: "Send invitations to many", Action: permission.AddPeople}, func(ctx context.Context, in *manyInput) (*operation.Secret[manyOut], error) {
		out := &operation.Secret[manyOut]{Shown: "token"}
		ctx = a.InTurn(ctx)
		for _, id := range distinct(in.Body.IDs) {
			one, _, err := a.invite(ctx, id, "")
			if err != nil {
				if one.Decision, err = a.DecisionOn(ctx, nil, err); err != nil {
					return nil, err
				}
			}
			out.Body.Items = append(out.Body.Items, manyInvited{id, one})
		}
		return out, nil
	})
	operation.Keep(a.API, operation.Nouns[estate.Invitation]{Path: "/invitations", Tag: tag, View: permission.ViewPeople})
	operation.Add(a.API, operation.Place{ID: "accept-invitation", Method: http.MethodPost, Path: "/invitations/accept", Tag: tag, Summary: "Join with the token of an invitation", Action: permission.Public}, a.accept)
}

func (a handlers) invite(ctx context.Context, id, ifMatch string) (Invited, scim.Version, error) {
	token := "usher_inv_" + rand.Text()
	p, err := a.Do(ctx, lifecycle.Invite(a.Typed(ctx, "User"), id, directory.SecretHash(token)), ifMatch)
	if err != nil {
		return Invited{}, 0, err
	}
	return Invited{operation.DecisionOf(p, true, a.Language(ctx)), token}, p.After.Version, nil
}

// accept joins. The token is the proof, so there is no other credential.
func (a handlers) accept(ctx context.Context, in *acceptInput) (*operation.Decided, error) {
	hash := directory.SecretHash(in.Body.Token)
	org, user := in.Body.Organization, ""
	var rt *scim.ResourceType
	err := a.Service.Read(ctx, func(r directory.Reader) error {
		rt = operation.TypeNamed(r, "User")
		for i, err := range directory.Each[estate.Invitation](ctx, r, directory.DocumentQuery{Org: org, Key: "hash:" + hash, Limit: 1}) {
			user = i.ID
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if user == "" {
		return nil, &operation.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: string(lifecycle.RuleInvitation), Detail: "The invitation is not valid any more; ask who invited you for a new one."}
	}
	p, err := a.Service.Execute(ctx, directory.Request{Org: org, RequestID: operation.RequestID(ctx), Change: lifecycle.Join(rt, user, hash, in.Body.Email),
		Actor: directory.Actor{Kind: directory.BySelf, User: user}})
	if err != nil {
		return nil, err
	}
	return operation.One(operation.DecisionOf(p, true, a.Language(ctx)), p.After.Version), nil
}
