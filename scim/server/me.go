package server

import (
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

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
	id, err := x.subject(rt)
	if err != nil {
		return err
	}
	x.route, x.id = x.s.routes.types[rt].one, id
	x.w.Header()["Content-Location"] = []string{x.s.opts.BaseURL + rt.Endpoint + "/" + id}
	return x.route.method(x.r.Method).serve(x)
}

func (x *exchange) subject(rt *scim.ResourceType) (id string, err error) {
	for _, attr := range []string{"externalId", "userName"} {
		f, _, err := filter.Compile(attr+" eq "+string(scim.AppendString(nil, x.principal.Subject)), rt, scim.Strict)
		if err != nil {
			return "", err
		}
		err = x.s.dir.Read(x.ctx, func(r directory.Reader) error {
			page, err := r.Find(x.ctx, directory.Query{Org: x.principal.Org, Type: rt, Filter: f, Start: 1, Count: 2})
			if err == nil && len(page.Resources) == 1 {
				id = page.Resources[0].ID
			}
			return err
		})
		if err != nil || id != "" {
			return id, err
		}
	}
	return "", &httpError{status: http.StatusNotFound, detail: "No user has the subject of this access token as externalId or userName."}
}
