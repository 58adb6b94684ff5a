package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// S0-20, domain 3.1: every blocker says which role clears it and who has that role and
// may act; of many, some.
func TestEveryBlockerNamesWhoCan(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	h := s.house
	ids := map[string]string{}
	for _, name := range []string{"owner", "high", "low", "gone", "app", "target"} {
		ids[name] = h.person(name + "@example.com")
	}
	for name, standing := range map[string]string{"high": `{"role":"admin","rank":500}`, "low": `{"role":"admin","rank":10}`, "gone": `{"role":"admin","rank":800}`} {
		h.api(200, "PUT", "/users/"+ids[name]+"/standing", standing)
	}
	h.api(200, "POST", "/organization/owner", `{"to":"`+ids["owner"]+`"}`)
	h.setActive(200, ids["gone"], false)
	h.api(200, "PUT", "/applications/books", `{"name":"Zoho Books"}`)
	target := ids["target"]
	fix := func(what string, got reply, code, role string, names ...string) {
		t.Helper()
		var holders, want []string
		blocker := extension + "/blockers/0/"
		if got.at("blockers/0/code") != "" {
			blocker = "blockers/0/"
		}
		if text := got.at(blocker + "fix/holders"); text != "" {
			if err := json.Unmarshal([]byte(text), &holders); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names {
			want = append(want, ids[name])
		}
		slices.Sort(holders)
		slices.Sort(want)
		h.same(got, blocker+"code", code)
		h.same(got, blocker+"fix/roleNeeded", role)
		if !slices.Equal(holders, want) {
			t.Errorf("%s: %v can do it, want %v, in %s", what, holders, names, got.text)
		}
	}
	off := func(status int, id string) reply {
		t.Helper()
		return h.setActive(status, id, false, "Prefer: error-extension")
	}
	admins := []string{"owner", "high", "low"}

	team := h.api(201, "POST", "/teams", `{"name":"Sales","leader":"`+target+`"}`).at("id")
	fix("G3", off(409, target), "deactivation.team_leader", "admin", admins...)
	h.api(200, "PATCH", "/teams/"+team, `{"leader":""}`)

	record := h.api(201, "POST", "/records", `{"type":"opportunity","owner":"`+target+`","open":true}`).at("id")
	fix("G7", off(409, target), "deactivation.no_transferee", "admin", admins...)
	h.api(204, "DELETE", "/records/"+record, "")

	h.api(200, "PUT", "/applications/books/assignments/"+target, `{"role":"admin"}`)
	fix("G4, last administrator", off(409, target), "deactivation.last_admin", "admin", admins...)
	h.api(200, "PUT", "/applications/books/assignments/"+ids["app"], `{"role":"admin"}`)
	h.api(200, "PUT", "/applications/books/assignments/"+ids["gone"], `{"enabled":false}`)

	h.api(200, "PUT", "/applications/desk", `{"name":"Zoho Desk","owner":"`+target+`"}`)
	fix("G4, owner", off(409, target), "deactivation.app_owner", "admin", admins...)
	h.api(200, "PUT", "/applications/desk", `{"name":"Zoho Desk"}`)

	i := h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+target+`","enabled":true,"fix":{"roleNeeded":"books.admin"}}`).at("id")
	fix("G1", off(409, target), "deactivation.integration", "books.admin", "app", "target")
	h.api(200, "POST", "/users/"+ids["app"]+"/suspend", "")
	fix("G1, one is frozen", off(409, target), "deactivation.integration", "books.admin", "target")
	h.api(200, "POST", "/users/"+ids["app"]+"/resume", "")
	h.api(204, "DELETE", "/integrations/"+i, "")
	i = h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+target+`","enabled":true}`).at("id")
	fix("G1 without a role", off(409, target), "deactivation.integration", "admin", admins...)
	h.api(204, "DELETE", "/integrations/"+i, "")

	fix("G5", off(409, ids["owner"]), "deactivation.org_owner", "owner", "owner")
	fix("G6", s.as("low@example.com", 403, "POST", "/users/"+ids["low"]+"/deactivate", "{}"), "deactivation.self", "admin", "owner", "high")
	h.connection(`,"rankCeiling":50`)
	h.api(200, "PUT", "/users/"+target+"/standing", `{"rank":400}`)
	fix("G2", off(403, target), "deactivation.higher_role", "admin", "owner", "high")
	fix("sign-in", s.as("low@example.com", 403, "POST", "/users/"+ids["high"]+"/invite", ""), "identity.protected", "admin", "owner", "high")
	h.connection("")
	h.api(200, "PUT", "/settings", `{"language":"en","twoPeople":true,"brake":{"percent":1,"count":0,"minutes":10}}`)
	fix("G8", off(403, target), "safeguard.mass_deactivation", "admin", admins...)
	fix("G9", s.as("high@example.com", 403, "POST", "/users/"+ids["low"]+"/deactivate", "{}"), "approval.required", "admin", "owner", "low")

	for n := range 25 {
		id := h.person(fmt.Sprintf("admin%d@example.com", n))
		h.api(200, "PUT", "/users/"+id+"/standing", `{"role":"admin","rank":1}`)
	}
	if holders := off(403, target).doc.(map[string]any)[extension].(map[string]any)["blockers"].([]any)[0].(map[string]any)["fix"].(map[string]any)["holders"].([]any); len(holders) != 20 {
		t.Errorf("%d people are named, want 20", len(holders))
	}
}

// K61, S0-20: of the last administrator it is they who can make somebody another.
func TestTheLastAdminIsNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "example.com")
	ada := h.person("ada@example.com")
	h.api(200, "PUT", "/users/"+ada+"/standing", `{"role":"admin"}`)
	got := h.setActive(409, ada, false, "Prefer: error-extension")
	h.same(got, extension+"/blockers/0/fix/roleNeeded", "admin")
	h.same(got, extension+"/blockers/0/fix/holders", `["`+ada+`"]`)
}
