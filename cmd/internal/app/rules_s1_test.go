package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func (h *house) items(r reply) []any {
	h.Helper()
	doc, _ := r.doc.(map[string]any)
	items, _ := doc["items"].([]any)
	return items
}

// effects are the codes of what a decision brings about, in order.
func (h *house) effects(r reply) string {
	h.Helper()
	doc, _ := r.doc.(map[string]any)
	all, _ := doc["effects"].([]any)
	var codes []string
	for _, one := range all {
		e, _ := one.(map[string]any)
		codes = append(codes, fmt.Sprint(e["code"]))
	}
	return strings.Join(codes, " ")
}

// owned counts the open records of a person.
func (h *house) owned(id string) int {
	h.Helper()
	return strings.Count(h.api(200, "GET", "/records?user="+id, "").text, `"open":true`)
}

// opportunity is an open record of a person.
func (h *house) opportunity(id string) string {
	h.Helper()
	return h.api(201, "POST", "/records", `{"type":"opportunity","owner":"`+id+`","open":true}`).at("id")
}

func (h *house) team(name, leader string, rank int, members ...string) string {
	h.Helper()
	body := fmt.Sprintf(`{"name":%q,"rank":%d`, name, rank)
	if leader != "" {
		body += `,"leader":"` + leader + `"`
	}
	if members != nil {
		body += `,"members":["` + strings.Join(members, `","`) + `"]`
	}
	return h.api(201, "POST", "/teams", body+"}").at("id")
}

// S1-4: who leads teams stays until they lead none, and all are named.
func TestS1EveryTeamLed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@example.com", `,"displayName":"Ada"`), h.person("bob@example.com")
	one, two := h.team("North", ada, 1, ada), h.team("South", ada, 2)
	got := h.setActive(409, ada, false).at("detail")
	if got != "Ada leads the teams North, South; remove them from the teams they lead first." && got != "Ada leads the teams South, North; remove them from the teams they lead first." {
		t.Errorf("S1-4: %q", got)
	}
	h.api(200, "PATCH", "/teams/"+one, `{"leader":"`+bob+`"}`)
	h.same(h.setActive(409, ada, false), "detail", "Ada leads the team South; remove them from the teams they lead first.")
	h.api(204, "DELETE", "/teams/"+two, "")
	h.setActive(200, ada, false)
}

