package server

import (
	"errors"
	"net/http"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/lifecycle"
)

// admitted finds the person behind an access token. Who may not be in any more is
// refused, whatever the token says of its life (K23, K31, K59). A person has those
// scopes that the token states, and may else do what /Me lets everybody do; one who is
// nobody here, and never was anybody, has what the token gives.
func (x *exchange) admitted() error {
	if x.principal.Subject == "" {
		return nil
	}
	err := x.s.dir.Read(x.ctx, func(r directory.Reader) error {
		person, err := x.principal.Resolve(x.ctx, r)
		if err == nil {
			x.principal.Person = person.ID
			err = lifecycle.Admit(x.ctx, r, person, x.principal.Issued)
		}
		return err
	})
	switch {
	case errors.Is(err, directory.ErrNotAdmitted), errors.Is(err, directory.ErrAmbiguous):
		return auth.Invalid(err)
	case errors.Is(err, directory.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	x.principal.Unmarked = false // it is a person's
	if x.principal.Inherited {
		x.principal.Scopes = auth.Scopes{}
	}
	return nil
}

// me answers /Me (RFC 7644 section 3.11): the user whose externalId, or else
// userName, is the subject of the caller's access token. It takes no scope; what
// people may change of themselves is a rule of the directory.
func (x *exchange) me() error {
	rt, ok := x.s.reg.Type("User")
	if !ok {
		return directory.ErrNotFound
	}
	switch {
	case x.principal.Subject == "":
		return &httpError{status: http.StatusNotFound, detail: "A provisioning token belongs to no person; /Me needs an access token of an OpenID Connect issuer."}
	case x.principal.Lacks != "":
		return &httpError{status: http.StatusNotFound, detail: "This access token is without the claim " + x.principal.Lacks + ", by which people are known here; /Me needs one that has it."}
	case x.principal.Person == "":
		return &httpError{status: http.StatusNotFound, detail: "No user has the subject of this access token as externalId or userName."}
	}
	x.self = x.principal.Person
	x.route, x.id = x.s.routes.types[rt].one, x.self
	x.w.Header()["Content-Location"] = []string{x.s.opts.BaseURL + rt.Endpoint + "/" + x.self}
	return x.route.method(x.r.Method).serve(x)
}
