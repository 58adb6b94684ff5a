package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/directory/transfer"
)

func copyCommand(o *options) *cobra.Command {
	var from, to string
	var orgs []string
	cmd := &cobra.Command{Use: "copy --from STORE --to STORE", Short: "Copy organizations from one store to another; again copies what has changed", Args: noArgs,
		Long: `Copy organizations from one store to another, with everything they have: people, groups, rules' documents, tokens, audit log.

A store is sqlite:FOLDER, mongodb://…, or mongodb for the one that store.uri_file names, which may hold a password. While a server runs on the folder, what it holds at that moment is copied; stop it and copy again to carry the rest over. Each copy continues where the last one ended, and in the end both sides are compared.`,
		Example: "  usher copy --from sqlite:./usher-data --to sqlite:/srv/usher\n  usher copy --from sqlite:./usher-data --to 'mongodb://db1,db2,db3/usher?replicaSet=rs0' --org acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			c := &copier{options: o, cfg: cfg, out: cmd.ErrOrStderr()}
			for _, id := range orgs {
				c.orgs = append(c.orgs, directory.OrgID(id))
			}
			return c.run(cmd.Context(), from, to, cmd.OutOrStdout())
		}}
	cmd.Flags().StringVar(&from, "from", "", "the store to read")
	cmd.Flags().StringVar(&to, "to", "", "the store to write, which no server may use meanwhile")
	cmd.Flags().StringArrayVar(&orgs, "org", nil, "only this organization; repeat for more")
	return cmd
}

// copier is one copy.
type copier struct {
	*options
	cfg  config.Config
	orgs []directory.OrgID
	out  io.Writer
}

func (c *copier) run(ctx context.Context, from, to string, report io.Writer) (err error) {
	types, err := app.Types(c.cfg)
	if err != nil {
		return err
	}
	source, err := c.at(from)
	if err != nil {
		return err
	}
	target, err := c.at(to)
	if err != nil {
		return err
	}
	if err := app.Exists(source); err != nil {
		return usageError{fmt.Errorf("there is no usher.db in %s to copy from; write the folder after sqlite:", source.Data)}
	}
	live := false
	src, err := app.OpenStore(ctx, source, types, nil)
	if errors.Is(err, sqlite.ErrInUse) {
		live = true
		if source.Data, err = c.snapshot(ctx, source.Data); err != nil {
			return err
		}
		defer os.RemoveAll(source.Data)
		src, err = app.OpenStore(ctx, source, types, nil)
	}
	if err != nil {
		return fmt.Errorf("the store to copy from: %w", err)
	}
	defer func() { err = firstError(err, src.Close()) }()
	dst, err := app.OpenStore(ctx, target, types, nil)
	if err != nil {
		return fmt.Errorf("the store to copy to: %w", err)
	}
	defer func() { err = firstError(err, dst.Close()) }()
	got, err := transfer.Copy(ctx, src, dst, transfer.Options{Orgs: c.orgs, Types: types.Types, Progress: c.progress()})
	if err != nil {
		return err
	}
	fmt.Fprintf(report, "Copied: %d resources, %d memberships, %d documents, %d events. Both stores hold the same (%.16s).\n", got.Resources, got.Members, got.Documents, got.Events, got.Digest)
	if live {
		fmt.Fprintln(report, "A server runs on the source. Stop it and copy again, which carries over what has changed meanwhile.")
	}
	return nil
}

// at is the configuration of a server over a store.
func (c *copier) at(store string) (config.Config, error) {
	cfg := c.cfg
	folder, file := strings.CutPrefix(store, "sqlite:")
	switch {
	case file && folder != "":
		cfg.Data, cfg.Store.URI, cfg.Store.URIFile = folder, "", config.Secret{}
	case strings.HasPrefix(store, "mongodb://"), strings.HasPrefix(store, "mongodb+srv://"):
		cfg.Store.URI, cfg.Store.URIFile = store, config.Secret{}
	case store == "mongodb" && cfg.Store.Shared():
	case store == "mongodb":
		return cfg, usageError{errors.New("the store mongodb is the one that store.uri or store.uri_file names; set one of them")}
	default:
		return cfg, usageError{fmt.Errorf("a store is written sqlite:FOLDER, mongodb://… or mongodb (the configured one), not %q", store)}
	}
	return cfg, nil
}

// snapshot is a folder with what a running server holds now.
func (c *copier) snapshot(ctx context.Context, data string) (string, error) {
	folder, err := os.MkdirTemp("", "usher-copy-")
	if err != nil {
		return "", err
	}
	running := *c.options
	running.data = data
	err = running.with(ctx, func(client *client) error {
		return client.call(ctx, "POST", "/backup", map[string]string{"path": filepath.Join(folder, "usher.db")}, nil)
	})
	if err != nil {
		return "", firstError(err, os.RemoveAll(folder))
	}
	return folder, nil
}

// progress shows on a terminal how much is done, and tells of each organization
// elsewhere.
func (c *copier) progress() func(directory.OrgID, int) {
	if f, ok := c.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(f), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(), progressbar.OptionShowIts())
		return func(org directory.OrgID, done int) {
			bar.Describe(string(org))
			_ = bar.Set(done)
		}
	}
	last := directory.OrgID("")
	return func(org directory.OrgID, _ int) {
		if org != last && org != "" {
			last = org
			fmt.Fprintf(c.out, "copying organization %s\n", org)
		}
	}
}
