package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Prefix is the path under which the admin API answers.
const Prefix = "/api/v1"

// Resolver looks up TXT records; net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Ports are what the admin API works on.
type Ports struct {
	Service  *directory.Service
	Registry directory.Registry
	Trail    directory.Trail
	Authn    auth.Authenticator
	Resolver Resolver
	Version  string
	Logger   *slog.Logger
}

// API is the admin API over HTTP: JSON, problems of RFC 9457, an OpenAPI 3.1
// document at /api/v1/openapi.json.
type API struct {
	Ports
	huma    huma.API
	mux     *http.ServeMux
	denials denials
}

// NewAPI makes the admin API.
func NewAPI(p Ports) *API {
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	useProblems()
	a := &API{Ports: p, mux: http.NewServeMux()}
	c := huma.DefaultConfig("Usher", p.Version)
	c.Info.Description = "People, licences, domains, applications, integrations and what goes with a departure."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "/openapi", "", "", nil
	c.FieldsOptionalByDefault = true
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	c.Formats = map[string]huma.Format{"application/json": strict, "json": strict}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", Description: "An administrator token, or an access token of an issuer whose subject is a member with a role; for /audit also the token of a provisioning client with the scope audit.own."}}
	a.huma = humago.NewWithPrefix(a.mux, Prefix, c)
	a.huma.UseMiddleware(a.authenticate, a.asked)
	a.people()
	a.departures()
	a.transfers()
	a.freezes()
	a.approvals()
	a.plans()
	a.groups()
	a.licences()
	a.domains()
	a.estate()
	a.commerce()
	a.credentials()
	a.passwords()
	a.organization()
	a.trail()
	return a
}

// unmarshal reads a body in which no member is named twice: two readers of such a
// body might take different ones (K44).
func unmarshal(data []byte, v any) error {
	if !jsontext.Value(data).IsValid() {
		if json.Valid(data) {
			return errors.New("a member of an object is named twice, or a text is not UTF-8")
		}
		return errors.New("the body is not JSON")
	}
	return json.Unmarshal(data, v)
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	id := uuid.NewString()
	h.Set("X-Request-Id", id)
	r = r.WithContext(context.WithValue(context.WithValue(r.Context(), requestKey{}, id), acceptKey{}, r.Header.Get("Accept-Language")))
	defer func() {
		if p := recover(); p != nil {
			a.Logger.Error("panic", "request_id", id, "panic", p)
			writeProblem(w, problemOf(errors.New("panic"), id))
		}
	}()
	if strings.ContainsFunc(r.URL.Path, unicode.IsControl) || strings.Count(r.URL.Path, "/") != strings.Count(r.URL.EscapedPath(), "/") {
		writeProblem(w, problemOf(badRequest("The path of the address holds an encoded slash or control character, which no id has."), id))
		return
	}
	if _, pattern := a.mux.Handler(r); pattern == "" {
		a.missing(w, r, id)
		return
	}
	a.once(w, r)
}

// missing answers for places and methods that there are not.
func (a *API) missing(w http.ResponseWriter, r *http.Request, id string) {
	p := &Problem{Status: http.StatusNotFound, Detail: "There is no such endpoint; " + Prefix + "/openapi.json lists them all.", RequestID: id}
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		try := r.Clone(r.Context())
		try.Method = method
		if _, pattern := a.mux.Handler(try); pattern != "" && strings.HasPrefix(pattern, method+" ") {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		p.Status, p.Detail = http.StatusMethodNotAllowed, "This endpoint does not have that method; it has "+strings.Join(allowed, ", ")+"."
		w.Header().Set("Allow", strings.Join(allowed, ", "))
	}
	p.Title = http.StatusText(p.Status)
	writeProblem(w, p)
}

type (
	requestKey struct{}
	callerKey  struct{}
	acceptKey  struct{}
)

