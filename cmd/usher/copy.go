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
	"github.com/usher-scim/usher/scim/schemas"
)

func copyCommand(o *options) *cobra.Command {
	var from, to string
	var orgs []string
	cmd := &cobra.Command{Use: "copy --from STORE --to STORE", Short: "Copy organizations from one store to another; again copies what has changed", Args: noArgs,
		Long: `Copy organizations from one store to another, with everything they have: people, groups, rules' documents, tokens, audit log.

A store is sqlite:FOLDER, mongodb://…, or mongodb for the one that store.uri_file names, which may hold a password. While a server runs on the folder, what it holds at that moment is copied; stop it and copy again to carry the rest over. Each copy continues where the last one ended, and in the end both sides are compared: people, groups, memberships, documents, totals and the audit log of every organization, the connections and tokens that came along, and the accounts and domains.

No server may run on the target, and none starts on it meanwhile. A target that has a connection, token or domain of the same name for another organization is refused before anything is written, and one in which somebody has worked on the organization since. Of the settings of an installation, such as the key that signs cursors, the target keeps those that it has.`,
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
			err = c.run(cmd.Context(), from, to, cmd.OutOrStdout())
			if err != nil && cmd.Context().Err() != nil {
				err = errors.New("stopped; run the same command again to go on")
			}
			return err
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
	target, err := c.at(to)
	if err != nil {
		return err
	}
	src, live, closeSource, err := c.source(ctx, from, types)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, closeSource()) }()
	dst, err := app.OpenStore(ctx, target, types, nil)
	if err != nil {
		return fmt.Errorf("the store to copy to: %w", err)
	}
	defer func() { err = firstError(err, dst.Close()) }()
	alone, done, err := app.Fill(ctx, dst)
	if err != nil {
		return fmt.Errorf("the store to copy to: %w", err)
	}
	defer done()
	got, err := transfer.Copy(alone, src, dst, transfer.Options{Orgs: c.orgs, Types: types.Types, Progress: c.progress()})
	if err != nil {
		if lost := context.Cause(alone); lost != nil {
			return lost
		}
		return err
	}
	fmt.Fprintf(report, "Copied: %d resources, %d memberships, %d documents, %d events. Both stores hold the same (%.16s).\n", got.Resources, got.Members, got.Documents, got.Events, got.Digest)
	if live {
		fmt.Fprintln(report, "A server runs on the source. Stop it and copy again, which carries over what has changed meanwhile.")
	}
	return nil
}

// source opens the store to copy from: what a running server holds now, if one runs on
// the folder.
func (c *copier) source(ctx context.Context, from string, types *schemas.Registry) (src app.Store, live bool, shut func() error, err error) {
	cfg, err := c.at(from)
	if err != nil {
		return nil, false, nil, err
	}
	if err := app.Exists(cfg); err != nil {
		return nil, false, nil, usageError{fmt.Errorf("there is no usher.db in %s to copy from; write the folder after sqlite:", cfg.Data)}
	}
	remove := func() error { return nil }
	src, err = app.OpenStore(ctx, cfg, types, nil)
	if errors.Is(err, sqlite.ErrInUse) {
		live = true
		if cfg.Data, err = c.snapshot(ctx, cfg.Data); err != nil {
			return nil, false, nil, err
		}
		remove = func() error { return os.RemoveAll(cfg.Data) }
		src, err = app.OpenStore(ctx, cfg, types, nil)
	}
	if err != nil {
		return nil, false, nil, firstError(fmt.Errorf("the store to copy from: %w", err), remove())
	}
	return src, live, func() error { return firstError(src.Close(), remove()) }, nil
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

// snapshot is a folder with what a running server holds now. It lies in the data folder:
// of all others the server may see none, or others than this process, and may not write.
func (c *copier) snapshot(ctx context.Context, data string) (string, error) {
	data, err := filepath.Abs(data)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp(data, "copy-")
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

// progress shows on a terminal how much is done of how much, and tells elsewhere, of
// each organization at once and then every few seconds.
func (c *copier) progress() func(org directory.OrgID, done, total int) {
	if f, ok := c.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(f), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(), progressbar.OptionShowIts())
		return func(org directory.OrgID, done, total int) {
			bar.Describe(string(org))
			bar.ChangeMax(max(total, 1))
			_ = bar.Set(done)
		}
	}
	return lines(c.out, 5*time.Second)
}

// lines tells of progress in lines, so far apart.
func lines(out io.Writer, apart time.Duration) func(org directory.OrgID, done, total int) {
	var told time.Time
	last := directory.OrgID("")
	return func(org directory.OrgID, done, total int) {
		if org == "" || org == last && time.Since(told) < apart {
			return
		}
		last, told = org, time.Now()
		fmt.Fprintf(out, "copying organization %s: %d of %d\n", org, done, total)
	}
}
