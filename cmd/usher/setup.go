package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/admin"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

func table(cmd *cobra.Command) *tabwriter.Writer {
	return tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
}

func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.AddCommand(subs...)
	return cmd
}

func orgCommand(o *options) *cobra.Command {
	var name string
	create := &cobra.Command{Use: "create ID", Short: "Make an organization", Args: oneArg("the id"), Example: "  usher org create acme --name 'Acme Inc.'",
		RunE: func(cmd *cobra.Command, args []string) error {
			org := directory.Organization{ID: directory.OrgID(args[0]), Name: name}
			return o.with(cmd.Context(), func(c *client) error { return c.call(cmd.Context(), "POST", "/organizations", org, nil) })
		}}
	create.Flags().StringVar(&name, "name", "", "name for people")
	list := &cobra.Command{Use: "list", Short: "List the organizations", Args: noArgs, Example: "  usher org list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []directory.Organization
			err := o.with(cmd.Context(), func(c *client) error { return c.call(cmd.Context(), "GET", "/organizations", nil, &all) })
			w := table(cmd)
			for _, org := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\n", org.ID, org.Created.Format(time.DateOnly), org.Name)
			}
			return firstError(err, w.Flush())
		}}
	return group("org", "Organizations", create, list)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func connectionCommand(o *options) *cobra.Command {
	return group("connection", "Connections: one provisioning client each", connectionPut(o, "create"), connectionPut(o, "set"), connectionList(o))
}

// connectionPut makes or changes a connection: flags that are not given keep
// what is there.
func connectionPut(o *options, use string) *cobra.Command {
	var org, name, dialect string
	var conn directory.Connection
	cmd := &cobra.Command{Use: use + " ID", Short: map[string]string{"create": "Make a connection", "set": "Change a connection"}[use], Args: oneArg("the id"),
		Example: "  usher connection " + use + " okta --org default --rate 50 --burst 200"}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return o.with(cmd.Context(), func(c *client) error {
			var all []directory.Connection
			if err := c.call(cmd.Context(), "GET", "/connections", nil, &all); err != nil {
				return err
			}
			next := directory.Connection{Org: "default", Name: args[0], Dialect: scim.Tolerant, Scopes: []string{"*"}}
			at := slices.IndexFunc(all, func(have directory.Connection) bool { return string(have.ID) == args[0] })
			switch {
			case at >= 0 && use == "create":
				return fmt.Errorf("there is a connection %s already; change it with usher connection set", args[0])
			case at < 0 && use == "set":
				return fmt.Errorf("there is no connection %s; make it with usher connection create", args[0])
			case at >= 0:
				next = all[at]
			}
			changed := cmd.Flags().Changed
			if changed("org") {
				next.Org = directory.OrgID(org)
			}
			if changed("name") {
				next.Name = name
			}
			if changed("dialect") {
				if err := next.Dialect.UnmarshalText([]byte(dialect)); err != nil {
					return err
				}
			}
			if changed("scope") {
				next.Scopes = conn.Scopes
			}
			if changed("ignore-unknown-members") {
				next.IgnoreUnknownMembers = conn.IgnoreUnknownMembers
			}
			if changed("rate") {
				next.RatePerSecond = conn.RatePerSecond
			}
			if changed("burst") {
				next.Burst = conn.Burst
			}
			return c.call(cmd.Context(), "PUT", "/connections/"+url.PathEscape(args[0]), next, nil)
		})
	}
	f := cmd.Flags()
	f.StringVar(&org, "org", "default", "organization")
	f.StringVar(&name, "name", "", "name for people")
	f.StringVar(&dialect, "dialect", "tolerant", "strict, tolerant, or a list of quirks")
	f.StringSliceVar(&conn.Scopes, "scope", []string{"*"}, "what its credentials may do: *, users:read, groups:write …")
	f.BoolVar(&conn.IgnoreUnknownMembers, "ignore-unknown-members", false, "drop unknown member ids instead of refusing them")
	f.Float64Var(&conn.RatePerSecond, "rate", 0, "requests a second, 0 for no limit")
	f.IntVar(&conn.Burst, "burst", 0, "requests that may come at once above the rate")
	return cmd
}

