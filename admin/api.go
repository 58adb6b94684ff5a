// Package admin is the admin API: JSON over HTTP for administrators, members and the
// systems of their organization (domain 3.6). It puts the operations together, and has
// those on people, on what departures leave behind, and on the organization itself.
package admin

import (
	"context"
	"log/slog"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

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

// handlers are the operations of this package.
type handlers struct {
	*operation.API
	Registry directory.Registry
	Trail    directory.Trail
	Resolver Resolver
}

// New makes the admin API.
func New(p Ports) *operation.API {
	a := handlers{operation.New(operation.Ports{Service: p.Service, Authn: p.Authn, Version: p.Version, Logger: p.Logger}), p.Registry, p.Trail, p.Resolver}
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
	return a.API
}
