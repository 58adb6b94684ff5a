package app_test

import (
	"strings"
	"testing"
)

const extension = "urn:ietf:params:scim:api:messages:usher:2.0:Error"

// The integrations of S0, without their owner.
const (
	withCRM       = `"app":"books","appName":"Zoho Books","peerApp":"crm","peerAppName":"Zoho CRM","enabled":true,"fix":{"kind":"disable","where":"books","roleNeeded":"books.admin","precondition":"crm.enabledFor"}`
	withAnalytics = `"app":"books","appName":"Zoho Books","peerApp":"analytics","peerAppName":"Zoho Analytics","enabled":true,"fix":{"kind":"transfer","where":"analytics","roleNeeded":"analytics.owner"}`
	withDesk      = `"app":"books","appName":"Zoho Books","peerApp":"desk","peerAppName":"Zoho Desk","holds":"membership","enabled":true,"fix":{"kind":"disable","where":"desk","roleNeeded":"desk.admin"}`

	textCRM       = "Status cannot be changed. User's credentials are used for integration with Zoho CRM."
	textAnalytics = "Status cannot be changed. User's credentials are used for integration with Zoho Analytics."
	textDesk      = "The user's status cannot be changed as they are a part of Zoho Books-Zoho Desk integration. If you still want to mark this user as inactive, disable the integration and try again."
)

func (h *house) integration(owner, rest string) string {
	h.Helper()
	return h.api(201, "POST", "/integrations", `{"owner":"`+owner+`",`+rest+`}`).at("id")
}

// S0-1, S0-2, S0-4, S0-5, S0-6: each integration refuses with its own text, and lets go
// once it is disabled, removed or somebody else's.
func TestS0TextsAndWaysOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bob := h.person("bob@example.com")
	for name, c := range map[string]struct{ rest, text string }{
		"S0-4": {withCRM, textCRM}, "S0-5": {withAnalytics, textAnalytics}, "S0-6": {withDesk, textDesk},
	} {
		for out, clear := range map[string]func(id, owner string){
			"disabled": func(id, _ string) { h.api(200, "POST", "/integrations/"+id+"/disable", "") },
			"removed":  func(id, _ string) { h.api(204, "DELETE", "/integrations/"+id, "") },
			"re-pointed": func(id, _ string) {
				h.api(200, "POST", "/integrations/"+id+"/take-ownership", `{"owner":"`+bob+`"}`)
			},
			"edited": func(id, owner string) {
				h.api(200, "PUT", "/integrations/"+id, `{"owner":"`+owner+`",`+strings.Replace(c.rest, `"enabled":true`, `"enabled":false`, 1)+`}`)
			},
		} {
			ada := h.person(name + "-" + out + "@example.com")
			id := h.integration(ada, c.rest)
			before := h.snapshot(ada)
			got := h.setActive(409, ada, false)
			h.same(got, "detail", c.text)
			h.same(got, "status", "409")
			h.same(got, "scimType", "")
			if code := got.header.Get("Usher-Error"); code != "deactivation.integration" {
				t.Errorf("%s: Usher-Error %q", name, code)
			}
			link := strings.TrimSuffix(strings.TrimPrefix(got.header.Get("Link"), "</api/v1"), `>; rel="describedby"`)
			h.same(h.api(200, "GET", link, ""), "gone", "false")
			if after := h.snapshot(ada); after != before {
				t.Errorf("S0-1: the refusal changed something: %s to %s", before, after)
			}
			clear(id, ada)
			h.same(h.api(200, "GET", link, ""), "gone", "true")
			h.same(h.setActive(200, ada, false), "active", "false")
		}
	}
}

// S0-7: whoever cannot clear the way is told whom to ask, which is a setting.
func TestS0Support(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	h.integration(ada, withCRM)
	const fix = extension + "/blockers/0/fix/"
	h.same(h.setActive(409, ada, false, "Prefer: error-extension"), fix+"support", "")
	h.api(200, "PUT", "/settings", `{"supportContact":"support@example.com","language":"en","undoMinutes":30,"selfClose":false,"retentionDays":30,"brake":{"percent":0,"count":0,"minutes":0}}`)
	got := h.setActive(409, ada, false, "Prefer: error-extension")
	h.same(got, fix+"support", "support@example.com")
	h.same(got, "detail", textCRM)
	h.same(h.api(409, "POST", "/users/"+ada+"/deactivate", "{}"), "blockers/0/fix/support", "support@example.com")
}

