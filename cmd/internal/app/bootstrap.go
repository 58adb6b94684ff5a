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

// Bootstrap makes the default organization and connection, and their first
// token: the operator's own when one is configured, else a new one, which is
// shown on out this once.
func (a *App) Bootstrap(ctx context.Context, out io.Writer) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	err := a.store.AddOrganization(ctx, directory.Organization{ID: DefaultOrg, Name: "Default", Created: now})
	first := err == nil
	if err != nil && !errors.Is(err, directory.ErrExists) {
		return err
	}
	if _, err := a.store.Connection(ctx, DefaultConnection); errors.Is(err, directory.ErrNotFound) {
		err = a.store.PutConnection(ctx, directory.Connection{ID: DefaultConnection, Org: DefaultOrg, Name: "Default", Created: now, Dialect: scim.Tolerant, Scopes: []string{auth.All}})
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	fmt.Fprintf(out, "SCIM base URL: %s\n", a.BaseURL())
	if a.cfg.BootstrapToken.IsSet() {
		return a.adopt(ctx)
	}
	if !first {
		return nil
	}
	plain, _, err := a.tokens.Create(ctx, DefaultConnection, token.CreateOptions{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Provisioning token (shown this once): %s\n\nTry it:\n  curl -H 'Authorization: Bearer %s' '%s/Users'\n\n", plain, plain, a.BaseURL())
	return nil
}

// adopt takes over the token of the operator's choosing. The one before it, if
// it was another, is revoked.
func (a *App) adopt(ctx context.Context) error {
	t, err := a.tokens.Adopt(ctx, DefaultConnection, a.cfg.BootstrapToken.Reveal(), token.CreateOptions{})
	if err != nil {
		return fmt.Errorf("the bootstrap token cannot be used: %w", err)
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
