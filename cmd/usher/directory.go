package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
)

// api sends a request to the admin API with the operator's rights in an
// organization.
func (c *client) api(ctx context.Context, org, method, path string, in, out any) error {
	body := ""
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = string(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://usher"+c.rehearsal+operation.Prefix+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set(control.OrganizationHeader, org)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return unreachable{err}
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		var p operation.Problem
		if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
			return fmt.Errorf("the server answered %s", answer.Status)
		}
		return &problem{p.Status, p.Detail}
	}
	if out == nil || answer.StatusCode == http.StatusNoContent {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

// licenceView is what a list of licences shows.
type licenceView struct {
	Items []struct {
		ID    string          `json:"id"`
		Seats directory.Seats `json:"seats"`
	} `json:"items"`
}

func licenceCommand(o *options) *cobra.Command {
	org := ""
	set := &cobra.Command{Use: "set SEATS", Short: "Say how many seats are bought", Args: oneArg("the number of seats"), Example: "  usher licence set 250 --org acme"}
	sku := set.Flags().String("sku", estate.CoreSKU, "licence: core for people, or the name of an extension")
	set.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || n < 0 {
			return usageError{fmt.Errorf("%q is not a number of seats", args[0])}
		}
		return o.with(cmd.Context(), func(c *client) error {
			return c.api(cmd.Context(), org, "PUT", "/licences/"+url.PathEscape(*sku), map[string]int64{"purchased": n}, nil)
		})
	}
	lift := &cobra.Command{Use: "lift", Short: "Lift the limit", Args: noArgs, Example: "  usher licence lift --org acme"}
	lifted := lift.Flags().String("sku", estate.CoreSKU, "licence")
	lift.RunE = func(cmd *cobra.Command, _ []string) error {
		err := o.with(cmd.Context(), func(c *client) error {
			return c.api(cmd.Context(), org, "DELETE", "/licences/"+url.PathEscape(*lifted), nil, nil)
		})
		return about(err, "licence", *lifted)
	}
	list := &cobra.Command{Use: "list", Short: "List the licences and how they stand", Args: noArgs, Example: "  usher licence list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all licenceView
			err := o.with(cmd.Context(), func(c *client) error {
				return c.api(cmd.Context(), org, "GET", "/licences?limit=200", nil, &all)
			})
			w := table(cmd)
			for _, l := range all.Items {
				fmt.Fprintf(w, "%s\t%d bought\t%d used\t%d reserved\t%d free\n", l.ID, l.Seats.Purchased, l.Seats.Used, l.Seats.Reserved, l.Seats.Free)
			}
			return firstError(err, w.Flush())
		}}
	return inOrg(group("licence", "Licences: how many people may be active", set, lift, list), &org)
}

// inOrg gives the commands of a group the flag that names the organization.
func inOrg(cmd *cobra.Command, org *string) *cobra.Command {
	cmd.PersistentFlags().StringVar(org, "org", "default", "organization")
	return cmd
}

// domainDoc is a domain as the API shows it.
type domainDoc struct {
	Domain   string `json:"domain"`
	Verified bool   `json:"verified"`
	Record   string `json:"txtRecord"`
}

func domainCommand(o *options) *cobra.Command {
	org := ""
	claim := &cobra.Command{Use: "claim DOMAIN", Short: "Print the TXT record that proves a domain", Args: oneArg("the domain"), Example: "  usher domain claim example.com --org acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			var d domainDoc
			err := o.with(cmd.Context(), func(c *client) error {
				return c.api(cmd.Context(), org, "POST", "/domains", map[string]string{"domain": args[0]}, &d)
			})
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), d.Record)
			}
			return err
		}}
	verify := &cobra.Command{Use: "verify DOMAIN", Short: "Look the TXT record up", Args: oneArg("the domain"), Example: "  usher domain verify example.com --org acme"}
	asserted := verify.Flags().Bool("assert", false, "take the operator's word instead of the record")
	verify.RunE = func(cmd *cobra.Command, args []string) error {
		err := o.with(cmd.Context(), func(c *client) error {
			if *asserted {
				return c.call(cmd.Context(), "POST", "/domains/assert", map[string]string{"organization": org, "domain": args[0]}, nil)
			}
			return c.api(cmd.Context(), org, "POST", "/domains/"+url.PathEscape(args[0])+"/verify", nil, nil)
		})
		return about(err, "domain", args[0])
	}
	release := &cobra.Command{Use: "release DOMAIN", Short: "Give a domain up", Args: oneArg("the domain"), Example: "  usher domain release example.com --org acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			err := o.with(cmd.Context(), func(c *client) error {
				return c.api(cmd.Context(), org, "DELETE", "/domains/"+url.PathEscape(args[0]), nil, nil)
			})
			return about(err, "domain", args[0])
		}}
	list := &cobra.Command{Use: "list", Short: "List the domains", Args: noArgs, Example: "  usher domain list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all struct {
				Items []domainDoc `json:"items"`
			}
			err := o.with(cmd.Context(), func(c *client) error { return c.api(cmd.Context(), org, "GET", "/domains", nil, &all) })
			w := table(cmd)
			for _, d := range all.Items {
				state := "verified"
				if !d.Verified {
					state = "claimed\t" + d.Record
				}
				fmt.Fprintf(w, "%s\t%s\n", d.Domain, state)
			}
			return firstError(err, w.Flush())
		}}
	return inOrg(group("domain", "Domains that are an organization's own", claim, verify, release, list), &org)
}

func accountCommand(o *options) *cobra.Command {
	var home, state string
	set := &cobra.Command{Use: "set EMAIL", Short: "Say where an account has its home, or that it is spam", Args: oneArg("the address"), Example: "  usher account set ada@partner.example --home partner\n  usher account set mallory@spam.example --state spam",
		RunE: func(cmd *cobra.Command, args []string) error {
			change := map[string]string{"email": args[0]}
			for flag, name := range map[string]string{"home": "homeOrganization", "state": "state"} {
				if f := cmd.Flags().Lookup(flag); f.Changed {
					change[name] = f.Value.String()
				}
			}
			if len(change) == 1 {
				return usageError{errors.New("nothing is to be set; give --home, --state or both")}
			}
			return o.with(cmd.Context(), func(c *client) error { return c.call(cmd.Context(), "PATCH", "/accounts", change, nil) })
		}}
	set.Flags().StringVar(&home, "home", "", "organization that the account belongs to (default: stays as it is)")
	set.Flags().StringVar(&state, "state", "", "open or spam (default: stays as it is; open for a new account)")
	return group("account", "Accounts of people, across organizations", set)
}