// S1-12, S1-13, S1-19, S1-20, C6: open records go to whoever the rules name, and to nobody
// who is not active; where nobody is, the deactivation is refused and no record is
// orphaned.
func TestS1WhoReceivesTheRecords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		set  func(h *house, ada, bob, cyd string) (send string)
		want string // bob, cyd, or nobody
	}{
		{"S1-12 leader of the team", func(h *house, ada, bob, _ string) string { h.team("Sales", bob, 1, ada); return "{}" }, "bob"},
		{"S1-20 lowest rank of several teams", func(h *house, ada, bob, cyd string) string {
			h.team("First", cyd, 2, ada)
			h.team("Second", bob, 1, ada)
			return "{}"
		}, "bob"},
		{"S1-20 primary team before the rank", func(h *house, ada, bob, cyd string) string {
			h.team("First", cyd, 1, ada)
			primary := h.team("Second", bob, 2, ada)
			h.api(200, "PUT", "/users/"+ada+"/standing", `{"primaryTeam":"`+primary+`"}`)
			return "{}"
		}, "bob"},
		{"S1-20 name where ranks are the same", func(h *house, ada, bob, cyd string) string {
			h.team("West", cyd, 1, ada)
			h.team("East", bob, 1, ada)
			return "{}"
		}, "bob"},
		{"S1-20 leader who is frozen is passed over", func(h *house, ada, bob, cyd string) string {
			h.team("First", cyd, 1, ada)
			h.team("Second", bob, 2, ada)
			h.api(200, "POST", "/users/"+cyd+"/suspend", "")
			return "{}"
		}, "bob"},
		{"S1-20 only leader is frozen", func(h *house, ada, bob, cyd string) string {
			h.team("Mine", cyd, 2, ada)
			h.team("Other", bob, 1)
			h.api(200, "POST", "/users/"+cyd+"/suspend", "")
			return "{}"
		}, ""},
		{"S1-20 team without a leader", func(h *house, ada, bob, _ string) string {
			h.team("Mine", "", 2, ada)
			h.team("Other", bob, 1)
			return "{}"
		}, ""},
		{"S1-13 no team: leader of the first team", func(h *house, _, bob, cyd string) string {
			h.team("Second", cyd, 2)
			h.team("First", bob, 1)
			return "{}"
		}, "bob"},
		{"S1-20 no team at all", func(*house, string, string, string) string { return "{}" }, ""},
		{"C6 named in the request", func(h *house, ada, bob, cyd string) string {
			h.team("Sales", cyd, 1, ada)
			return `{"transferTo":"` + bob + `"}`
		}, "bob"},
		{"C6 named before", func(h *house, ada, bob, cyd string) string {
			h.team("Sales", cyd, 1, ada)
			h.api(200, "PATCH", "/users/"+ada, `{"transferRecordsTo":"`+bob+`"}`)
			return "{}"
		}, "bob"},
		{"S1-20 named is themselves", func(h *house, ada, bob, _ string) string {
			h.team("Sales", bob, 1, ada)
			return `{"transferTo":"` + ada + `"}`
		}, "named"},
		{"S1-20 named is inactive", func(h *house, ada, bob, cyd string) string {
			h.team("Sales", bob, 1, ada)
			h.setActive(200, cyd, false)
			return `{"transferTo":"` + cyd + `"}`
		}, "named"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			ids := map[string]string{"ada": h.person("ada@example.com"), "bob": h.person("bob@example.com"), "cyd": h.person("cyd@example.com")}
			h.opportunity(ids["ada"])
			h.opportunity(ids["ada"])
			send := c.set(h, ids["ada"], ids["bob"], ids["cyd"])
			path := "/users/" + ids["ada"] + "/deactivate"
			want, text := ids[c.want], "The person has open records and no team with an active leader to receive them; name somebody in transferRecordsTo."
			if c.want == "named" {
				text = "The person named to receive the records is not an active member of the organization; name another one."
			}
			if want == "" {
				before := h.snapshot(ids["ada"])
				got := h.api(409, "POST", path, send)
				h.same(got, "code", "deactivation.no_transferee")
				h.same(got, "detail", text)
				if h.snapshot(ids["ada"]) != before {
					t.Error("the refusal changed something")
				}
				return
			}
			h.same(h.api(200, "POST", path+"?preview=true", send), "effects/0/value", want)
			got := h.api(200, "POST", path, send)
			h.same(got, "effects/0/code", "records.transferred")
			h.same(got, "effects/0/value", want)
			h.same(got, "effects/0/count", "2")
			if h.owned(want) != 2 || h.owned(ids["ada"]) != 0 {
				t.Errorf("%d records with %s, %d with who left", h.owned(want), c.want, h.owned(ids["ada"]))
			}
		})
	}
}

