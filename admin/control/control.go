// Package control is the control API for the operator's own commands: JSON over the
// socket in the data folder, errors as problem documents (RFC 9457). Behind it are also
// SCIM and the admin API with the operator's rights.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/usher-scim/usher/admin/inventory"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
)

// Services are what the API works on.
type Services struct {
	Registry directory.Registry
	Service  *directory.Service
	Tokens   *token.Manager
	URL      string // public, without path
	Backup   func(ctx context.Context, path string) error
	// SCIM is the protocol with the operator's rights in the organization that
	// OrganizationHeader names; import and export go through it.
	SCIM http.Handler
	// API is the admin API with the operator's rights, in the same way.
	API http.Handler
	// Rehearse makes SCIM and the admin API anew, as above, on a directory of its own that
	// only rehearses changes.
	Rehearse func() http.Handler
	// Changed is called after a connection changed.
	Changed func()
	// Used writes down when tokens were last used, as far as it is not yet.
	Used func(ctx context.Context) error
}

// OrganizationHeader names the organization of a SCIM request on the socket.
const OrganizationHeader = "Usher-Organization"

// ConnectionHeader names, in a SCIM request on the socket, the connection whose
// externalIds are meant.
const ConnectionHeader = "Usher-Connection"

// Operator is the connection that changes made through this API are put down to.
const Operator directory.ConnectionID = "operator"

// Handler serves the API.
func Handler(s Services) http.Handler {
	a := api{s}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /url", handle(func(*http.Request) (any, error) { return a.URL, nil }))
	mux.HandleFunc("GET /organizations", handle(a.organizations))
	mux.HandleFunc("POST /organizations", handle(a.addOrganization))
	mux.HandleFunc("GET /connections", handle(a.connections))
	mux.HandleFunc("PUT /connections/{id}", handle(a.putConnection))
	mux.HandleFunc("GET /tokens", handle(a.tokens))
	mux.HandleFunc("POST /tokens", handle(a.createToken))
	mux.HandleFunc("POST /tokens/{id}/rotate", handle(a.rotateToken))
	mux.HandleFunc("DELETE /tokens/{id}", handle(a.revokeToken))
	mux.HandleFunc("POST /backup", handle(a.backup))
	mux.Handle("/scim/v2/", s.SCIM)
	mux.Handle(operation.Prefix+"/", s.API)
	tried := &rehearsals{begin: s.Rehearse, open: map[string]*rehearsed{}}
	mux.HandleFunc("POST "+Rehearsals, handle(tried.add))
	mux.HandleFunc("DELETE "+Rehearsals+"/{id}", handle(tried.remove))
	mux.Handle(Rehearsals+"/{id}/", tried)
	mux.HandleFunc("POST /domains/assert", handle(a.assertDomain))
	mux.HandleFunc("PUT /accounts", handle(a.putAccount))
	mux.HandleFunc("PATCH /accounts", handle(a.patchAccount))
	mux.HandleFunc("/", handle(func(*http.Request) (any, error) { return nil, directory.ErrNotFound }))
	return mux
}

type api struct{ Services }

// handle renders the value or the error of one call.
func handle(fn func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := fn(r)
		status := http.StatusOK
		if err != nil {
			p := controlProblem(err)
			status, v = p.Status, p
			w.Header().Set("Content-Type", "application/problem+json")
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v) // a client that has gone away cannot be told
	}
}

// controlProblem is operation.ProblemOf with what the commands of the operator can meet.
func controlProblem(err error) *operation.Problem {
	var limit *token.LimitError
	if errors.As(err, &limit) || errors.Is(err, token.ErrNotLive) || errors.Is(err, token.ErrLifetime) {
		return &operation.Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: err.Error()}
	}
	p := operation.ProblemOf(err, "")
	if p.Status == http.StatusInternalServerError {
		p.Detail = err.Error() // the operator may see it
	}
	return p
}

