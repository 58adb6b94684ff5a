// Package operation is what the operations of the admin API are made with: an API
// takes them by Add, or by Keep for all that is done to one kind of document. It finds
// out who asks and whether the permissions table lets them, carries changes out or only
// previews them, does a repeated request once, and turns errors into problems of
// RFC 9457. It shows people and decisions, which operations of many kinds answer with,
// and knows no operation itself.
package operation

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

// Prefix is the path under which the admin API answers.
const Prefix = "/api/v1"

// Ports are what every operation works on.
type Ports struct {
	Service *directory.Service
	Authn   auth.Authenticator
	Version string
	Logger  *slog.Logger
}

// API is the admin API over HTTP: JSON, problems of RFC 9457, an OpenAPI 3.1
// document at /api/v1/openapi.json. It has the operations that were added.
type API struct {
	Ports
	huma    huma.API
	mux     *http.ServeMux
	places  map[string]Place // by their patterns in mux
	denials denials
}

// New makes the admin API, without an operation.
func New(p Ports) *API {
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	useProblems()
	a := &API{Ports: p, mux: http.NewServeMux(), places: map[string]Place{}}
	c := huma.DefaultConfig("Usher", p.Version)
	c.Info.Description = "People, licences, domains, applications, integrations and what goes with a departure."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "/openapi", "", "", nil
	c.FieldsOptionalByDefault = true
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	c.Formats = map[string]huma.Format{"application/json": strict, "json": strict}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", Description: "An administrator token, or an access token of an issuer whose subject is a member with a role; for /audit also the token of a provisioning client with the scope audit.own."}}
	a.huma = humago.NewWithPrefix(a.mux, Prefix, c)
	a.huma.UseMiddleware(a.authenticate, a.asked)
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
	x := &record{ResponseWriter: w, began: time.Now()}
	w = x
	r = r.WithContext(context.WithValue(context.WithValue(context.WithValue(r.Context(), requestKey{}, id), acceptKey{}, r.Header.Get("Accept-Language")), recordKey{}, x))
	defer func() { a.log(r, x) }()
	defer func() {
		if p := recover(); p != nil {
			a.Logger.Error("panic", "request_id", id, "panic", p)
			writeProblem(w, ProblemOf(errors.New("panic"), id))
		}
	}()
	if strings.ContainsFunc(r.URL.Path, unicode.IsControl) || strings.Count(r.URL.Path, "/") != strings.Count(r.URL.EscapedPath(), "/") {
		writeProblem(w, ProblemOf(BadRequest("The path of the address holds an encoded slash or control character, which no id has."), id))
		return
	}
	if _, x.route = a.mux.Handler(r); x.route == "" {
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
