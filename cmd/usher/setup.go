package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

func table(cmd *cobra.Command) *tabwriter.Writer {
	return tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
}

func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noSuchCommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.Example = subs[0].Example
	cmd.AddCommand(subs...)
	return cmd
}

func orgCommand(o *options) *cobra.Command {
	var name string
	create := &cobra.Command{Use: "create ID", Short: "Make an organization", Args: oneArg("the id"), Example: "  usher org create acme --name 'Acme Inc.'",
		RunE: func(cmd *cobra.Command, args []string) error {
			org := directory.Organization{ID: directory.OrgID(args[0]), Name: name}
			err := o.making(cmd.Context(), func(c *client) error { return c.call(cmd.Context(), "POST", "/organizations", org, nil) })
			return about(err, "org", args[0])
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
	var dialect string
	var given directory.Connection
	cmd := &cobra.Command{Use: use + " ID", Short: map[string]string{"create": "Make a connection", "set": "Change a connection"}[use], Args: oneArg("the id"),
		Example: "  usher connection " + use + " okta --org default --rate 50 --burst 200"}
	if use == "set" {
		cmd.Long = "Change a connection. What no flag names stays as it is; the defaults below are those of a new connection."
	}
	f := cmd.Flags()
	f.StringVar((*string)(&given.Org), "org", "default", "organization")
	f.StringVar(&given.Name, "name", "", "name for people")
	f.StringVar(&dialect, "dialect", "tolerant", "strict, tolerant, or a list of quirks")
	f.StringSliceVar(&given.Scopes, "scope", []string{"*"}, "what its credentials may do: *, users:read, groups:write …, and audit.own, which is never part of *")
	f.BoolVar(&given.IgnoreUnknownMembers, "ignore-unknown-members", false, "drop unknown member ids instead of refusing them")
	f.Float64Var(&given.RatePerSecond, "rate", 0, "requests a second, 0 for no limit")
	f.IntVar(&given.Burst, "burst", 0, "requests that may come at once above the rate")
	f.StringVar((*string)(&given.OnBlocked), "on-blocked", "refuse", "what a refused deactivation leads to: refuse, contain, accept")
	f.StringVar((*string)(&given.OnSeatExhausted), "on-seat-exhausted", "refuse", "what happens when there is no seat: refuse, waitlist")
	f.BoolVar(&given.MayLiftBlock, "may-lift-block", false, "let the client add people whose address is blocked")
	f.BoolVar(&given.ErrorExtension, "error-extension", false, "add Usher's own schema to errors")
	f.IntVar(&given.RankCeiling, "rank-ceiling", 0, "act upon nobody above this rank, 0 for 900")
	complete(cmd, "org", o.organizations())
	if use == "set" {
		cmd.ValidArgsFunction = first(o.connections())
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := given.Dialect.UnmarshalText([]byte(dialect)); err != nil {
			return usageError{err}
		}
		if f.Changed("scope") && len(given.Scopes) == 0 { // a connection without any has all
			return usageError{errors.New("--scope is empty; name what the credentials may do, such as users:read, or * for everything")}
		}
		with := o.with
		if use == "create" {
			with = o.making
		}
		return with(cmd.Context(), func(c *client) error {
			next, err := c.connection(cmd.Context(), args[0], use)
			if err != nil {
				return err
			}
			overlay(&next, given, f.Changed)
			return c.call(cmd.Context(), "PUT", "/connections/"+url.PathEscape(args[0]), next, nil)
		})
	}
	return cmd
}

// connection is the one to change, or a new one.
func (c *client) connection(ctx context.Context, id, use string) (directory.Connection, error) {
	var all []directory.Connection
	if err := c.call(ctx, "GET", "/connections", nil, &all); err != nil {
		return directory.Connection{}, err
	}
	at := slices.IndexFunc(all, func(have directory.Connection) bool { return string(have.ID) == id })
	switch {
	case at >= 0 && use == "create":
		return directory.Connection{}, fmt.Errorf("there is a connection %s already; change it with usher connection set", id)
	case at < 0 && use == "set":
		return directory.Connection{}, fmt.Errorf("there is no connection %s; make it with usher connection create", id)
	case at >= 0:
		return all[at], nil
	}
	return directory.Connection{Org: "default", Name: id, Dialect: scim.Tolerant, Scopes: []string{"*"}}, nil
}

// overlay puts the flags that were given over what is there.
func overlay(c *directory.Connection, given directory.Connection, changed func(flag string) bool) {
	for flag, put := range map[string]func(){
		"org":                    func() { c.Org = given.Org },
		"name":                   func() { c.Name = given.Name },
		"dialect":                func() { c.Dialect = given.Dialect },
		"scope":                  func() { c.Scopes = given.Scopes },
		"ignore-unknown-members": func() { c.IgnoreUnknownMembers = given.IgnoreUnknownMembers },
		"rate":                   func() { c.RatePerSecond = given.RatePerSecond },
		"on-blocked":             func() { c.OnBlocked = given.OnBlocked },
		"on-seat-exhausted":      func() { c.OnSeatExhausted = given.OnSeatExhausted },
		"may-lift-block":         func() { c.MayLiftBlock = given.MayLiftBlock },
		"error-extension":        func() { c.ErrorExtension = given.ErrorExtension },
		"rank-ceiling":           func() { c.RankCeiling = given.RankCeiling },
		"burst":                  func() { c.Burst = given.Burst },
	} {
		if changed(flag) {
			put()
		}
	}
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
	return group("token", "Provisioning and administrator tokens", tokenCreate(o), tokenList(o), tokenRotate(o), tokenRevoke(o))
}

func tokenCreate(o *options) *cobra.Command {
	var conn string
	var req control.NewToken
	cmd := &cobra.Command{Use: "create", Short: "Make a token; it alone is printed, this once", Args: noArgs, Example: "  usher token create --connection okta --ttl 8760h\n  usher token create --admin --org acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := meant(cmd.Flags().Changed, req); err != nil {
				return err
			}
			req.Connection = directory.ConnectionID(conn)
			err := o.making(cmd.Context(), func(c *client) error { return c.handOut(cmd, "/tokens", req) })
			return about(err, "connection", conn)
		}}
	cmd.Flags().StringVar(&conn, "connection", "default", "connection it belongs to")
	complete(cmd, "connection", o.connections())
	cmd.Flags().BoolVar(&req.Admin, "admin", false, "make an administrator token of an organization instead")
	cmd.Flags().StringVar((*string)(&req.Org), "org", "default", "organization, with --admin")
	complete(cmd, "org", o.organizations())
	cmd.Flags().StringSliceVar(&req.Scopes, "scope", nil, "narrow what it may do (default: all that the connection may)")
	cmd.Flags().StringVar(&req.TTL, "ttl", "", "how long it lives, such as 8760h (default: until revoked)")
	return cmd
}