// S0-3, S0-15: an application is taken from one person without touching where they
// stand, and refuses with the same text.
func TestS0OneApplication(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	for _, app := range []string{"books", "crm"} {
		h.api(200, "PUT", "/applications/"+app, `{"name":"`+app+`"}`)
		h.api(200, "PUT", "/applications/"+app+"/assignments/"+ada, `{"role":"user"}`)
	}
	id := h.integration(ada, withCRM)
	refused := h.api(409, "PUT", "/applications/books/assignments/"+ada, `{"enabled":false}`)
	h.same(refused, "detail", textCRM)
	h.same(refused, "code", "deactivation.integration")
	h.same(h.api(200, "PUT", "/applications/books/assignments/"+ada+"?preview=true", `{"enabled":false}`), "code", "deactivation.integration")
	if got := h.enabledApps(ada); got != "books crm" {
		t.Errorf("a refusal leaves %q", got)
	}
	h.api(200, "PUT", "/applications/crm/assignments/"+ada, `{"enabled":false}`) // which does not carry the integration
	h.api(200, "POST", "/integrations/"+id+"/disable", "")
	h.api(200, "PUT", "/applications/books/assignments/"+ada, `{"enabled":false}`)
	if got := h.enabledApps(ada); got != "" || h.standing(ada) != "active" {
		t.Errorf("S0-15: %q enabled, %s", got, h.standing(ada))
	}
	h.setActive(200, ada, false)
	h.setActive(200, ada, true)
	if got := h.enabledApps(ada); got != "" {
		t.Errorf("C1: activation enables %q, which was disabled by hand", got)
	}
}

// enabledApps are the applications that a person has, in order.
func (h *house) enabledApps(id string) string {
	h.Helper()
	var apps []string
	got := h.api(200, "GET", "/assignments?user="+id, "")
	items, _ := got.doc.(map[string]any)["items"].([]any)
	for _, one := range items {
		if a, _ := one.(map[string]any); a["enabled"] == true {
			app, _ := a["app"].(string)
			apps = append(apps, app)
		}
	}
	return strings.Join(apps, " ")
}