func read[T any](r *http.Request) (v T, err error) {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, operation.BadRequest("The call is not understood: " + err.Error() + ".")
	}
	return v, nil
}

func (a api) organizations(r *http.Request) (any, error) {
	return a.Registry.Organizations(r.Context())
}

func (a api) addOrganization(r *http.Request) (any, error) {
	o, err := read[directory.Organization](r)
	if err != nil {
		return nil, err
	}
	if !validID(string(o.ID)) {
		return nil, operation.BadRequest("An id has up to 64 lower-case letters, digits and hyphens.")
	}
	o.Created = scim.Now(time.Now)
	return o, a.Registry.AddOrganization(r.Context(), o)
}

func (a api) connections(r *http.Request) (any, error) {
	return a.Registry.Connections(r.Context(), directory.OrgID(r.URL.Query().Get("organization")))
}

func (a api) putConnection(r *http.Request) (any, error) {
	c, err := read[directory.Connection](r)
	if err != nil {
		return nil, err
	}
	c.ID = directory.ConnectionID(r.PathValue("id"))
	if !validID(string(c.ID)) {
		return nil, operation.BadRequest("An id has up to 64 lower-case letters, digits and hyphens.")
	}
	if c.ID == Operator {
		return nil, operation.BadRequest("The id operator stands for this API in the audit log; choose another.")
	}
	if _, err := auth.ParseScopes(c.Scopes); err != nil {
		return nil, operation.BadRequest(err.Error())
	}
	if !slices.Contains([]directory.OnBlocked{"", directory.RefuseBlocked, directory.Contain, directory.Accept}, c.OnBlocked) ||
		!slices.Contains([]directory.OnSeatExhausted{"", directory.RefuseSeat, directory.Waitlist}, c.OnSeatExhausted) || c.RankCeiling < 0 {
		return nil, operation.BadRequest("A refused deactivation leads to refuse, contain or accept; a missing seat to refuse or waitlist; a rank is not negative.")
	}
	if c.RatePerSecond < 0 || c.Burst < 0 {
		return nil, operation.BadRequest("A rate is a number of requests a second, 0 for no limit; neither it nor the burst is negative.")
	}
	if _, err := a.Registry.Organization(r.Context(), c.Org); err != nil {
		return nil, operation.BadRequest("There is no organization " + string(c.Org) + ".")
	}
	if have, err := a.Registry.Connection(r.Context(), c.ID); err == nil {
		if have.Org != c.Org {
			return nil, operation.BadRequest("The connection belongs to another organization; connections cannot move.")
		}
		c.Created = have.Created
	} else {
		c.Created = scim.Now(time.Now)
	}
	err = a.Registry.PutConnection(r.Context(), c)
	a.Changed()
	return c, err
}

func (a api) tokens(r *http.Request) (any, error) {
	if err := a.Used(r.Context()); err != nil {
		return nil, err
	}
	of := directory.ConnectionID(r.URL.Query().Get("connection"))
	if of != "" { // none of a connection that is mistyped would look like none at all
		if _, err := a.Registry.Connection(r.Context(), of); err != nil {
			return nil, err
		}
	}
	return a.Registry.Tokens(r.Context(), of)
}

// NewToken asks for a token.
type NewToken struct {
	Connection directory.ConnectionID `json:"connection"`
	// Admin asks for an administrator token of Org.
	Admin  bool            `json:"admin,omitempty"`
	Org    directory.OrgID `json:"organization,omitempty"`
	Scopes []string        `json:"scopes,omitempty"` // none: all that the connection may
	TTL    string          `json:"ttl,omitempty"`    // such as 8760h; empty: until it is revoked
}

// Secret is a token that was made, with its plain text, which is told this once.
type Secret struct {
	Plain string          `json:"secret"`
	Token directory.Token `json:"token"`
}

