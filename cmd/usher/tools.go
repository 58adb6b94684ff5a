package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/config"
)

func backupCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "backup FILE", Short: "Copy the data to a new file, also while the server runs", Args: oneArg("the file to write"), Example: "  usher backup /backups/usher.db",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return o.with(cmd.Context(), func(c *client) error {
				if err := c.call(cmd.Context(), "POST", "/backup", map[string]string{"path": path}, nil); err != nil {
					return err
				}
				if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) { // as where systemd gives it a /tmp of its own
					return fmt.Errorf("the server has written %s where it has other folders than this command; name a file in a folder that both see", path)
				}
				return nil
			})
		}}
}

func migrateCommand(o *options) *cobra.Command {
	var check bool
	cmd := &cobra.Command{Use: "migrate", Short: "Bring the data up to this program's version", Args: noArgs, Example: "  usher migrate --data /var/lib/usher\n  usher migrate --store 'mongodb://db1,db2,db3/usher?replicaSet=rs0'\n  usher migrate --check --data /var/lib/usher",
		Long: `Bring the data up to this program's version. In MongoDB that makes the collections and indexes that are missing, and looks through the records where the configuration marks other attributes as indexed or unique than before; it may be done while servers of this version or the one before run, and where nothing is missing it ends at once. A data folder must not be in use.

With --check all records are looked through for damage afterwards, which takes as long as there is data.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if check { // a mistyped folder would be made, and found to be without damage
				if err := app.Exists(cfg); err != nil {
					return err
				}
			}
			if err := app.Migrate(cmd.Context(), cfg, check, func(doing string) { fmt.Fprintln(cmd.ErrOrStderr(), doing) }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The data is at version %d.\n", app.SchemaVersion(cfg))
			if check {
				fmt.Fprintln(cmd.OutOrStdout(), "No damage was found.")
			}
			return nil
		}}
	cmd.Flags().BoolVar(&check, "check", false, "also look for damage")
	return cmd
}

func checkConfigCommand(o *options) *cobra.Command {
	var explain, example bool
	cmd := &cobra.Command{Use: "check-config", Short: "Check the configuration and print what is in force, without secrets", Args: noArgs, Example: "  usher check-config --config usher.yaml\n  usher check-config --explain",
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if example {
				_, err := out.Write(config.Example())
				return err
			}
			if explain {
				w := table(cmd)
				for _, k := range config.Keys() {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Name, k.Default, k.Env, k.Doc)
				}
				return w.Flush()
			}
			cfg, err := o.load()
			var problems, more config.Problems
			if err != nil && !errors.As(err, &problems) {
				return err
			}
			if _, err := app.Types(cfg); errors.As(err, &more) {
				problems = append(problems, more...)
			}
			problems = append(problems, adoptable(cfg, problems)...)
			if err == nil { // otherwise the configuration says more precisely what is wrong
				if err := app.CheckIssuers(cfg); err != nil {
					problems = append(problems, config.Problem{Key: "issuers", Source: "issuers", Message: err.Error() + "."})
				}
			}
			if problems != nil {
				return problems
			}
			_, err = io.WriteString(out, cfg.String())
			return err
		}}
	cmd.Flags().BoolVar(&explain, "explain", false, "list every key with its default, environment variable and meaning")
	cmd.Flags().BoolVar(&example, "example", false, "print a configuration file with every key")
	return cmd
}

// adoptable finds the tokens of the operator's choosing that a server would not take
// over, where nothing else is wrong with them.
func adoptable(cfg config.Config, known config.Problems) (problems config.Problems) {
	for key, secret := range map[string]config.Secret{"bootstrap_token_file": cfg.BootstrapToken, "bootstrap_admin_token_file": cfg.BootstrapAdminToken} {
		if !secret.IsSet() || slices.ContainsFunc(known, func(p config.Problem) bool { return p.Key == key }) {
			continue
		}
		if _, _, err := token.Adopt(secret.Reveal()); err != nil {
			problems = append(problems, config.Problem{Key: key, Source: secret.File(), Message: key + " cannot be used: " + err.Error() + "."})
		}
	}
	return problems
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: noArgs, Example: "  usher version",
		Run: func(cmd *cobra.Command, _ []string) {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{Main: debug.Module{Version: "(unknown)"}, GoVersion: runtime.Version()}
			}
			revision := ""
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					revision = " " + s.Value
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "usher %s%s %s %s/%s\n", info.Main.Version, revision, info.GoVersion, runtime.GOOS, runtime.GOARCH)
		}}
}
