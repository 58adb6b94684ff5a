package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/config"
)

// usageError is a command line that is not understood.
type usageError struct{ error }

// options are the flags that every command has.
type options struct {
	file string
	data string
	uri  string // of the store
	set  []string
	more map[string]string // configuration keys from a command's own flags
}

func root() *cobra.Command {
	o := &options{more: map[string]string{}}
	cmd := &cobra.Command{
		Use:           "usher",
		Short:         "A SCIM 2.0 provisioning server",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Example:       "  usher serve\n  usher token create --connection default\n  usher export --type users > people.jsonl",
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.file, "config", "", "configuration file (YAML)")
	flags.StringVar(&o.data, "data", "", "data folder (default ./usher-data)")
	flags.StringVar(&o.uri, "store", "", "address of a MongoDB replica set to keep the data in (default: the data folder)")
	flags.StringArrayVar(&o.set, "set", nil, "set a configuration key, as in --set limits.page_size=50")
	cmd.AddCommand(serveCommand(o), orgCommand(o), connectionCommand(o), tokenCommand(o), licenceCommand(o), domainCommand(o), accountCommand(o), demoCommand(o), exportCommand(o), importCommand(o),
		backupCommand(o), copyCommand(o), migrateCommand(o), checkConfigCommand(o), conformanceCommand(), versionCommand())
	cmd.InitDefaultCompletionCmd()
	for _, sub := range cmd.Commands() {
		if sub.Name() == "completion" {
			sub.Example = "  source <(usher completion bash)"
			for _, shell := range sub.Commands() {
				shell.Example = completionExamples[shell.Name()]
			}
		}
	}
	return cmd
}

// load reads the configuration: file, environment, flags.
func (o *options) load() (config.Config, error) {
	flags, named := map[string]string{}, map[string]string{"store.uri": "--store"}
	for key, value := range o.more {
		if value != "" {
			flags[key], named[key] = value, "--"+strings.ReplaceAll(key, "_", "-")
		}
	}
	if o.data != "" {
		flags["data"] = o.data
	}
	if o.uri != "" {
		flags["store.uri"] = o.uri
	}
	for _, pair := range o.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return config.Config{}, usageError{fmt.Errorf("--set wants key=value, not %q", pair)}
		}
		flags[key], named[key] = value, "--set "+key
	}
	cfg, err := config.Load(config.Sources{File: o.file, Env: os.Environ(), Flags: flags, Named: named})
	for _, w := range cfg.Warnings() {
		fmt.Fprintln(os.Stderr, "usher: warning:", w)
	}
	return cfg, err
}

// noSuchCommand is the Args of commands that only hold others.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s has no command %q; see --help", cmd.CommandPath(), args[0])}
	}
	return nil
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments; see --help", cmd.CommandPath())}
	}
	return nil
}

func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("%s takes one argument, %s; see --help", cmd.CommandPath(), what)}
		}
		return nil
	}
}
