package operation

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
)

type (
	requestKey struct{}
	callerKey  struct{}
	acceptKey  struct{}
)

// Language is the one that the caller is told refusals in.
func (a *API) Language(ctx context.Context) directory.Language {
	accept, _ := ctx.Value(acceptKey{}).(string)
	l := directory.English
	_ = a.Read(ctx, func(r directory.Reader, org directory.OrgID) (err error) {
		l, err = estate.LanguageOf(ctx, r, org, accept)
		return err // then it is English
	})
	return l
}

// RequestID is the id that the request was given; "" where there is no request.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// Caller is who asks.
type Caller struct {
	Org        directory.OrgID
	Actor      directory.Actor
	Role       permission.Who
	Connection directory.Connection
	since      time.Time // when a member signed in
}

// CallerOf is who asks; nobody in operations that are for everybody.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// authenticate finds out who asks, and whether they may do this at all (3.6).
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	need, _ := ctx.Operation().Metadata["action"].(permission.Action)
	if need == permission.Public {
		next(ctx)
		return
	}
	r, w := humago.Unwrap(ctx)
	c, err := a.allowed(r, need)
	x := recordOf(r.Context())
	x.caller = c
	if x.cause = err; err != nil {
		p := ProblemOf(err, RequestID(r.Context()))
		if p.Code == PermissionDenied {
			a.denied(context.WithoutCancel(r.Context()), c, ctx.Operation().OperationID)
		}
		writeProblem(w, p)
		return
	}
	next(huma.WithValue(ctx, callerKey{}, c))
}

// allowed finds out who asks, and refuses who may not do this at all (3.6).
func (a *API) allowed(r *http.Request, need permission.Action) (Caller, error) {
	c, err := a.caller(r)
	switch {
	case err != nil:
		return c, err
	case !permission.Allowed(need, c.Role):
		return c, Forbidden(need, c.Role)
	case c.Actor.User != "" && permission.Fresh(need) && time.Since(c.since) > freshFor:
		return c, signInAgain()
	}
	return c, nil
}

// caller is the member or administrator token behind a request. A provisioning
// client has no business here but its own events, if it has the scope for them (K17).
func (a *API) caller(r *http.Request) (Caller, error) {
	p, err := a.Authn.Authenticate(r)
	if err != nil {
		return Caller{}, err
	}
	c := Caller{Org: p.Org, Actor: p.Actor(), Connection: p.Connection}
	switch {
	case p.Operator || p.Subject == "" && p.Scopes.Admin():
		c.Role = permission.AsAdmin
		return c, nil
	case p.Subject == "" && p.Scopes.OwnAudit():
		c.Role = permission.AsClient
		return c, nil
	case p.Subject == "":
		return c, notForClients()
	}
	return c, a.member(r.Context(), &c, p)
}

// member makes the caller a person of the organization, who must be allowed in. Only a
// machine has what its token does not state and its connection has. An administrator's
// token that states so needs no person, but is nobody's who left (K59).
func (a *API) member(ctx context.Context, c *Caller, p auth.Principal) error {
	return a.Service.Read(ctx, func(r directory.Reader) error {
		person, err := p.Resolve(ctx, r)
		if err == nil {
			err = lifecycle.Admit(ctx, r, person, p.Issued)
		}
		nobody := errors.Is(err, directory.ErrNotFound) && !errors.Is(err, directory.ErrAmbiguous)
		switch {
		case p.Scopes.Admin() && (err == nil && !p.Inherited || nobody):
			c.Role = permission.AsAdmin
			return nil
		case p.Scopes.OwnAudit() && nobody:
			c.Role = permission.AsClient
			return nil
		case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrNotAdmitted):
			return auth.Invalid(err)
		case err != nil:
			return err
		}
		standing, err := directory.LoadOr[estate.Standing](ctx, r, p.Org, person.ID)
		if err != nil {
			return err
		}
		c.Actor.Kind, c.Actor.User, c.Actor.Role, c.Actor.Rank = directory.ByMember, person.ID, standing.Role, standing.Height()
		c.Actor.Subject = "" // the id says it, and the subject may be an address
		c.Role, c.since = permission.RoleOf(standing.Role), p.SignedIn
		return nil
	})
}
