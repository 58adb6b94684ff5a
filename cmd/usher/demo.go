package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
)

func demoCommand(o *options) *cobra.Command {
	org := ""
	cmd := &cobra.Command{Use: "demo", Short: "Load an organization to try the rules on", Args: noArgs,
		Long: `Load an organization with people, a team, an integration, records, subscriptions, an external person and a licence with one free seat into the
running server, and print the shell variables that the walk-through in README.md uses.`,
		Example: `  eval "$(usher demo)"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.making(cmd.Context(), func(c *client) error {
				d := &demo{client: c, ctx: cmd.Context(), org: org, ids: map[string]string{}}
				d.load()
				base := ""
				d.control("GET", "/url", nil, &base)
				if d.taken {
					return fmt.Errorf("the name %s is taken already, and what an earlier usher demo has printed is printed once; load another organization with usher demo --org NAME", org)
				}
				if d.err != nil {
					return fmt.Errorf("the demo could not be loaded: %w", d.err)
				}
				return d.tell(cmd.OutOrStdout(), base)
			})
		}}
	cmd.Flags().StringVar(&org, "org", "demo", "organization to make")
	return cmd
}

// demo is an organization under construction; after the first error nothing more
// is done.
type demo struct {
	*client
	ctx    context.Context
	org    string
	ids    map[string]string
	tokens [2]string // provisioning, administrator
	taken  bool      // there is an organization of that name
	err    error
}

func (d *demo) load() {
	d.control("POST", "/organizations", directory.Organization{ID: directory.OrgID(d.org), Name: "Demo Inc."}, nil)
	var p *problem
	d.taken = errors.As(d.err, &p) && p.status == http.StatusConflict
	d.control("PUT", "/connections/"+d.org, directory.Connection{Org: directory.OrgID(d.org), Name: "Identity provider", Dialect: scim.Tolerant, Scopes: []string{"*"}}, nil)
	for i, req := range []control.NewToken{{Connection: directory.ConnectionID(d.org)}, {Admin: true, Org: directory.OrgID(d.org)}} {
		var made control.Secret
		d.control("POST", "/tokens", req, &made)
		d.tokens[i] = made.Plain
	}
	d.control("POST", "/domains/assert", map[string]string{"organization": d.org, "domain": d.org + ".example"}, nil)
	d.control("PUT", "/accounts", estate.Account{Email: "eve@partner.example", Home: "default", State: estate.Open}, nil)
	for _, p := range []struct{ name, more string }{
		{"ada", `,"title":"Account manager"`}, {"bob", `,"title":"Head of sales"`}, {"cyd", `,"title":"Administrator"`}, {"dan", `,"userType":"customer"`},
	} {
		d.person(p.name, p.name+"@"+d.org+".example", p.more)
	}
	d.person("eve", "eve@partner.example", "")
	d.api("PUT", "/licences/core", `{"purchased":5}`)
	d.api("PUT", "/users/"+d.ids["cyd"]+"/standing", `{"role":"admin","rank":500}`)
	d.ids["team"] = d.api("POST", "/teams", `{"name":"Sales","leader":"`+d.ids["bob"]+`","rank":1,"members":["`+d.ids["ada"]+`","`+d.ids["bob"]+`"]}`)
	d.api("PUT", "/applications/books", `{"name":"Zoho Books"}`)
	d.api("PUT", "/applications/books/assignments/"+d.ids["cyd"], `{"role":"admin"}`)
	d.api("PUT", "/applications/books/assignments/"+d.ids["ada"], `{"role":"user"}`)
	d.ids["integration"] = d.api("POST", "/integrations", `{"app":"books","appName":"Zoho Books","peerApp":"crm","peerAppName":"Zoho CRM","owner":"`+d.ids["ada"]+`","enabled":true,"syncState":"ok","fix":{"kind":"disable","roleNeeded":"books.admin","where":"books","precondition":"crm.enabledFor:`+d.ids["ada"]+`"}}`)
	for i := range 3 {
		d.api("POST", "/records", fmt.Sprintf(`{"type":"opportunity","name":"Opportunity %d","owner":"%s","open":true}`, i+1, d.ids["ada"]))
	}
	d.api("POST", "/subscriptions", `{"user":"`+d.ids["dan"]+`","plan":"gold","active":true}`)
}

// control calls the control API.
func (d *demo) control(method, path string, in, out any) {
	if d.err == nil {
		d.err = d.call(d.ctx, method, path, in, out)
	}
}

// api calls the admin API and returns the id of what was made.
func (d *demo) api(method, path, body string) string {
	var made struct {
		ID string `json:"id"`
	}
	if d.err == nil {
		d.err = d.client.api(d.ctx, d.org, method, path, rawJSON(body), &made)
	}
	return made.ID
}

type rawJSON string

// MarshalJSON is the text itself.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// person provisions somebody over SCIM.
func (d *demo) person(name, address, more string) {
	var made struct {
		ID string `json:"id"`
	}
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"displayName":%q,"emails":[{"value":%q,"primary":true}]%s}`,
		address, strings.ToUpper(name[:1])+name[1:], address, more)
	if d.err == nil {
		_, d.err = d.scim(d.ctx, d.org, http.MethodPost, "/Users", []byte(body), &made)
	}
	d.ids[name] = made.ID
}

// tell prints what a shell needs to go on.
func (d *demo) tell(out io.Writer, base string) error {
	for _, pair := range [][2]string{{"SCIM", base + "/scim/v2"}, {"API", base + operation.Prefix}, {"TOKEN", d.tokens[0]}, {"ADMIN", d.tokens[1]},
		{"ADA", d.ids["ada"]}, {"BOB", d.ids["bob"]}, {"CYD", d.ids["cyd"]}, {"DAN", d.ids["dan"]}, {"EVE", d.ids["eve"]}, {"TEAM", d.ids["team"]}, {"INTEGRATION", d.ids["integration"]}} {
		if _, err := fmt.Fprintf(out, "export %s=%s\n", pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}
