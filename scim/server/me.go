package server

import (
	"errors"
	"net/http"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

// admitted refuses a person who may not be in any more, whatever the access token
// says of its life (K23). A subject that is no person here is a machine's.
func (x *exchange) admitted() error {
	if x.principal.Subject == "" {
		return nil
	}
	err := x.s.dir.Read(x.ctx, func(r directory.Reader) error {
		person, err := directory.Subject(x.ctx, r, x.principal.Org, x.principal.Subject)
		if err == nil {
			x.principal.Person = person.ID
			err = directory.Admit(x.ctx, r, person, x.principal.Issued)
		}
		return err
	})
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return nil
	case errors.Is(err, directory.ErrNotAdmitted):
		return auth.Invalid(err)
	}
	return err
}

// me answers /Me (RFC 7644 section 3.11): the user whose externalId, or else
// userName, is the subject of the caller's access token.
func (x *exchange) me() error {
	rt, ok := x.s.reg.Type("User")
	if !ok {
		return directory.ErrNotFound
	}
	if x.principal.Subject == "" {
		return &httpError{status: http.StatusNotFound, detail: "A provisioning token belongs to no person; /Me needs an access token of an OpenID Connect issuer."}
	}
	id := ""
	err := x.s.dir.Read(x.ctx, func(r directory.Reader) error {
		person, err := directory.Subject(x.ctx, r, x.principal.Org, x.principal.Subject)
		if err == nil {
			id, err = person.ID, directory.Admit(x.ctx, r, person, x.principal.Issued)
		}
		return err
	})
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return &httpError{status: http.StatusNotFound, detail: "No user has the subject of this access token as externalId or userName."}
	case errors.Is(err, directory.ErrNotAdmitted):
		return auth.Invalid(err) // at once, whatever the token says of its life (K31, K59)
	case err != nil:
		return err
	}
	x.self = id
	x.route, x.id = x.s.routes.types[rt].one, id
	x.w.Header()["Content-Location"] = []string{x.s.opts.BaseURL + rt.Endpoint + "/" + id}
	return x.route.method(x.r.Method).serve(x)
}
