package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// clientOf makes a connection with scopes, and a token of it that states some or none.
func (h *house) clientOf(org, connection, scopes, stated string) string {
	h.Helper()
	quoted := func(list string) string { return `["` + strings.Join(strings.Fields(list), `","`) + `"]` }
	h.control(h.T, "PUT", "/connections/"+connection, `{"organization":"`+org+`","scopes":`+quoted(scopes)+`,"dialect":"tolerant"}`, &struct{}{})
	body := `{"connection":"` + connection + `"}`
	if stated != "" {
		body = `{"connection":"` + connection + `","scopes":` + quoted(stated) + `}`
	}
	var made struct{ Secret string }
	h.control(h.T, "POST", "/tokens", body, &made)
	return made.Secret
}

// own are the resources of the events that a token sees, page by page of a size,
// and it wants each to be of the client that did it.
func (h *house) own(token, connection, query string, size int) (resources []string) {
	h.Helper()
	for after := ""; ; {
		page := h.wanted(200, "GET", fmt.Sprintf("/api/v1/audit?limit=%d%s%s", size, query, after), token, "")
		for i := range page.items() {
			at := fmt.Sprintf("items/%d/event/", i)
			if page.at(at+"actor/connection") != connection || page.at(at+"actor/kind") != "client" || page.at(at+"actor/user") != "" {
				h.Errorf("%s sees %s", connection, page.at(fmt.Sprintf("items/%d", i)))
			}
			resources = append(resources, page.at(at+"resource"))
		}
		if page.at("next") == "" {
			return resources
		}
		after = "&after=" + page.at("next")
	}
}

// Domain 3.6, K17: with the scope audit.own a provisioning client sees the events that
// it caused itself, whatever it asks for: nobody else's of the organization, also not
// those of people who came through its connection, and none of another organization.
func TestClientsSeeTheirOwnEvents(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	h := s.house
	theirs := h.tenant(t, "b")
	mine := h.clientOf("default", "okta", "* audit.own", "")
	other := h.clientOf("default", "okta2", "* audit.own", "users:read users:write audit.own")
	create := func(token, name string) string {
		t.Helper()
		return h.wanted(201, "POST", "/scim/v2/Users", token, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`@example.com"}`).at("id")
	}
	ada, bob := create(mine, "ada"), create(other, "bob")
	eve := create(secret, "eve")
	foreign := create(theirs, "far")
	h.api(200, "PUT", "/users/"+eve+"/standing", `{"role":"admin","rank":10}`)
	s.as("eve@example.com", 200, "PATCH", "/users/"+ada, `{"title":"Countess"}`)                                                                            // of a person
	h.api(200, "PATCH", "/users/"+ada, `{"title":"Lady"}`)                                                                                                  // of an administrator token
	h.wanted(200, "PATCH", "/scim/v2/Users/"+ada, other, off)                                                                                               // of another client
	h.wanted(403, "PATCH", "/scim/v2/Users/"+ada, mine, strings.Replace(off, "false", "true", 1))                                                           // the other one has blocked the address
	h.wanted(200, "PATCH", "/scim/v2/Me", s.signedIn("eve@example.com"), strings.Replace(strings.Replace(off, "active", "nickName", 1), "false", `"E"`, 1)) // of a person, through the connection default

	for _, size := range []int{1, 2, 200} {
		if got := h.own(mine, "okta", "", size); !slices.Equal(got, []string{ada, ada}) {
			t.Errorf("okta sees %v, %d a page, want two events of %s", got, size, ada)
		}
		if got := h.own(other, "okta2", "", size); !slices.Equal(got, []string{bob, ada}) {
			t.Errorf("okta2 sees %v, %d a page, want %s and %s", got, size, bob, ada)
		}
	}
	all := h.api(200, "GET", "/audit?limit=200", "")
	if n := all.items(); n < 8 {
		t.Fatalf("only %d events are there", n)
	}
	for query, want := range map[string]int{"&resource=" + ada: 2, "&resource=" + bob: 0, "&resource=" + eve: 0, "&resource=" + foreign: 0, "&action=user.create": 1,
		"&action=user.update": 0, "&app=" + eve: 0, "&app=" + ada: 2, "&app=okta2": 0, "&app=client%00okta2": 0, "&app=core": 1, "&resource=" + ada + "&action=user.activate.refused": 1} {
		if got := h.own(mine, "okta", query, 1); len(got) != want {
			t.Errorf("%s: %d events, want %d", query, len(got), want)
		}
	}
	// The cursor of somebody else's page is a place, and nothing more.
	for after := ""; ; {
		page := h.api(200, "GET", "/audit?limit=1"+after, "")
		if page.at("next") == "" {
			break
		}
		after = "&after=" + page.at("next")
		h.own(mine, "okta", after, 200)
	}
	h.wanted(400, "GET", "/api/v1/audit?connection=okta2", mine, "")
	h.wanted(400, "GET", "/api/v1/audit?after=junk", mine, "")
	if n := h.wanted(200, "GET", "/api/v1/audit?limit=200", h.adminOf("b"), "").items(); n == 0 {
		t.Error("the other organization has no events")
	}

	// /Me of the connection default is its person's, not its client's.
	h.connection("")
	h.control(t, "PUT", "/connections/default", `{"organization":"default","scopes":["*","audit.own"],"dialect":"tolerant"}`, &struct{}{})
	if got := h.own(secret, "default", "", 200); !slices.Equal(got, []string{eve}) {
		t.Errorf("default sees %v, want %s", got, eve)
	}
}

