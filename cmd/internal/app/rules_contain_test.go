package app_test

import (
	"testing"
	"time"
)

// soon waits for what the clock brings.
func (h *house) soon(what string, ok func() bool) {
	h.Helper()
	for range 100 {
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	h.Errorf("after ten seconds: %s", what)
}

// C3: with onBlocked=contain the refusal stands, and the person is frozen at once: no
// access, but seat, integration and record stay, and the retry succeeds after the fix.
func TestContainAtEveryDoor(t *testing.T) {
	t.Parallel()
	for _, way := range byClient(doors(adminSecret), true) {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.connection(`,"onBlocked":"contain","errorExtension":true`)
			ada := h.person("ada@example.com")
			i := h.integration(ada, withCRM)
			token := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("secret")
			for range 3 { // sent again, nothing more happens
				got := way.knock(h, ada)
				if got.status != 409 || got.code != "deactivation.integration" || got.detail != textCRM {
					t.Fatalf("%+v", got)
				}
				u := h.user(ada)
				h.same(u, "active", "true")
				h.same(u, usherUser+"/status", "suspended")
				h.same(u, usherUser+"/seatState", "held")
			}
			if n := h.audited("user.suspend", ada); n != 1 || h.audited("user.deactivate", ada) != 0 {
				t.Errorf("%d events tell of the containment", n)
			}
			if h.alive(token) != "false" {
				t.Error("a session outlives the containment")
			}
			h.same(h.api(200, "GET", "/integrations/"+i, ""), "enabled", "true")
			h.api(409, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`)
			h.api(200, "POST", "/integrations/"+i+"/disable", "")
			if got := way.knock(h, ada); !got.ok {
				t.Errorf("after the fix: %+v", got)
			}
			if n := h.audited(way.event, ada); n != 1 {
				t.Errorf("%d events %s", n, way.event)
			}
		})
	}
}

// C3: containment tells of itself, changes nothing else, leaves alone what only another
// caller could do, and is ended by hand.
func TestContainment(t *testing.T) {
	t.Parallel()
	h := newStaffed(t).house
	h.connection(`,"onBlocked":"contain"`)
	ada, bob, top := h.person("ada@example.com"), h.person("bob@example.com"), h.person("top@example.com")
	h.team("Sales", ada, 1)
	h.opportunity(bob)
	got := h.prov(409, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"left"},{"op":"replace","path":"active","value":false}]}`, "Prefer: error-extension")
	h.same(got, extension+"/contained", "true")
	h.same(got, extension+"/code", "deactivation.team_leader")
	h.same(h.user(ada), "title", "")
	h.same(h.setActive(409, bob, false, "Prefer: error-extension"), extension+"/code", "deactivation.no_transferee")
	if h.standing(bob) != "suspended" {
		t.Error("G7 is contained too")
	}
	h.setActive(200, ada, true) // not a word that ends a freeze
	if h.standing(ada) != "suspended" {
		t.Error("active=true of a client must not end a freeze")
	}
	h.same(h.api(200, "POST", "/users/"+ada+"/resume", ""), "person/status", "active")
	h.api(200, "POST", "/organization/owner", `{"to":"`+top+`"}`)
	h.same(h.setActive(409, top, false, "Prefer: error-extension"), extension+"/contained", "false")
	h.connection(`,"onBlocked":"contain","rankCeiling":1`)
	h.api(200, "PUT", "/users/"+ada+"/standing", `{"rank":2}`)
	h.setActive(403, ada, false) // G2 beside G3: the authority is what counts
	if h.standing(top) != "active" || h.standing(ada) != "active" {
		t.Errorf("contained without the authority: %s, %s", h.standing(top), h.standing(ada))
	}
	h.api(409, "POST", "/users/"+ada+"/deactivate", "{}") // the policy is the client's, not the administrator's
	if h.standing(ada) != "active" {
		t.Error("an administrator's refusal contained somebody")
	}
}

// C3: with onBlocked=accept the client is told yes; access ends at once, and the rest,
// the seat last, follows by itself when nothing is in the way any more.
func TestAccept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.connection(`,"onBlocked":"accept"`)
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	ada := h.person("ada@example.com")
	i := h.integration(ada, withCRM)
	sub := h.api(201, "POST", "/subscriptions", `{"user":"`+ada+`","plan":"gold","active":true}`).at("id")
	token := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("secret")
	h.same(h.setActive(200, ada, false), "active", "false")
	waits := func() {
		t.Helper()
		u := h.user(ada)
		h.same(u, "active", "false")
		h.same(u, usherUser+"/status", "suspended")
		h.same(u, usherUser+"/seatState", "held")
		h.same(h.api(200, "GET", "/cases/"+ada, ""), "open", "true")
		h.same(h.api(200, "GET", "/subscriptions/"+sub, ""), "active", "true")
		h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")
	}
	waits()
	h.same(h.api(200, "GET", "/cases/"+ada, ""), "blockers/0/integrationId", i)
	if h.alive(token) != "false" {
		t.Error("a session outlives the acceptance")
	}
	version := h.user(ada).header.Get("ETag")
	h.setActive(200, ada, false)
	if got := h.user(ada).header.Get("ETag"); got != version {
		t.Errorf("sent again, it changed something: %s to %s", version, got)
	}
	h.prov(409, "DELETE", "/Users/"+ada, "") // nothing can be removed by half
	waits()
	time.Sleep(2500 * time.Millisecond) // the clock finds it still blocked
	waits()
	h.api(200, "POST", "/integrations/"+i+"/disable", "")
	h.soon("the departure is not finished", func() bool { return h.standing(ada) == "inactive" })
	h.same(h.api(200, "GET", "/cases/"+ada, ""), "open", "false")
	h.same(h.api(200, "GET", "/subscriptions/"+sub, ""), "active", "false")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "0")
	if n := h.audited("user.deactivate", ada); n != 1 {
		t.Errorf("%d events tell of the deactivation", n)
	}
	h.setActive(200, ada, true)
	if h.standing(ada) != "active" || h.alive(token) != "false" {
		t.Errorf("after the return: %s, session %s", h.standing(ada), h.alive(token))
	}
}