// handOut makes a token and prints it. One that cannot be printed nobody will ever know,
// so it does not live on.
func (c *client) handOut(cmd *cobra.Command, path string, req any) error {
	var made control.Secret
	if err := c.call(cmd.Context(), "POST", path, req, &made); err != nil {
		return err
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), made.Plain)
	if err == nil {
		return nil
	}
	if err := c.call(cmd.Context(), "DELETE", "/tokens/"+made.Token.ID, nil, nil); err != nil {
		return fmt.Errorf("the new token %s could not be written; revoke it: %w", made.Token.ID, err)
	}
	return fmt.Errorf("the new token could not be written and is revoked again: %w", err)
}

// meant refuses flags of a new token that say nothing, or that contradict each other:
// it would be a token of somebody else, or for more or longer than was wanted.
func meant(given func(flag string) bool, req control.NewToken) error {
	switch {
	case req.Admin && given("connection"):
		return usageError{errors.New("an administrator token is one of an organization; leave out --connection, or --admin")}
	case !req.Admin && given("org"):
		return usageError{errors.New("--org goes with --admin; a provisioning token is one of a connection, which --connection names")}
	case given("ttl") && req.TTL == "":
		return usageError{errors.New("--ttl is empty; write a duration such as 8760h, or leave it out for a token that lives until it is revoked")}
	case given("scope") && len(req.Scopes) == 0:
		return usageError{errors.New("--scope is empty; name what the token may do, or leave it out for all that its connection may")}
	}
	return nil
}

func tokenList(o *options) *cobra.Command {
	var conn string
	cmd := &cobra.Command{Use: "list", Short: "List the tokens, without their secrets", Args: noArgs, Example: "  usher token list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []directory.Token
			err := o.with(cmd.Context(), func(c *client) error {
				return c.call(cmd.Context(), "GET", "/tokens?connection="+url.QueryEscape(conn), nil, &all)
			})
			err = about(err, "connection", conn)
			w := table(cmd)
			for _, t := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\tcreated %s\texpires %s\tused %s\n", t.ID, t.Connection, state(t), day(t.Created), day(t.Expires), day(t.LastUsed))
			}
			return firstError(err, w.Flush())
		}}
	cmd.Flags().StringVar(&conn, "connection", "", "those of one connection")
	complete(cmd, "connection", o.connections())
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
			err := o.with(cmd.Context(), func(c *client) error {
				return c.handOut(cmd, "/tokens/"+url.PathEscape(args[0])+"/rotate?overlap="+url.QueryEscape(overlap), nil)
			})
			return about(err, "token", args[0])
		}}
	cmd.Flags().StringVar(&overlap, "overlap", "24h", "how long the old token still works")
	cmd.ValidArgsFunction = first(o.tokens())
	return cmd
}

func tokenRevoke(o *options) *cobra.Command {
	return &cobra.Command{Use: "revoke ID", Short: "End a token at once", Args: oneArg("the id of the token"), ValidArgsFunction: first(o.tokens()), Example: "  usher token revoke ID",
		RunE: func(cmd *cobra.Command, args []string) error {
			err := o.with(cmd.Context(), func(c *client) error {
				return c.call(cmd.Context(), "DELETE", "/tokens/"+url.PathEscape(args[0]), nil, nil)
			})
			return about(err, "token", args[0])
		}}
}
