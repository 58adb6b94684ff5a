package admin

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Invited is an invitation just sent. The token is shown this once: it goes to the
// person, and whoever has it joins in their name.
type Invited struct {
	Decision
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
func (a *API) invitations() {
	const tag = "Invitations"
	add(a, place{"invite-person", http.MethodPost, "/users/{id}/invite", tag, "Send an invitation, or another one", AddPeople, 0}, func(ctx context.Context, in *VerbInput) (*secret[Invited], error) {
		out, v, err := a.invite(ctx, in.ID, in.IfMatch)
		return &secret[Invited]{v.ETag(), "token", out}, err
	})
	add(a, place{"invite-people", http.MethodPost, "/users/invite", tag, "Send invitations to many", AddPeople, 0}, func(ctx context.Context, in *manyInput) (*secret[manyOut], error) {
		out := &secret[manyOut]{Shown: "token"}
		for _, id := range distinct(in.Body.IDs) {
			one, _, err := a.invite(ctx, id, "")
			if err != nil {
				if one.Decision, err = a.decisionOn(ctx, nil, err); err != nil {
					return nil, err
				}
			}
			out.Body.Items = append(out.Body.Items, manyInvited{id, one})
		}
		return out, nil
	})
	keep(a, nouns[directory.Invitation]{path: "/invitations", tag: tag, view: ViewPeople})
	add(a, place{"accept-invitation", http.MethodPost, "/invitations/accept", tag, "Join with the token of an invitation", Public, 0}, a.accept)
}

func (a *API) invite(ctx context.Context, id, ifMatch string) (Invited, scim.Version, error) {
	token := "usher_inv_" + rand.Text()
	p, err := a.do(ctx, directory.Invite(a.typed(ctx, "User"), id, directory.SecretHash(token)), ifMatch)
	if err != nil {
		return Invited{}, 0, err
	}
	return Invited{decisionOf(p, true, a.language(ctx)), token}, p.After.Version, nil
}

// accept joins. The token is the proof, so there is no other credential.
func (a *API) accept(ctx context.Context, in *acceptInput) (*decided, error) {
	hash := directory.SecretHash(in.Body.Token)
	org, user := in.Body.Organization, ""
	var rt *scim.ResourceType
	err := a.Service.Read(ctx, func(r directory.Reader) error {
		rt = typeNamed(r, "User")
		for i, err := range directory.Each[directory.Invitation](ctx, r, directory.DocumentQuery{Org: org, Key: "hash:" + hash, Limit: 1}) {
			user = i.ID
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if user == "" {
		return nil, &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: string(directory.RuleInvitation), Detail: "The invitation is not valid any more; ask who invited you for a new one."}
	}
	p, err := a.Service.Execute(ctx, directory.Request{Org: org, RequestID: requestID(ctx), Change: directory.Join(rt, user, hash, in.Body.Email),
		Actor: directory.Actor{Kind: directory.BySelf, User: user}})
	if err != nil {
		return nil, err
	}
	return one(decisionOf(p, true, a.language(ctx)), p.After.Version), nil
}