func (a api) createToken(r *http.Request) (any, error) {
	req, err := read[NewToken](r)
	if err != nil {
		return nil, err
	}
	if req.Admin {
		if req.Connection, err = AdminConnection(r.Context(), a.Registry, req.Org); err != nil {
			return nil, err
		}
	}
	opts := token.CreateOptions{Scopes: req.Scopes}
	if opts.TTL, err = duration(req.TTL); err != nil {
		return nil, err
	}
	if opts.TTL == 0 && req.TTL != "" { // who asks for none does not want it for ever
		return nil, token.ErrLifetime
	}
	plain, t, err := a.Tokens.Create(r.Context(), req.Connection, opts)
	return Secret{plain, t}, err
}

// AdminConnection is the connection that the administrator tokens of an
// organization belong to; it is made when there is none.
func AdminConnection(ctx context.Context, reg directory.Registry, org directory.OrgID) (directory.ConnectionID, error) {
	id := directory.ConnectionID("admin")
	if org != "default" {
		id = directory.ConnectionID(string(org) + "-admin")
	}
	have, err := reg.Connection(ctx, id)
	if err == nil {
		if have.Org != org || len(have.Scopes) != 1 || have.Scopes[0] != auth.Administer {
			return "", operation.BadRequest("The connection " + string(id) + " is needed for administrator tokens, and another one has that name.")
		}
		return id, nil
	}
	if _, err := reg.Organization(ctx, org); err != nil {
		return "", operation.BadRequest("There is no organization " + string(org) + ".")
	}
	return id, reg.PutConnection(ctx, directory.Connection{ID: id, Org: org, Name: "Administrators", Created: scim.Now(time.Now), Scopes: []string{auth.Administer}})
}

func duration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, operation.BadRequest("A duration looks like 24h or 30m.")
	}
	return d, nil
}

func (a api) rotateToken(r *http.Request) (any, error) {
	overlap, err := duration(r.URL.Query().Get("overlap"))
	if err != nil {
		return nil, err
	}
	if overlap == 0 && r.URL.Query().Has("overlap") {
		overlap = -1 // none at all; the manager takes 0 for its default
	}
	plain, t, err := a.Tokens.Rotate(r.Context(), r.PathValue("id"), overlap)
	return Secret{plain, t}, err
}

func (a api) revokeToken(r *http.Request) (any, error) {
	return struct{}{}, a.Tokens.Revoke(r.Context(), r.PathValue("id"))
}

func (a api) backup(r *http.Request) (any, error) {
	req, err := read[struct {
		Path string `json:"path"`
	}](r)
	if err != nil {
		return nil, err
	}
	if err := a.Backup(r.Context(), req.Path); err != nil {
		return nil, operation.BadRequest(err.Error())
	}
	return struct{}{}, nil
}

func validID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// assertDomain makes a domain an organization's own because the operator says so.
func (a api) assertDomain(r *http.Request) (any, error) {
	req, err := read[struct {
		Org    directory.OrgID `json:"organization"`
		Domain string          `json:"domain"`
	}](r)
	if err != nil {
		return nil, err
	}
	name := directory.DomainOf("x@" + req.Domain)
	if name == "" {
		return nil, operation.BadRequest("This is not a domain; send one such as example.com.")
	}
	if _, err := a.Registry.Organization(r.Context(), req.Org); err != nil {
		return nil, operation.BadRequest("There is no organization " + string(req.Org) + ".")
	}
	actor := directory.Actor{Kind: directory.Operator, Connection: Operator, Rank: directory.OwnerRank}
	var d estate.Domain
	if _, err := a.Service.Execute(r.Context(), directory.Request{Org: req.Org, Actor: actor, Change: directory.Command{Action: "domain.verify", Plan: estate.VerifyDomain(name, "operator", &d)}}); err != nil {
		return nil, err
	}
	return d, inventory.ReclassifyAll(r.Context(), a.Service, req.Org, actor, name)
}