// K17: nothing but the scope itself opens the audit to a client, by whatever way it
// came to its scopes, and the scope opens nothing else: not of the admin API, and
// nothing of SCIM.
func TestOwnEventsAreNamed(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	h := s.house
	const text = "A provisioning token cannot be used here; make an administrator token with usher token create --admin."
	refused := func(what, token string) {
		t.Helper()
		got := h.wanted(403, "GET", "/api/v1/audit", token, "")
		if got.at("code") != "permission.denied" || got.at("detail") != text {
			t.Errorf("%s: %s", what, got.text)
		}
	}
	refused("all", h.clientOf("default", "all", "*", ""))
	refused("all, read and write", h.clientOf("default", "each", "*:read *:write", ""))
	refused("named by the token alone", h.clientOf("default", "bound", "*", "audit.own"))
	refused("named by the connection, narrowed by the token", h.clientOf("default", "narrow", "* audit.own", "*"))
	only := h.clientOf("default", "reader", "users:read audit.own", "audit.own")
	h.wanted(200, "GET", "/api/v1/audit", only, "")
	h.wanted(403, "GET", "/scim/v2/Users", only, "")
	for id, op := range h.operations() {
		if slices.Contains([]string{"list-audit", "accept-invitation", "forgot-password", "complete-reset"}, id) {
			continue
		}
		path := strings.NewReplacer("{id}", "x", "{user}", "x", "{app}", "x", "{domain}", "x.example", "{departure}", "x").Replace(op[1])
		got, err := h.call(op[0], "http://"+h.cfg.Listen+"/api/v1"+path, only, "")
		if err != nil || got.status != http.StatusForbidden || got.at("code") != "permission.denied" || got.at("detail") != text {
			t.Errorf("%s: %d %s %v", id, got.status, got.text, err)
		}
	}
	h.wanted(405, "POST", "/api/v1/audit", only, "{}")

	// The token of an issuer has it if it states it and the connection has it, and as
	// long as it is a machine's.
	machine := func(scope string) string { return s.issuer.Token(map[string]any{"sub": "machine", "scope": scope}) }
	h.wanted(401, "GET", "/api/v1/audit", machine("audit.own"), "")
	h.control(t, "PUT", "/connections/console", `{"organization":"default","scopes":["*","audit.own"],"dialect":"tolerant"}`, &struct{}{})
	h.soon("the connection is not changed", func() bool { return h.try("GET", "/api/v1/audit", machine("audit.own"), "").status == 200 })
	h.wanted(401, "GET", "/api/v1/audit", machine("users:read *"), "")
	h.own(machine("audit.own"), "console", "", 200)
	h.wanted(403, "GET", "/api/v1/users", machine("audit.own"), "")
	h.wanted(201, "POST", "/scim/v2/Users", machine("users:write"), `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@corp.example"}`)
	if got := h.own(machine("audit.own"), "console", "", 200); !slices.Equal(got[:1], []string{"list-people"}) || len(got) != 2 {
		t.Errorf("the machine sees %v, want its try and its success", got)
	}
	s.owns("default", "corp.example")
	bob := s.member("bob", "", 0)
	for _, one := range s.ask(200, s.issuer.Token(map[string]any{"sub": "bob@corp.example", "scope": "audit.own"}), "GET", "/audit?limit=200", "").list() {
		if text := fmt.Sprint(one); !strings.Contains(text, bob) {
			t.Errorf("bob, a person, sees %s", text)
		}
	}
	h.setActive(200, bob, false)
	h.wanted(401, "GET", "/api/v1/audit", s.issuer.Token(map[string]any{"sub": "bob@corp.example", "scope": "audit.own"}), "")
	h.prov(204, "DELETE", "/Users/"+bob, "")
	h.wanted(401, "GET", "/api/v1/audit", s.issuer.Token(map[string]any{"sub": "bob@corp.example", "scope": "audit.own"}), "")
}