// S0-16, C1: a deactivation takes every application, or, where one refuses, none of them;
// nor does anything else of the request happen.
func TestS0AllOrNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	for _, app := range []string{"books", "crm", "desk"} {
		h.api(200, "PUT", "/applications/"+app, `{"name":"`+app+`"}`)
		h.api(200, "PUT", "/applications/"+app+"/assignments/"+ada, `{"role":"user"}`)
	}
	id := h.integration(ada, withDesk)
	before := h.snapshot(ada)
	const both = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"Ada"},{"op":"replace","path":"active","value":false},{"op":"replace","path":"title","value":"left"}]}`
	h.same(h.prov(409, "PATCH", "/Users/"+ada, both), "detail", textDesk)
	if after := h.snapshot(ada); after != before {
		t.Errorf("S0-16: half a request was carried out: %s to %s", before, after)
	}
	if got := h.enabledApps(ada); got != "books crm desk" {
		t.Errorf("S0-16: %q are left", got)
	}
	h.api(200, "POST", "/integrations/"+id+"/disable", "")
	h.same(h.prov(200, "PATCH", "/Users/"+ada, both), "displayName", "Ada")
	if got := h.enabledApps(ada); got != "" {
		t.Errorf("S0-16: %q are left after the deactivation", got)
	}
	h.setActive(200, ada, true)
	if got := h.enabledApps(ada); got != "books crm desk" {
		t.Errorf("C1: activation gives back %q", got)
	}
}

// S0-17, S0-18, S0-20: all blockers are told at once, of every kind, each with its fix
// and with who can make it.
func TestS0AllBlockers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	h.api(200, "PUT", "/applications/books", `{"name":"Zoho Books"}`)
	h.api(200, "PUT", "/applications/analytics", `{"name":"Zoho Analytics"}`)
	h.api(200, "PUT", "/applications/books/assignments/"+bob, `{"role":"admin"}`)
	h.api(200, "PUT", "/applications/analytics/assignments/"+bob, `{"role":"owner"}`)
	crm, analytics, desk := h.integration(ada, withCRM), h.integration(ada, withAnalytics), h.integration(ada, withDesk)
	team := h.api(201, "POST", "/teams", `{"name":"Sales","leader":"`+ada+`"}`).at("id")
	got := h.setActive(409, ada, false, "Prefer: error-extension")
	want := map[string]map[string]string{
		crm:       {"app": "books", "peerApp": "crm", "ownerId": ada, "code": "deactivation.integration", "detail": textCRM, "fix/kind": "disable", "fix/where": "books", "fix/roleNeeded": "books.admin", "fix/holders": `["` + bob + `"]`, "fix/precondition": "crm.enabledFor", "fix/href": "/api/v1/integrations/" + crm},
		analytics: {"peerApp": "analytics", "detail": textAnalytics, "fix/kind": "transfer", "fix/where": "analytics", "fix/roleNeeded": "analytics.owner", "fix/holders": `["` + bob + `"]`},
		desk:      {"peerApp": "desk", "detail": textDesk, "fix/kind": "disable", "fix/where": "desk", "fix/roleNeeded": "desk.admin", "fix/holders": ""},
		"":        {"code": "deactivation.team_leader", "teams": `["` + team + `"]`, "fix/kind": "changeLeader"},
	}
	for i := range 4 {
		at := extension + "/blockers/" + string(rune('0'+i))
		id := got.at(at + "/integrationId")
		for path, value := range want[id] {
			h.same(got, at+"/"+path, value)
		}
		delete(want, id)
	}
	if len(want) != 0 {
		t.Errorf("S0-17: not told: %v", want)
	}
	h.same(got, extension+"/retryable", "true")
	h.same(got, extension+"/contained", "false")
	for _, text := range []string{textCRM, textAnalytics, textDesk, "leads the team Sales"} {
		if !strings.Contains(got.at("detail"), text) {
			t.Errorf("S0-17: %q is not in %q", text, got.at("detail"))
		}
	}
	plain := h.setActive(409, ada, false)
	if strings.Contains(plain.text, extension) {
		t.Errorf("the extension was not asked for: %s", plain.text)
	}
	h.same(h.api(200, "GET", "/integrations/"+crm, ""), "fix/roleNeeded", "books.admin")
	h.api(200, "POST", "/integrations/"+analytics+"/take-ownership", `{"owner":"`+bob+`"}`)
	taken := h.api(200, "GET", "/integrations/"+analytics, "")
	h.same(taken, "owner", bob) // S0-14, S0-18: who owns it now, and that it is to be synchronized
	h.same(taken, "syncState", "pending")
	if taken.at("lastSync") == "" {
		t.Error("S0-18: no time of the last synchronization")
	}
}

// S0-19: a preview promises nothing: what has been made since refuses.
func TestS0PreviewIsNotTheDecision(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	before := h.snapshot(ada)
	preview := h.api(200, "POST", "/users/"+ada+"/deactivate?preview=true", "{}")
	h.same(preview, "allowed", "true")
	h.same(preview, "done", "false")
	h.same(preview, "person/status", "inactive")
	if after := h.snapshot(ada); after != before {
		t.Error("a preview changed something")
	}
	h.integration(ada, withCRM)
	h.same(h.api(409, "POST", "/users/"+ada+"/deactivate", "{}"), "detail", textCRM)
	preview = h.api(200, "POST", "/users/"+ada+"/deactivate?preview=true", "{}")
	h.same(preview, "allowed", "false")
	h.same(preview, "code", "deactivation.integration")
	h.same(preview, "blockers/0/detail", textCRM)
	if n := h.audited("user.deactivate.refused", ada); n != 1 {
		t.Errorf("%d refusals are audited, want one: previews leave no trace", n)
	}
}

// S0-9, S0-12, S0-20: an administrator without the role in the application is told which
// it is and who holds it, by whatever way they try, and changes nothing.
func TestS0RoleNeeded(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	ada, bob := s.person("ada@example.com"), s.person("bob@example.com")
	for _, id := range []string{ada, bob} {
		s.api(200, "PUT", "/users/"+id+"/standing", `{"role":"admin","rank":1}`)
	}
	s.api(200, "PUT", "/applications/books", `{"name":"Zoho Books"}`)
	s.api(200, "PUT", "/applications/books/assignments/"+bob, `{"role":"admin"}`)
	id := s.integration(ada, withCRM)
	path := "/integrations/" + id
	before := s.api(200, "GET", path, "").text
	off := `{"owner":"` + ada + `",` + strings.Replace(withCRM, `"enabled":true`, `"enabled":false`, 1) + `}`
	for _, c := range []struct{ method, path, body string }{
		{"POST", path + "/disable", ""}, {"POST", path + "/take-ownership", `{"owner":"` + bob + `"}`}, {"PUT", path, off}, {"DELETE", path, ""},
	} {
		got := s.as("ada@example.com", 403, c.method, c.path, c.body)
		s.same(got, "code", "integration.role_needed")
		s.same(got, "detail", "This needs the role books.admin, which you do not have; ask somebody who does.")
		s.same(got, "blockers/0/fix/roleNeeded", "books.admin")
		s.same(got, "blockers/0/fix/holders", `["`+bob+`"]`)
		if after := s.api(200, "GET", path, "").text; after != before {
			t.Errorf("%s %s changed something", c.method, c.path)
		}
	}
	s.same(s.as("bob@example.com", 200, "POST", path+"/disable", ""), "enabled", "false")
	s.setActive(200, ada, false)
}
