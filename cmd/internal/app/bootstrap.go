package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/config"
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

// Welcome tells on out where the server is. The default connection and the
// administrators get the tokens that the operator chose or, while they never had
// any, new ones, which are shown this once and by one server.
func (a *App) Welcome(ctx context.Context, out io.Writer) error {
	var text strings.Builder // written at once: who reads only the beginning and goes does no harm
	fmt.Fprintf(&text, "SCIM base URL: %s\n", a.BaseURL())
	admins, err := control.AdminConnection(ctx, a.store, DefaultOrg)
	if err != nil {
		return err
	}
	plain, err := a.firstToken(ctx, DefaultConnection, a.cfg.BootstrapToken, "bootstrap-token")
	if err != nil {
		return err
	}
	if plain != "" {
		fmt.Fprintf(&text, "Provisioning token (shown this once): %s\n\nTry it:\n  curl -H 'Authorization: Bearer %s' '%s/Users'\n\n", plain, plain, a.BaseURL())
	}
	plain, err = a.firstToken(ctx, admins, a.cfg.BootstrapAdminToken, "bootstrap-admin-token")
	if err == nil && plain != "" {
		fmt.Fprintf(&text, "Administrator token (shown this once): %s\n\nTry it:\n  curl -H 'Authorization: Bearer %s' '%s/users'\n\n", plain, plain, a.cfg.PublicURL()+operation.Prefix)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text.String())
	return err
}

// firstToken adopts the operator's token, or makes the first one of a connection.
func (a *App) firstToken(ctx context.Context, conn directory.ConnectionID, chosen config.Secret, setting string) (string, error) {
	if chosen.IsSet() {
		return "", a.adopt(ctx, conn, chosen, setting)
	}
	had, err := a.store.Tokens(ctx, conn)
	if err != nil || len(had) > 0 {
		return "", err
	}
	// Of several servers that start at once one makes it and shows it. If that one is
	// lost before it has, a start ten seconds later does.
	if mine, err := a.store.Hold(ctx, "first-token:"+string(conn), watch); err != nil || !mine {
		return "", err
	}
	if had, err = a.store.Tokens(ctx, conn); err != nil || len(had) > 0 {
		return "", err
	}
	plain, _, err := a.tokens.Create(ctx, conn, token.CreateOptions{})
	return plain, err
}

// adopt takes over the token of the operator's choosing. The one before it, if
// it was another, is revoked.
func (a *App) adopt(ctx context.Context, conn directory.ConnectionID, chosen config.Secret, setting string) error {
	t, err := a.tokens.Adopt(ctx, conn, chosen.Reveal(), token.CreateOptions{})
	if err != nil {
		return fmt.Errorf("the %s cannot be used: %w", strings.ReplaceAll(setting, "-", " "), err)
	}
	if !t.Live(time.Now()) {
		a.log.Warn("the "+strings.ReplaceAll(setting, "-", " ")+" is known and was revoked; put a new one in its file", "token", t.ID)
		return nil
	}
	before, err := a.store.Setting(ctx, setting)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	if id := string(before); id != "" && id != t.ID {
		if err := a.tokens.Revoke(ctx, id); err != nil && !errors.Is(err, directory.ErrNotFound) {
			return err
		}
	}
	return a.store.PutSetting(ctx, setting, []byte(t.ID))
}
