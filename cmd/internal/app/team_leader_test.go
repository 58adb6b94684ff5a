package app_test

import (
	"fmt"
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