// S1-11, S1-14, S1-17, S1-18, C1, C5: subscriptions end and stay ended, teams are left and
// stay left, groups of an identity provider are not touched, and the seats that the
// organization has bought are not what a customer has bought.
func TestS1WhatEndsStaysEnded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	team := h.team("Sales", bob, 1, ada, bob)
	group := h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Everybody","members":[{"value":"`+ada+`"}]}`).at("id")
	gold := h.api(201, "POST", "/subscriptions", `{"user":"`+ada+`","plan":"gold","active":true}`).at("id")
	mail := h.api(201, "POST", "/subscriptions", `{"user":"`+ada+`","plan":"mail","active":true}`).at("id")
	others := h.api(201, "POST", "/subscriptions", `{"user":"`+bob+`","plan":"gold","active":true}`).at("id")
	h.api(200, "POST", "/users/"+ada+"/deactivate", "{}")
	for _, id := range []string{gold, mail} {
		got := h.api(200, "GET", "/subscriptions/"+id, "")
		h.same(got, "active", "false")
		if got.at("cancelledAt") == "" {
			t.Error("S1-11: no time of the cancellation")
		}
	}
	h.same(h.api(200, "GET", "/subscriptions/"+others, ""), "active", "true")
	h.same(h.api(200, "GET", "/licences/core", ""), "purchased", "3") // C5, S3-5
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")
	if got := h.api(200, "GET", "/teams/"+team, "").at("members"); got != `["`+bob+`"]` {
		t.Errorf("S1-14: members %s", got)
	}
	h.same(h.prov(200, "GET", "/Groups/"+group, ""), "members/0/value", ada) // an identity provider's group keeps them
	h.api(409, "POST", "/subscriptions", `{"user":"`+ada+`","plan":"gold","active":true}`)
	h.api(200, "POST", "/users/"+ada+"/activate", "")
	h.same(h.api(200, "GET", "/subscriptions/"+gold, ""), "active", "false")
	if got := h.api(200, "GET", "/teams/"+team, "").at("members"); got != `["`+bob+`"]` {
		t.Errorf("S1-18: members %s", got)
	}
	lost := h.api(200, "GET", "/users/"+ada+"/departures", "").at("items/0/id")
	restore := "/users/" + ada + "/departures/" + lost + "/restore"
	h.api(200, "POST", restore, `{"parts":["teams"]}`) // C1: by hand, part by part
	h.same(h.api(200, "GET", "/subscriptions/"+gold, ""), "active", "false")
	h.api(200, "POST", restore, `{"parts":["subscriptions"]}`)
	h.same(h.api(200, "GET", "/subscriptions/"+mail, ""), "active", "true")
	h.same(h.api(409, "POST", restore, `{"parts":["teams"]}`), "code", "undo.over")
	if got := h.api(200, "GET", "/teams/"+team, "").at("members"); !strings.Contains(got, ada) {
		t.Errorf("C1: members %s", got)
	}
}

// S1-12 to S1-14, S1-21: for customers there is no rank, no team and no record, but all
// the rest.
func TestS1Customers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	eve := h.person("eve@example.com", `,"userType":"customer"`)
	h.opportunity(eve)
	sub := h.api(201, "POST", "/subscriptions", `{"user":"`+eve+`","plan":"gold","active":true}`).at("id")
	got := h.api(200, "POST", "/users/"+eve+"/deactivate", "{}")
	if effects := h.effects(got); effects != "subscription.cancelled credentials.revoked address.blocked mail.deactivated seat.freed" {
		t.Errorf("effects %q", effects)
	}
	h.same(h.api(200, "GET", "/subscriptions/"+sub, ""), "active", "false")
}

