// Package admin is the admin API: JSON over HTTP for administrators, members and the
// systems of their organization (domain 3.6). It puts the operations together, and has
// those on people, on what departures leave behind, and on the organization itself.
package admin

import (
	"log/slog"
	"net/http"

	"github.com/usher-scim/usher/admin/credential"
	"github.com/usher-scim/usher/admin/inventory"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

// Ports are what the admin API works on.
type Ports struct {
	Service  *directory.Service
	Registry directory.Registry
	Trail    directory.Trail
	Authn    auth.Authenticator
	Resolver inventory.Resolver
	Version  string
	Logger   *slog.Logger
}

// handlers are the operations of this package.
type handlers struct {
	*operation.API
	Registry directory.Registry
	Trail    directory.Trail
}

// New makes the admin API.
func New(p Ports) http.Handler {
	a := handlers{operation.New(operation.Ports{Service: p.Service, Authn: p.Authn, Version: p.Version, Logger: p.Logger}), p.Registry, p.Trail}
	a.people()
	a.departures()
	a.transfers()
	a.freezes()
	a.approvals()
	a.plans()
	a.commerce()
	a.organization()
	a.trail()
	inventory.Register(a.API, p.Resolver)
	credential.Register(a.API)
	return a.API
}
