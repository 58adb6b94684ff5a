// Package credential has the operations on what people sign in with: sessions and tokens
// that other systems give them, and passwords.
package credential

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

type (
	newCredential struct {
		ID   string `path:"id"`
		Body struct {
			Kind    string `json:"kind" required:"true" enum:"session,access,refresh,apiKey,reset"`
			Minutes int    `json:"minutes,omitempty" minimum:"1" maximum:"5256000" doc:"After which it expires; absent: never."`
			Client  string `json:"client,omitempty" maxLength:"128" doc:"The application it is for."`
			Scope   string `json:"scope,omitempty" maxLength:"1024"`
			Secret  string `json:"secret,omitempty" minLength:"32" maxLength:"512" doc:"A secret of your own making, kept as its SHA-256; absent: one is made."`
		}
	}
	credentialMade struct {
		estate.Credential
		Secret string `json:"secret,omitempty" doc:"Shown this once."`
	}
	credentialList struct {
		ID string `path:"id"`
		operation.Page
	}
	introspectInput struct {
		RawBody []byte `contentType:"application/x-www-form-urlencoded"`
	}
	// introspection is the answer of RFC 7662 section 2.2.
	introspection struct {
		Active    bool   `json:"active"`
		Scope     string `json:"scope,omitempty"`
		ClientID  string `json:"client_id,omitempty"`
		Username  string `json:"username,omitempty"`
		TokenType string `json:"token_type,omitempty"`
		Exp       int64  `json:"exp,omitempty"`
		Iat       int64  `json:"iat,omitempty"`
		Sub       string `json:"sub,omitempty"`
		Iss       string `json:"iss,omitempty"`
	}
)

// handlers are the operations of this package.
type handlers struct{ *operation.API }

// Register adds the operations of this package.
func Register(a *operation.API) {
	h := handlers{a}
	h.credentials()
	h.passwords()
}

// credentials registers sessions and tokens that other systems give to people.
func (a handlers) credentials() {
	const tag = "Credentials"
	operation.Add(a.API, operation.Place{ID: "register-credential", Method: http.MethodPost, Path: "/users/{id}/credentials", Tag: tag, Summary: "Register a session or token", Action: permission.GiveSessions, Status: http.StatusCreated}, a.register)
	operation.Add(a.API, operation.Place{ID: "list-credentials", Method: http.MethodGet, Path: "/users/{id}/credentials", Tag: tag, Summary: "List a person's sessions and tokens", Action: permission.ViewPeople}, func(ctx context.Context, in *credentialList) (out *operation.List[estate.Credential], err error) {
		err = a.Person(ctx, in.ID, func(r directory.Reader, p *scim.Resource) error {
			if err := operation.Confirmed(p); err != nil {
				return err
			}
			after, err := operation.DecodeCursor("credential", in.After)
			if err != nil {
				return err
			}
			all, err := directory.All[estate.Credential](ctx, r, directory.DocumentQuery{Org: operation.CallerOf(ctx).Org, Key: "user:" + in.ID, After: after, Limit: in.Limit + 1})
			out = operation.PageOf("credential", all, in.Limit, func(c estate.Credential) string { return c.ID })
			return err
		})
		return out, err
	})
	operation.Add(a.API, operation.Place{ID: "revoke-credential", Method: http.MethodDelete, Path: "/credentials/{id}", Tag: tag, Summary: "End a session or token", Action: permission.Sessions, Status: http.StatusNoContent}, func(ctx context.Context, in *operation.ByID) (*operation.Empty, error) {
		_, err := a.Command(ctx, "token.revoke", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			c, err := directory.Load[estate.Credential](ctx, r, d.Org, in.ID)
			if err != nil || !c.Revoked.IsZero() {
				return nil, err
			}
			c.Revoked, d.Subject = d.Now, c.User
			return nil, directory.Save(d, d.Org, &c)
		})
		return nil, err
	})
	operation.Add(a.API, operation.Place{ID: "introspect", Method: http.MethodPost, Path: "/introspect", Tag: tag, Summary: "Ask whether a token is alive (RFC 7662)", Action: permission.Introspect}, a.introspect)
}