func connectionList(o *options) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the connections", Args: noArgs, Example: "  usher connection list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []directory.Connection
			err := o.with(cmd.Context(), func(c *client) error { return c.call(cmd.Context(), "GET", "/connections", nil, &all) })
			w := table(cmd)
			for _, conn := range all {
				dialect, _ := conn.Dialect.MarshalText() // never fails
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", conn.ID, conn.Org, dialect, strings.Join(conn.Scopes, ","), conn.Name)
			}
			return firstError(err, w.Flush())
		}}
}

func tokenCommand(o *options) *cobra.Command {
	return group("token", "Provisioning tokens", tokenCreate(o), tokenList(o), tokenRotate(o), tokenRevoke(o))
}

func tokenCreate(o *options) *cobra.Command {
	var conn string
	var req admin.NewToken
	cmd := &cobra.Command{Use: "create", Short: "Make a token; it alone is printed, this once", Args: noArgs, Example: "  usher token create --connection okta --ttl 8760h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			req.Connection = directory.ConnectionID(conn)
			var made admin.Secret
			err := o.with(cmd.Context(), func(c *client) error { return c.call(cmd.Context(), "POST", "/tokens", req, &made) })
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), made.Plain)
			}
			return err
		}}
	cmd.Flags().StringVar(&conn, "connection", "default", "connection it belongs to")
	cmd.Flags().StringSliceVar(&req.Scopes, "scope", nil, "narrow what it may do (default: all that the connection may)")
	cmd.Flags().StringVar(&req.TTL, "ttl", "", "how long it lives, such as 8760h (default: until revoked)")
	return cmd
}

func tokenList(o *options) *cobra.Command {
	var conn string
	cmd := &cobra.Command{Use: "list", Short: "List the tokens, without their secrets", Args: noArgs, Example: "  usher token list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []directory.Token
			err := o.with(cmd.Context(), func(c *client) error {
				return c.call(cmd.Context(), "GET", "/tokens?connection="+url.QueryEscape(conn), nil, &all)
			})
			w := table(cmd)
			for _, t := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\tcreated %s\texpires %s\tused %s\n", t.ID, t.Connection, state(t), day(t.Created), day(t.Expires), day(t.LastUsed))
			}
			return firstError(err, w.Flush())
		}}
	cmd.Flags().StringVar(&conn, "connection", "", "those of one connection")
	return cmd
}

func state(t directory.Token) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked"
	case !t.Live(time.Now()):
		return "expired"
	}
	return "live"
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.DateOnly)
}

func tokenRotate(o *options) *cobra.Command {
	overlap := ""
	cmd := &cobra.Command{Use: "rotate ID", Short: "Make a token in place of another, which lives on for a while", Args: oneArg("the id of the token"), Example: "  usher token rotate ID --overlap 24h",
		RunE: func(cmd *cobra.Command, args []string) error {
			var made admin.Secret
			err := o.with(cmd.Context(), func(c *client) error {
				return c.call(cmd.Context(), "POST", "/tokens/"+url.PathEscape(args[0])+"/rotate?overlap="+url.QueryEscape(overlap), nil, &made)
			})
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), made.Plain)
			}
			return err
		}}
	cmd.Flags().StringVar(&overlap, "overlap", "24h", "how long the old token still works")
	return cmd
}

func tokenRevoke(o *options) *cobra.Command {
	return &cobra.Command{Use: "revoke ID", Short: "End a token at once", Args: oneArg("the id of the token"), Example: "  usher token revoke ID",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(c *client) error {
				return c.call(cmd.Context(), "DELETE", "/tokens/"+url.PathEscape(args[0]), nil, nil)
			})
		}}
}
