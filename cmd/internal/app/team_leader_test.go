package app_test

import (
	"fmt"
	"strings"
	"testing"
)

const usherGroup = "urn:ietf:params:scim:schemas:extension:usher:2.0:Group"

// S1-4, domain 3.3: a PUT that does not speak of a team's kind, leader and rank leaves
// them, so that the leader stays guarded; and nobody takes the leader out of the team
// with the leadership, unless somebody else leads it then.
func TestLeaderSurvivesAPut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	const head = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Sales","members":[`
	member := func(id string) string { return `{"value":"` + id + `"}` }
	team := h.prov(201, "POST", "/Groups", head+member(ada)+","+member(bob)+`],"`+usherGroup+`":{"kind":"team","leader":"`+ada+`","rank":3}}`).at("id")
	stays := func(when string) {
		t.Helper()
		g := h.prov(200, "GET", "/Groups/"+team, "")
		h.same(g, usherGroup+"/kind", "team")
		h.same(g, usherGroup+"/leader", ada)
		h.same(g, usherGroup+"/rank", "3")
		if got := h.setActive(409, ada, false).header.Get("Usher-Error"); got != "deactivation.team_leader" {
			t.Errorf("%s: the leader's deactivation answers %s", when, got)
		}
	}
	both := head + member(ada) + "," + member(bob) + `]}`
	h.prov(200, "PUT", "/Groups/"+team, both)
	stays("after a PUT")
	bulk := h.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"PUT","path":"/Groups/`+team+`","data":`+both+`}]}`)
	h.same(bulk, "Operations/0/status", "200")
	stays("after a PUT in bulk")

	ops := func(status int, ops string) reply {
		t.Helper()
		return h.prov(status, "PATCH", "/Groups/"+team, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+ops+`]}`)
	}
	leaves := fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, ada)
	const resigns = `{"op":"remove","path":"` + usherGroup + `:leader"}`
	for name, got := range map[string]reply{
		"PUT without the leader":               h.prov(409, "PUT", "/Groups/"+team, head+member(bob)+`]}`),
		"PUT with nobody":                      h.prov(409, "PUT", "/Groups/"+team, head+`]}`),
		"PATCH of the member":                  ops(409, leaves),
		"PATCH of leadership and member":       ops(409, resigns+","+leaves),
		"PATCH of member and leadership":       ops(409, leaves+","+resigns),
		"PATCH of leader \"\" and all members": ops(409, `{"op":"replace","value":{"`+usherGroup+`:leader":"","members":[]}}`),
	} {
		if code := got.header.Get("Usher-Error"); code != "team.leader" {
			t.Errorf("%s: %s %s", name, code, got.text)
		}
		stays(name)
	}
	h.prov(200, "PUT", "/Groups/"+team, head+member(bob)+`],"`+usherGroup+`":{"leader":"`+bob+`"}}`)
	h.same(h.prov(200, "GET", "/Groups/"+team, ""), usherGroup+"/leader", bob)
	h.setActive(200, ada, false)
	ops(204, resigns)
	h.same(h.prov(200, "GET", "/Groups/"+team, ""), usherGroup+"/leader", "")
	h.prov(204, "DELETE", "/Groups/"+team, "")
	h.setActive(200, bob, false)
}

// S1-4, S1-20, K03: only an active employee of the organization leads a team. Whoever else
// is named is refused with a sentence, and nothing changes then; null says as little as
// silence in a PUT (RFC 7643 section 2.5), and in a PATCH that nobody leads. The members
// stay in both.
func TestWhoMayLead(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.tenant(t, "b")
	ada, bob, cyd, dan, eve := h.person("ada@example.com"), h.person("bob@example.com"), h.person("cyd@example.com"), h.person("dan@example.com"), h.person("eve@example.com")
	customer := h.person("customer@example.com", `,"userType":"customer"`)
	h.setActive(200, cyd, false)
	h.api(200, "POST", "/users/"+dan+"/suspend", "")
	h.prov(204, "DELETE", "/Users/"+eve, "")
	foreign := h.wanted(201, "POST", "/scim/v2/Users", b, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"fay@b.example"}`).at("id")
	const head = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":`
	team := h.prov(201, "POST", "/Groups", head+`"Sales","members":[{"value":"`+ada+`"},{"value":"`+bob+`"}],"`+usherGroup+`":{"kind":"team","leader":"`+ada+`"}}`).at("id")
	put := func(leader string) string {
		return head + `"Sales","members":[{"value":"` + ada + `"},{"value":"` + bob + `"}],"` + usherGroup + `":{"kind":"team"` + leader + `}}`
	}
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	ways := map[string]func(leader string) reply{
		"PUT": func(v string) reply { return h.try("PUT", "/scim/v2/Groups/"+team, secret, put(`,"leader":`+v)) },
		"PATCH": func(v string) reply {
			return h.try("PATCH", "/scim/v2/Groups/"+team, secret, patch+`{"op":"replace","path":"displayName","value":"Other"},{"op":"replace","path":"`+usherGroup+`:leader","value":`+v+`}]}`)
		},
		"PATCH without path": func(v string) reply {
			return h.try("PATCH", "/scim/v2/Groups/"+team, secret, patch+`{"op":"add","value":{"displayName":"Other","`+usherGroup+`":{"leader":`+v+`}}}]}`)
		},
		"POST": func(v string) reply {
			return h.try("POST", "/scim/v2/Groups", secret, head+`"New","`+usherGroup+`":{"kind":"team","leader":`+v+`}}`)
		},
		"admin API": func(v string) reply {
			return h.try("PATCH", "/api/v1/teams/"+team, adminSecret, `{"name":"Other","leader":`+v+`}`)
		},
	}
	const path = "The value of " + usherGroup + ":leader "
	const unknown = path + "names a user that does not exist here; send the id of one that does."
	version := h.prov(200, "GET", "/Groups/"+team, "").at("meta/version")
	for value, want := range map[string]string{
		`"nobody"`: unknown, `" "`: unknown, `"` + eve + `"`: unknown, `"` + foreign + `"`: unknown, `"` + team + `"`: unknown,
		`"` + cyd + `"`: "The leader of a team must be active; activate that person first, or choose another one.", `"` + dan + `"`: "The leader of a team must be active; activate that person first, or choose another one.",
		`"` + customer + `"`: "The leader of a team must be an employee; choose another person.",
		`1`:                  path + "is of the wrong JSON type; it must be a reference.", `{"value":"` + bob + `"}`: path + "is of the wrong JSON type; it must be a reference.",
		`["` + bob + `"]`: "The attribute " + usherGroup + ":leader is singular; send one value, not a list.",
	} {
		for name, way := range ways {
			if name == "admin API" && !strings.HasPrefix(value, `"`) {
				continue // its own schema says so
			}
			got := way(value)
			if got.status != 400 || strings.TrimPrefix(got.at("detail"), "Operation 2: ") != want || name != "admin API" && got.at("scimType") != "invalidValue" {
				t.Errorf("%s of %s: %d %s", name, value, got.status, got.text)
			}
			if g := h.prov(200, "GET", "/Groups/"+team, ""); g.at("meta/version") != version || g.at(usherGroup+"/leader") != ada {
				t.Errorf("%s of %s: a refusal changed something: %s", name, value, g.text)
			}
		}
	}
	h.same(h.prov(200, "GET", "/Groups", ""), "totalResults", "1")

	leads := func(when, want string) {
		t.Helper()
		g := h.prov(200, "GET", "/Groups/"+team, "")
		if n := strings.Count(g.at("members"), `"value"`); n != 2 || g.at(usherGroup+"/leader") != want {
			t.Errorf("%s: %s", when, g.text)
		}
	}
	for _, nothing := range []string{"", `,"leader":null`, `,"leader":""`, `,"leader":[]`} {
		h.prov(200, "PUT", "/Groups/"+team, put(nothing))
		leads("PUT with "+nothing, ada)
	}
	for _, op := range []string{`{"op":"replace","path":"` + usherGroup + `:leader","value":null}`, `{"op":"replace","value":{"` + usherGroup + `:leader":null}}`,
		`{"op":"replace","path":"` + usherGroup + `:leader","value":""}`, `{"op":"remove","path":"` + usherGroup + `:leader"}`} {
		h.prov(204, "PATCH", "/Groups/"+team, patch+op+`]}`)
		leads(op, "")
		h.setActive(200, ada, false) // nothing keeps who leads no team
		h.setActive(200, ada, true)
		h.prov(200, "PUT", "/Groups/"+team, put(`,"leader":"`+ada+`"`)) // a deactivation takes out of the team
		leads("after "+op, ada)
	}
}
