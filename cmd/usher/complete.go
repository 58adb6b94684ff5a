package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/directory"
)

var completionExamples = map[string]string{
	"bash":       "  usher completion bash > /etc/bash_completion.d/usher",
	"zsh":        "  usher completion zsh > \"${fpath[1]}/_usher\"",
	"fish":       "  usher completion fish > ~/.config/fish/completions/usher.fish",
	"powershell": "  usher completion powershell | Out-String | Invoke-Expression",
}

type completion = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// offer makes a completion of what list finds; what cannot be asked offers nothing.
func offer(list func(cmd *cobra.Command) []string) completion {
	return func(cmd *cobra.Command, args []string, typed string) (fit []string, _ cobra.ShellCompDirective) {
		for _, one := range list(cmd) {
			if strings.HasPrefix(one, typed) {
				fit = append(fit, one)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

// first offers something for the first argument alone.
func first(c completion) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c(cmd, args, typed)
	}
}

// connections offers the names of connections.
func (o *options) connections() completion {
	return offer(func(cmd *cobra.Command) (names []string) {
		var all []directory.Connection
		_ = o.with(cmd.Context(), func(c *client) error { return c.call(cmd.Context(), "GET", "/connections", nil, &all) })
		for _, conn := range all {
			names = append(names, string(conn.ID)+"\t"+conn.Name)
		}
		return names
	})
}

// organizations offers the ids of organizations.
func (o *options) organizations() completion {
	return offer(func(cmd *cobra.Command) (names []string) {
		var all []directory.Organization
		_ = o.with(cmd.Context(), func(c *client) error { return c.call(cmd.Context(), "GET", "/organizations", nil, &all) })
		for _, org := range all {
			names = append(names, string(org.ID)+"\t"+org.Name)
		}
		return names
	})
}

// tokens offers the ids of tokens that live.
func (o *options) tokens() completion {
	return offer(func(cmd *cobra.Command) (ids []string) {
		var all []directory.Token
		_ = o.with(cmd.Context(), func(c *client) error {
			return c.call(cmd.Context(), "GET", "/tokens", nil, &all)
		})
		for _, t := range all {
			if state(t) == "live" {
				ids = append(ids, t.ID+"\t"+string(t.Connection)+", live since "+day(t.Created))
			}
		}
		return ids
	})
}

// types offers the resource types that can be imported and exported.
func (o *options) types() completion {
	return offer(func(*cobra.Command) (names []string) {
		cfg, err := o.load()
		if err != nil {
			return nil
		}
		types, err := app.Types(cfg)
		if err != nil {
			return nil
		}
		for _, rt := range types.Types {
			if !rt.ReadOnly {
				names = append(names, strings.ToLower(strings.TrimPrefix(rt.Endpoint, "/"))+"\t"+rt.Description)
			}
		}
		return names
	})
}

// complete gives a flag of a command its completion.
func complete(cmd *cobra.Command, flag string, c completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, c); err != nil {
		panic(err) // the flag was defined a line before
	}
}