// C3, T5: an accepted departure can be taken back while it waits: then it is over, and
// does not happen once nothing is in its way.
func TestAcceptTakenBack(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]func(h *house, id string){
		"PATCH":    func(h *house, id string) { h.same(h.setActive(200, id, true), "active", "true") },
		"resume":   func(h *house, id string) { h.api(200, "POST", "/users/"+id+"/resume", "") },
		"activate": func(h *house, id string) { h.api(200, "POST", "/users/"+id+"/activate", "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.connection(`,"onBlocked":"accept"`)
			ada := h.person("ada@example.com")
			i := h.integration(ada, withCRM)
			h.setActive(200, ada, false)
			back(h, ada)
			h.same(h.user(ada), "active", "true")
			h.same(h.user(ada), usherUser+"/status", "active")
			h.same(h.api(200, "GET", "/cases/"+ada, ""), "open", "false")
			h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`)
			h.api(200, "POST", "/integrations/"+i+"/disable", "")
			time.Sleep(2500 * time.Millisecond)
			if got := h.standing(ada); got != "active" {
				t.Errorf("the departure happened all the same: %s", got)
			}
		})
	}
}

// T12, C3: a departure whose day has come and that is blocked freezes the person and opens
// a case; it is finished by itself.
func TestScheduledAndBlocked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	i := h.integration(ada, withCRM)
	token := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"refresh"}`).at("secret")
	h.api(200, "PATCH", "/users/"+ada, `{"contractEndDate":"2020-01-31"}`)
	h.soon("the person is not frozen", func() bool { return h.standing(ada) == "suspended" })
	if h.alive(token) != "false" {
		t.Error("a token outlives the end of the contract")
	}
	h.same(h.api(200, "GET", "/cases/"+ada, ""), "open", "true")
	h.same(h.api(200, "GET", "/cases/"+ada, ""), "blockers/0/detail", textCRM)
	h.api(200, "POST", "/integrations/"+i+"/disable", "")
	h.soon("the departure is not finished", func() bool { return h.standing(ada) == "inactive" })
	h.same(h.api(200, "GET", "/cases/"+ada, ""), "open", "false")
	if n := h.audited("user.deactivate", ada); n != 1 {
		t.Errorf("%d events tell of the deactivation", n)
	}
}

// T4, C3: who was frozen by an administrator stays frozen, whatever becomes of their
// departure at the hands of a client.
func TestFreezeOutlivesTakenBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.connection(`,"onBlocked":"accept"`)
	ada := h.person("ada@example.com")
	h.integration(ada, withCRM)
	h.api(200, "POST", "/users/"+ada+"/suspend", "")
	h.same(h.setActive(200, ada, false), "active", "false")
	h.same(h.setActive(200, ada, true), "active", "true")
	h.same(h.user(ada), usherUser+"/status", "suspended")
	h.same(h.api(200, "GET", "/cases/"+ada, ""), "open", "false")
	h.same(h.api(200, "POST", "/users/"+ada+"/resume", ""), "person/status", "active")
}

// S1-22, T12: a date set by a client is the client's choice: it may let the person in
// again, and another client may not.
func TestScheduleHasItsAuthor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	h.prov(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"`+usherUser+`:terminationDate","value":"2020-01-31"}]}`)
	h.soon("the person is not deactivated", func() bool { return h.standing(ada) == "inactive" })
	h.same(h.address("ada@example.com"), "by", "client:default")
	h.control(h.T, "PUT", "/connections/other", `{"organization":"default","scopes":["*"],"dialect":"tolerant"}`, &struct{}{})
	var made struct{ Secret string }
	h.control(h.T, "POST", "/tokens", `{"connection":"other"}`, &made)
	const on = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":true}]}`
	refused := h.wanted(403, "PATCH", "/scim/v2/Users/"+ada, made.Secret, on)
	if code := refused.header.Get("Usher-Error"); code != "email.blocked" {
		t.Errorf("Usher-Error %q", code)
	}
	h.same(h.setActive(200, ada, true), "active", "true")
	if got := h.standing(ada); got != "active" {
		t.Error(got)
	}
}
