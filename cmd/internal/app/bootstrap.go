package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// The organization and the connection that every server has.
const (
	DefaultOrg        directory.OrgID        = "default"
	DefaultConnection directory.ConnectionID = "default"
)

// Prepare makes the default organization and connection where they are missing.
func (a *App) Prepare(ctx context.Context) error {
	now := scim.Now(time.Now)
	err := a.store.AddOrganization(ctx, directory.Organization{ID: DefaultOrg, Name: "Default", Created: now})
	if err != nil && !errors.Is(err, directory.ErrExists) {
		return err
	}
	if _, err = a.store.Connection(ctx, DefaultConnection); !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	return a.store.PutConnection(ctx, directory.Connection{ID: DefaultConnection, Org: DefaultOrg, Name: "Default", Created: now,
		Dialect: scim.Tolerant, Scopes: []string{auth.All}})
}

// Welcome tells on out where the server is. The default connection gets the
// token that the operator chose, or, while it never had any, a new one, which
// is shown this once.
func (a *App) Welcome(ctx context.Context, out io.Writer) error {
	fmt.Fprintf(out, "SCIM base URL: %s\n", a.BaseURL())
	if a.cfg.BootstrapToken.IsSet() {
		return a.adopt(ctx)
	}
	had, err := a.store.Tokens(ctx, DefaultConnection)
	if err != nil || len(had) > 0 {
		return err
	}
	plain, _, err := a.tokens.Create(ctx, DefaultConnection, token.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Provisioning token (shown this once): %s\n\nTry it:\n  curl -H 'Authorization: Bearer %s' '%s/Users'\n\n", plain, plain, a.BaseURL())
	return err
}

// adopt takes over the token of the operator's choosing. The one before it, if
// it was another, is revoked.
func (a *App) adopt(ctx context.Context) error {
	t, err := a.tokens.Adopt(ctx, DefaultConnection, a.cfg.BootstrapToken.Reveal(), token.CreateOptions{})
	if err != nil {
		return fmt.Errorf("the bootstrap token cannot be used: %w", err)
	}
	if !t.Live(time.Now()) {
		a.log.Warn("the bootstrap token is known and was revoked; put a new one in its file", "token", t.ID)
		return nil
	}
	before, err := a.store.Setting(ctx, "bootstrap-token")
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	if id := string(before); id != "" && id != t.ID {
		if err := a.tokens.Revoke(ctx, id); err != nil && !errors.Is(err, directory.ErrNotFound) {
			return err
		}
	}
	return a.store.PutSetting(ctx, "bootstrap-token", []byte(t.ID))
}