// S1-1, S1-2, S1-5, S1-9, S1-15, S1-16, S1-26: the dialog tells what will happen and the
// choice; inactive people are hidden until asked for, can be given no session, and are
// let in again.
func TestS1DialogAndIndex(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	h.api(201, "POST", "/subscriptions", `{"user":"`+ada+`","plan":"gold","active":true}`)
	path := "/users/" + ada + "/deactivate"
	before := h.snapshot(ada)
	if got := h.effects(h.api(200, "POST", path+"?preview=true", "")); got != "subscription.cancelled credentials.revoked address.blocked mail.deactivated seat.freed" {
		t.Errorf("S1-26: unchecked: %q", got)
	}
	checked := h.api(200, "POST", path+"?preview=true", `{"reactivateOnPurchase":true}`)
	if got := h.effects(checked); got != "subscription.cancelled credentials.revoked address.returns mail.deactivated seat.freed" {
		t.Errorf("S1-5: checked: %q", got)
	}
	if h.snapshot(ada) != before {
		t.Error("a preview changed something")
	}
	done := h.api(200, "POST", path, "") // without a body: the box is not checked (S1-22)
	h.same(done, "done", "true")
	h.same(done, "person/status", "inactive")
	h.same(done, "person/blockListed", "true")
	h.same(done, "person/reactivateOnPurchase", "")
	h.same(h.api(409, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`), "code", "credential.not_admitted")
	for query, want := range map[string]string{"": bob, "?view=active": bob, "?view=inactive": ada, "?status=inactive": "", "?view=all&status=inactive": ada} {
		got := h.api(200, "GET", "/users"+query, "")
		if n := len(h.items(got)); want != "" && (n != 1 || got.at("items/0/id") != want) {
			t.Errorf("S1-15: %q gives %s", query, got.text)
		}
	}
	if n := len(h.items(h.api(200, "GET", "/users?view=all", ""))); n != 2 {
		t.Errorf("S1-26: all are %d", n)
	}
	h.same(h.api(200, "POST", "/users/"+ada+"/activate", ""), "person/status", "active")
	h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`)
	if n := len(h.items(h.api(200, "GET", "/users?view=inactive", ""))); n != 0 {
		t.Errorf("S1-16: %d are still inactive", n)
	}
}

// K31: nothing but the word of a client or administrator lets an inactive person in.
func TestOnlyAWordLetsIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	h.setActive(200, ada, false)
	stays := func(when string) {
		t.Helper()
		if h.standing(ada) != "inactive" || h.user(ada).at("active") != "false" {
			t.Fatalf("%s: %s", when, h.user(ada).text)
		}
	}
	const user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ADA@example.com","displayName":"Ada"`
	h.same(h.prov(409, "POST", "/Users", user+"}"), "scimType", "uniqueness")
	stays("POST")
	h.prov(200, "PUT", "/Users/"+ada, user+"}")
	stays("PUT without active")
	h.same(h.user(ada), "displayName", "Ada")
	h.prov(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"A"}]}`)
	stays("PATCH of something else")
	h.api(200, "POST", "/users/"+ada+"/suspend", "")
	h.api(200, "POST", "/users/"+ada+"/resume", "")
	stays("resume")
	h.api(200, "PATCH", "/users/"+ada, `{"givenName":"Ada"}`)
	stays("edit")
	time.Sleep(time.Millisecond)
	h.setActive(200, ada, true)
	if h.standing(ada) != "active" {
		t.Error("an explicit active=true must let in")
	}
}

// S1-3, S1-4, S1-21: nobody gets past the guards for employees by making a customer of
// one first; and customers lead no team.
func TestS1CustomersOfEmployees(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.connection(`,"rankCeiling":10`)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	eve := h.person("eve@example.com", `,"userType":"customer"`)
	h.api(200, "PUT", "/users/"+ada+"/standing", `{"rank":11}`)
	team := h.team("Sales", bob, 1)
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"userType","value":"customer"}]}`
	for id, want := range map[string]struct {
		status int
		detail string
	}{ada: {403, "ada@example.com has a higher role than you; ask somebody of at least the same rank."},
		bob: {409, "bob@example.com leads the team Sales; remove them from the teams they lead first."}} {
		h.same(h.prov(want.status, "PATCH", "/Users/"+id, patch), "detail", want.detail)
		both := strings.Replace(patch, "}]}", `},{"op":"replace","path":"active","value":false}]}`, 1)
		h.same(h.prov(want.status, "PATCH", "/Users/"+id, both), "detail", want.detail)
		h.same(h.user(id), "userType", "")
		h.same(h.user(id), "active", "true")
	}
	h.same(h.api(400, "PATCH", "/teams/"+team, `{"leader":"`+eve+`"}`), "detail", "The leader of a team must be an employee; choose another person.")
	h.api(200, "PATCH", "/teams/"+team, `{"leader":""}`)
	h.prov(200, "PATCH", "/Users/"+bob, patch)
}