func (a handlers) register(ctx context.Context, in *newCredential) (*operation.Secret[credentialMade], error) {
	plain := in.Body.Secret
	if plain == "" {
		plain = "usher_cred_" + rand.Text() + rand.Text()
	}
	c := estate.Credential{User: in.ID, Sort: in.Body.Kind, Client: in.Body.Client, Scope: in.Body.Scope}
	_, err := a.Command(ctx, "token.register", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: in.ID})
		if err != nil {
			return nil, err
		}
		issued, err := lifecycle.Issue(ctx, r, p, d.Now)
		if errors.Is(err, directory.ErrNotAdmitted) {
			return []directory.Finding{directory.Refused("credential.not_admitted", directory.State, "This person may not sign in now, so no session or token can be given; activate them first.")}, nil
		}
		if err != nil {
			return nil, err
		}
		if d.Actor.User != "" { // an administrator token stands for the page where the person signed in
			if found, err := policy.MayHandKey(ctx, r, d, p); err != nil || found != nil {
				return found, err
			}
		}
		c.Head = directory.Head{ID: directory.SecretHash(plain)}
		if _, err := directory.Load[estate.Credential](ctx, r, d.Org, c.ID); !errors.Is(err, directory.ErrNotFound) {
			if err == nil {
				err = directory.ErrExists
			}
			return nil, err
		}
		c.Issued, d.Subject = issued, in.ID
		if in.Body.Minutes > 0 {
			c.Expires = d.Now.Add(time.Duration(in.Body.Minutes) * time.Minute)
		}
		return nil, directory.Save(d, d.Org, &c)
	})
	if in.Body.Secret != "" {
		plain = ""
	}
	return &operation.Secret[credentialMade]{ETag: c.Version.ETag(), Shown: "secret", Body: credentialMade{c, plain}}, err
}

// introspect tells whether a credential is alive: one that was registered here, or
// an access token of an issuer that is bound to the caller's organization. It is
// asked of the directory each time, so that a deactivation acts on the next
// request (S1-10, K59).
func (a handlers) introspect(ctx context.Context, in *introspectInput) (*operation.Single[introspection], error) {
	form, err := url.ParseQuery(string(in.RawBody))
	if err != nil || form.Get("token") == "" {
		return nil, operation.BadRequest("Send the token as a form: token=….")
	}
	token := form.Get("token")
	var out introspection
	if auth.JWTShaped(token) {
		out, err = a.introspectJWT(ctx, token)
	} else {
		out, err = a.introspectOwn(ctx, token)
	}
	return &operation.Single[introspection]{Body: out}, err
}

func (a handlers) introspectOwn(ctx context.Context, token string) (out introspection, err error) {
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		c, err := directory.Load[estate.Credential](ctx, r, org, directory.SecretHash(token))
		if errors.Is(err, directory.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !c.Revoked.IsZero() || !c.Expires.IsZero() && !scim.Now(time.Now).Before(c.Expires) {
			return nil
		}
		p, err := r.Get(ctx, directory.Ref{Org: org, Type: operation.TypeNamed(r, "User"), ID: c.User})
		if err == nil {
			err = lifecycle.Admit(ctx, r, p, c.Issued)
		}
		if errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrNotAdmitted) {
			return nil
		}
		if err != nil {
			return err
		}
		out = introspection{Active: true, Scope: c.Scope, ClientID: c.Client, Username: p.Text(schemas.User.UserName), TokenType: c.Sort, Iat: c.Issued.Unix(), Sub: p.ID}
		if !c.Expires.IsZero() {
			out.Exp = c.Expires.Unix()
		}
		return nil
	})
	return out, err
}

func (a handlers) introspectJWT(ctx context.Context, token string) (out introspection, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if err != nil {
		return out, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	p, err := a.Authn.Authenticate(r)
	var denied *auth.Error
	if errors.As(err, &denied) && denied.Status != http.StatusServiceUnavailable || err == nil && p.Org != operation.CallerOf(ctx).Org {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	err = a.Read(ctx, func(rd directory.Reader, _ directory.OrgID) error {
		person, err := p.Resolve(ctx, rd)
		if err == nil {
			err = lifecycle.Admit(ctx, rd, person, p.Issued)
		}
		if errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrNotAdmitted) {
			return nil
		}
		if err == nil {
			out = introspection{Active: true, Username: person.Text(schemas.User.UserName), TokenType: "access", Sub: person.ID, Iss: p.Issuer}
			if !p.Issued.IsZero() {
				out.Iat = p.Issued.Unix()
			}
		}
		return err
	})
	return out, err
}