// language is the one that the caller is told refusals in.
func (a *API) language(ctx context.Context) directory.Language {
	accept, _ := ctx.Value(acceptKey{}).(string)
	l := directory.English
	_ = a.read(ctx, func(r directory.Reader, org directory.OrgID) (err error) {
		l, err = directory.LanguageOf(ctx, r, org, accept)
		return err // then it is English
	})
	return l
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// caller is who asks.
type caller struct {
	org   directory.OrgID
	actor directory.Actor
	role  Who
	conn  directory.Connection
	since time.Time // when a member signed in
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// authenticate finds out who asks, and whether they may do this at all (3.6).
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	need, _ := ctx.Operation().Metadata["action"].(Action)
	if need == Public {
		next(ctx)
		return
	}
	r, w := humago.Unwrap(ctx)
	c, err := a.caller(r)
	if err == nil && !Allowed(need, c.role) {
		err = forbidden(need, c.role)
	}
	if err == nil && c.actor.User != "" && slices.Contains(fresh, need) && time.Since(c.since) > freshFor {
		err = signInAgain()
	}
	if err != nil {
		p := problemOf(err, requestID(r.Context()))
		if p.Code == permissionDenied {
			a.denied(context.WithoutCancel(r.Context()), c, ctx.Operation().OperationID)
		}
		writeProblem(w, p)
		return
	}
	next(huma.WithValue(ctx, callerKey{}, c))
}

// caller is the member or administrator token behind a request. A provisioning
// client has no business here but its own events, if it has the scope for them (K17).
func (a *API) caller(r *http.Request) (caller, error) {
	p, err := a.Authn.Authenticate(r)
	if err != nil {
		return caller{}, err
	}
	c := caller{org: p.Org, actor: p.Actor(), conn: p.Connection}
	switch {
	case p.Operator || p.Subject == "" && p.Scopes.Admin():
		c.role = AsAdmin
		return c, nil
	case p.Subject == "" && p.Scopes.OwnAudit():
		c.role = AsClient
		return c, nil
	case p.Subject == "":
		return c, notForClients()
	}
	return c, a.member(r.Context(), &c, p)
}

// member makes the caller a person of the organization, who must be allowed in. Only a
// machine has what its token does not state and its connection has. An administrator's
// token that states so needs no person, but is nobody's who left (K59).
func (a *API) member(ctx context.Context, c *caller, p auth.Principal) error {
	return a.Service.Read(ctx, func(r directory.Reader) error {
		person, err := p.Resolve(ctx, r)
		if err == nil {
			err = directory.Admit(ctx, r, person, p.Issued)
		}
		nobody := errors.Is(err, directory.ErrNotFound) && !errors.Is(err, directory.ErrAmbiguous)
		switch {
		case p.Scopes.Admin() && (err == nil && !p.Inherited || nobody):
			c.role = AsAdmin
			return nil
		case p.Scopes.OwnAudit() && nobody:
			c.role = AsClient
			return nil
		case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrNotAdmitted):
			return auth.Invalid(err)
		case err != nil:
			return err
		}
		standing, err := directory.LoadOr[directory.Standing](ctx, r, p.Org, person.ID)
		if err != nil {
			return err
		}
		c.actor.Kind, c.actor.User, c.actor.Role, c.actor.Rank = directory.ByMember, person.ID, standing.Role, standing.Height()
		c.actor.Subject = "" // the id says it, and the subject may be an address
		c.role, c.since = roleOf(standing.Role), p.SignedIn
		return nil
	})
}

// request is a change that the caller asks for.
func request(ctx context.Context, change directory.Change) directory.Request {
	c := callerOf(ctx)
	return directory.Request{Org: c.org, Actor: c.actor, RequestID: requestID(ctx), Change: change}
}

// do carries a change out, as submit does.
func (a *API) do(ctx context.Context, change directory.Change, ifMatch string) (*directory.Plan, error) {
	req := request(ctx, change)
	if ifMatch != "" {
		v, err := versions(ifMatch)
		if err != nil {
			return nil, err
		}
		req.If = v
	}
	return a.submit(ctx, req)
}

// command carries out a change of nouns.
func (a *API) command(ctx context.Context, action string, plan func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error)) (*directory.Plan, error) {
	return a.do(ctx, directory.Command{Action: action, Plan: plan}, "")
}

// read calls fn with a snapshot.
func (a *API) read(ctx context.Context, fn func(r directory.Reader, org directory.OrgID) error) error {
	return a.Service.Read(ctx, func(r directory.Reader) error { return fn(r, callerOf(ctx).org) })
}

// people is the resource type of users, groups that of groups.
func typeNamed(r directory.Reader, name string) *scim.ResourceType {
	rt, err := r.Type(name)
	if err != nil {
		return nil // both are built in
	}
	return rt
}

func (a *API) typed(ctx context.Context, name string) (rt *scim.ResourceType) {
	_ = a.Service.Read(ctx, func(r directory.Reader) error { rt = typeNamed(r, name); return nil })
	return rt
}

func now() time.Time { return scim.Now(time.Now) }
