package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/usher-scim/usher/admin"
	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/rehearsal"
	"github.com/usher-scim/usher/scim/server"
)

// buildControl makes the door for the commands of this program, which has the
// rights of the operator.
func (a *App) buildControl(context.Context) error {
	a.control = control.Handler(control.Services{URL: a.cfg.PublicURL(), Registry: a.store, Service: a.service, API: admin.New(a.ports(operator{a.store})), Tokens: a.tokens, Backup: a.store.Backup,
		SCIM: a.operatorSCIM(a.service), Rehearse: a.rehearse, Changed: a.verifier.InvalidateAll, Used: a.verifier.Flush})
	return nil
}

// operatorSCIM is the protocol with the rights of the operator.
func (a *App) operatorSCIM(s *directory.Service) http.Handler {
	return server.New(s, a.types, operator{a.store}, server.Options{BaseURL: a.BaseURL(), CursorKey: a.cursor,
		BodyBytes: int64(a.cfg.Limits.BulkBodyBytes), MaxPageSize: a.cfg.Limits.MaxPageSize, Logger: a.log})
}

// rehearse is what the operator's door has for a dry run. The admin API is made when it is
// asked for, since most dry runs do not.
func (a *App) rehearse() http.Handler {
	service := rehearsal.Of(a.service)
	api := sync.OnceValue(func() http.Handler {
		ports := a.ports(operator{a.store})
		ports.Service = service
		return admin.New(ports)
	})
	return doors{a.operatorSCIM(service), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { api().ServeHTTP(w, r) })}
}

// Control is the handler behind the socket.
func (a *App) Control() http.Handler { return a.control }

// operator authenticates whoever can open the socket as the operator, in the
// organization that the request names, and for the connection that it may name.
type operator struct{ known directory.Registry }

// Authenticate returns the operator's principal.
func (o operator) Authenticate(r *http.Request) (auth.Principal, error) {
	org := directory.OrgID(r.Header.Get(control.OrganizationHeader))
	switch _, err := o.known.Organization(r.Context(), org); {
	case errors.Is(err, directory.ErrNotFound):
		return auth.Principal{}, &auth.Error{Status: http.StatusForbidden, Cause: err, Detail: fmt.Sprintf("There is no organization %q; usher org list names those there are.", org)}
	case err != nil:
		return auth.Principal{}, auth.Unavailable(err)
	}
	client := directory.ConnectionID(r.Header.Get(control.ConnectionHeader))
	if client != "" {
		c, err := o.known.Connection(r.Context(), client)
		switch {
		case errors.Is(err, directory.ErrNotFound), err == nil && c.Org != org:
			return auth.Principal{}, &auth.Error{Status: http.StatusForbidden, Cause: directory.ErrNotFound, Detail: fmt.Sprintf("The organization %s has no connection %q; usher connection list names those there are.", org, client)}
		case err != nil:
			return auth.Principal{}, auth.Unavailable(err)
		}
	}
	return auth.Principal{Org: org, Operator: true, For: client, Scopes: auth.Scopes{auth.All},
		Connection: directory.Connection{ID: control.Operator, Org: org, Dialect: ^directory.Connection{}.Dialect}}, nil
}

const socket = "control.sock"

// longest is how long the path of a socket may be on every system.
const longest = 100

// address names the control socket in a way short enough for the system: where
// the path is too long, through a descriptor of the data folder. The function
// gives it back.
func address(cfg config.Config) (string, func(), error) {
	path := filepath.Join(cfg.Data, socket)
	if len(path) <= longest {
		return path, func() {}, nil
	}
	dir, err := os.Open(cfg.Data)
	if err != nil {
		return "", nil, err
	}
	path = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socket)
	return path, func() { _ = dir.Close() }, nil // it was only read from
}

// Dial connects to the server that runs on the data folder, if one does.
func Dial(ctx context.Context, cfg config.Config) (net.Conn, error) {
	path, done, err := address(cfg)
	if err != nil {
		return nil, err
	}
	defer done()
	return (&net.Dialer{}).DialContext(ctx, "unix", path)
}

// listenControl opens the control socket for the owner alone. The function
// removes it.
func listenControl(cfg config.Config) (net.Listener, func(), error) {
	path, done, err := address(cfg)
	if err != nil {
		return nil, nil, err
	}
	if cfg.Store.Shared() { // otherwise the lock on the store says that nobody uses it
		if conn, err := net.Dial("unix", path); err == nil {
			done()
			return nil, nil, errors.Join(fmt.Errorf("another usher runs on the data folder %s; give each replica a folder of its own with --data", cfg.Data), conn.Close())
		}
	}
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		done()
		return nil, nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l, func() { _ = os.Remove(path); done() }, os.Chmod(path, 0o600)
}
