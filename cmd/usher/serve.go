package main

import (
	"context"
	"errors"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/cmd/internal/app"
)

func serveCommand(o *options) *cobra.Command {
	var listen, ops, bootstrap, bootstrapAdmin string
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run the server",
		Long:    "Run the server until SIGTERM or SIGINT. With nothing configured it creates ./usher-data, the organization default, and a provisioning and an administrator token, which it prints the first time.",
		Example: "  usher serve\n  usher serve --data /var/lib/usher --listen 0.0.0.0:8443 --config /etc/usher.yaml\n  usher serve --bootstrap-token-file /run/secrets/usher",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			defer func() {
				if cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
					err = nil // it was told to stop while it started, which is no failure
				}
			}()
			o.more["listen"], o.more["ops_listen"], o.more["bootstrap_token_file"] = listen, ops, bootstrap
			o.more["bootstrap_admin_token_file"] = bootstrapAdmin
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if !cfg.Store.Shared() {
				oneMore()
			}
			logs := app.NewLogWriter(os.Stderr)
			defer func() { err = errors.Join(err, logs.Close()) }()
			a, err := app.New(cmd.Context(), cfg, logs)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, a.Close()) }()
			if err := a.Prepare(cmd.Context()); err != nil {
				return err
			}
			if err := a.Listen(); err != nil {
				return err
			}
			if err := a.Welcome(cmd.Context(), cmd.OutOrStdout()); err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address to serve SCIM on (default 127.0.0.1:8080)")
	cmd.Flags().StringVar(&ops, "ops-listen", "", "address of metrics and health (default 127.0.0.1:9090)")
	cmd.Flags().StringVar(&bootstrap, "bootstrap-token-file", "", "file with a token of your choosing for the default connection")
	cmd.Flags().StringVar(&bootstrapAdmin, "bootstrap-admin-token-file", "", "file with an administrator token of your choosing for the default organization")
	return cmd
}

// oneMore lets one goroutine more run than there are processors, unless GOMAXPROCS is
// set: one that reads or syncs the file counts as running while it waits for the disk.
func oneMore() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
