package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// buy tells of a purchase and wants a status.
func (h *house) buy(status int, id, email string) reply {
	h.Helper()
	return h.api(status, "POST", "/purchases", fmt.Sprintf(`{"id":%q,"email":%q,"channel":"web"}`, id, email))
}

// leaves deactivates somebody with the box checked or not.
func (h *house) leaves(id string, returns bool) {
	h.Helper()
	h.api(200, "POST", "/users/"+id+"/deactivate", fmt.Sprintf(`{"reactivateOnPurchase":%t}`, returns))
}

func (h *house) address(key string) reply {
	h.Helper()
	return h.api(200, "GET", "/addresses/"+url.PathEscape(key), "")
}

// S1-7, S1-8, S1-22, S1-23, S1-24, K67: with the box unchecked, the address is blocked in
// every way of writing it and over every channel, until an administrator lets the
// person in by hand; the entry stays for the record.
func TestS1BlockedAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("Jane.Doe+work@GMail.com", `,"userType":"customer"`)
	other := h.person("ada@example.com", `,"userType":"customer"`)
	h.leaves(ada, false)
	h.api(200, "POST", "/users/"+other+"/deactivate", "{}") // S1-22: not said is unchecked
	const text = "The address %s is blocked, so the purchase is prevented; an administrator can lift the block."
	for i, c := range []struct{ email, key string }{
		{"Jane.Doe+work@GMail.com", "janedoe@gmail.com"}, {"janedoe@gmail.com", "janedoe@gmail.com"}, {"j.a.n.e.d.o.e@gmail.com", "janedoe@gmail.com"},
		{"JANEDOE+other@gmail.com", "janedoe@gmail.com"}, {"jane.doe@googlemail.com", "janedoe@gmail.com"}, {" janedoe@gmail.com ", "janedoe@gmail.com"},
		{"ada@example.com", "ada@example.com"}, {"ADA@Example.COM", "ada@example.com"}, {"ada+1@example.com", "ada@example.com"},
	} {
		for _, channel := range []string{"web", "guest", "phone", ""} {
			id := fmt.Sprintf("no-%d-%s", i, channel)
			got := h.api(403, "POST", "/purchases", fmt.Sprintf(`{"id":%q,"email":%q,"channel":%q}`, id, c.email, channel))
			h.same(got, "code", "email.blocked")
			h.same(got, "detail", fmt.Sprintf(text, c.key))
			h.api(404, "GET", "/purchases/"+id, "")
		}
	}
	if h.standing(ada) != "inactive" || h.standing(other) != "inactive" {
		t.Error("S1-7: a blocked purchase let somebody in")
	}
	h.buy(201, "dots", "a.da@example.com") // dots mean nothing only where the provider says so
	entry := h.address("ada@example.com")
	h.same(entry, "blocked", "true")
	h.same(entry, "returns", "false")
	h.same(entry, "user", other)
	h.same(entry, "by", "member:admin") // S1-22: whose choice it was
	sign := h.prov(403, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada+new@example.com"}`)
	if sign.header.Get("Usher-Error") != "email.blocked" {
		t.Errorf("S1-24: %s", sign.text)
	}
	got := h.api(200, "POST", "/users/"+other+"/activate", "") // S1-8
	if !strings.Contains(got.text, "address.lifted") {
		t.Errorf("S1-23: effects %s", got.text)
	}
	h.same(h.user(other), usherUser+"/blockListed", "")
	h.api(404, "GET", "/addresses/ada@example.com", "") // S1-23: the entry goes, the audit keeps it
	if !strings.Contains(h.api(200, "GET", "/audit?action=user.activate&resource="+other, "").text, "address.lifted") {
		t.Error("S1-23: the audit does not tell that the block was lifted")
	}
	if !strings.Contains(h.api(200, "GET", "/audit?action=user.deactivate&resource="+other, "").text, "address.blocked") {
		t.Error("S1-23: the audit does not tell of the block")
	}
	h.same(h.buy(201, "yes", "ada@example.com"), "outcome", "recorded")
	h.buy(403, "no", "janedoe@gmail.com") // the other one stays blocked
}

// S1-7: an address that is given in the same request as the deactivation is blocked too.
func TestS1AddressChangedOnTheWayOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	h.prov(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"emails","value":[{"value":"new@example.com","primary":true}]},{"op":"replace","path":"active","value":false}]}`)
	h.buy(403, "old", "ada@example.com")
	h.buy(403, "new", "new@example.com")
	h.prov(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"emails","value":[{"value":"newer@example.com","primary":true}]}]}`)
	h.api(200, "POST", "/users/"+ada+"/activate", "")
	for _, email := range []string{"ada", "new", "newer"} { // S1-23: the return lifts all that the deactivation blocked
		h.buy(201, "after-"+email, email+"@example.com")
	}
}

// S1-6, S1-10, S1-17, S1-22, S1-25 (T8): with the box checked, a purchase lets the person
// in, once, in its own name; it gives nothing else back, and the box is empty next time.
func TestS1PurchaseBringsBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	eve := h.person("Eve.Smith+shop@gmail.com", `,"userType":"customer"`)
	sub := h.api(201, "POST", "/subscriptions", `{"user":"`+eve+`","plan":"gold","active":true}`).at("id")
	token := h.api(201, "POST", "/users/"+eve+"/credentials", `{"kind":"session"}`).at("secret")
	h.leaves(eve, true)
	h.same(h.user(eve), usherUser+"/reactivateOnPurchase", "true")
	h.same(h.user(eve), usherUser+"/blockListed", "")
	h.same(h.buy(201, "elsewhere", "somebody@gmail.com"), "outcome", "recorded")
	if h.standing(eve) != "inactive" {
		t.Error("somebody else's purchase let the person in")
	}
	replies := make([]reply, 16)
	var all []func()
	for i := range replies { // S1-25: told many times at once
		all = append(all, func() {
			replies[i] = h.try("POST", "/api/v1/purchases", adminSecret, `{"id":"p1","email":"EVESMITH@googlemail.com"}`)
		})
	}
	atOnce(all...)
	for _, r := range replies {
		if r.status != 201 || r.at("outcome") != "reactivated" || r.at("user") != eve {
			t.Errorf("S1-25: %d %s", r.status, r.text)
		}
	}
	if n := h.audited("user.activate", eve); n != 1 || h.standing(eve) != "active" {
		t.Errorf("S1-25: %d activations, %s", n, h.standing(eve))
	}
	event := h.api(200, "GET", "/audit?action=user.activate&resource="+eve, "")
	if !strings.Contains(event.text, `"kind":"purchase"`) || !strings.Contains(event.text, `"subject":"p1"`) {
		t.Errorf("S1-25: the purchase is not the actor: %s", event.text)
	}
	h.same(h.api(200, "GET", "/subscriptions/"+sub, ""), "active", "false")
	if h.alive(token) != "false" {
		t.Error("S1-26: a session came back to life")
	}
	h.same(h.user(eve), usherUser+"/reactivateOnPurchase", "")
	h.leaves(eve, true)
	h.same(h.buy(201, "p1", "EVESMITH@googlemail.com"), "outcome", "reactivated")
	if h.standing(eve) != "inactive" {
		t.Error("S1-25: the same purchase let the person in twice")
	}
	h.same(h.buy(201, "p2", "eve.smith@gmail.com"), "outcome", "reactivated")
	h.api(200, "POST", "/users/"+eve+"/deactivate", "{}")
	h.buy(403, "p3", "eve.smith@gmail.com") // the box is empty again
}

// S1-25: without a free seat the person waits, the purchase stands, and the next free seat
// is theirs.
func TestS1PurchaseWithoutSeat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	eve := h.person("eve@example.com")
	h.leaves(eve, true)
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	bob := h.person("bob@example.com")
	h.same(h.buy(201, "p1", "eve@example.com"), "outcome", "waitlisted")
	h.same(h.api(200, "GET", "/purchases/p1", ""), "outcome", "waitlisted")
	h.same(h.user(eve), usherUser+"/seatState", "waitlisted")
	h.same(h.user(eve), "active", "false")
	h.same(h.buy(201, "p1", "eve@example.com"), "outcome", "waitlisted")
	if n := len(h.items(h.api(200, "GET", "/waitlist", ""))); n != 1 || h.audited("user.activate", eve) != 0 {
		t.Errorf("%d wait", n)
	}
	h.setActive(200, bob, false)
	for range 60 {
		if h.standing(eve) == "active" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	h.same(h.user(eve), usherUser+"/seatState", "held")
	h.same(h.user(eve), "active", "true")
	if n := h.audited("user.activate", eve); n != 1 {
		t.Errorf("%d activations", n)
	}
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")
}

// C1: a deactivation is undone in time, with all that it took, and a seat; not twice, not
// too late, and not for what somebody else has done since.
func TestUndoWindow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	team := h.team("Sales", bob, 1, ada, bob)
	h.opportunity(ada)
	kept := h.api(201, "POST", "/records", `{"type":"opportunity","owner":"`+ada+`","open":true}`).at("id")
	sub := h.api(201, "POST", "/subscriptions", `{"user":"`+ada+`","plan":"gold","active":true}`).at("id")
	h.api(200, "PUT", "/applications/crm", `{"name":"CRM"}`)
	h.api(200, "PUT", "/applications/crm/assignments/"+ada, `{"role":"user"}`)
	token := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("secret")
	h.leaves(ada, false)
	h.api(200, "PUT", "/records/"+kept, `{"type":"opportunity","owner":"`+bob+`","open":false}`)
	lost := h.api(200, "GET", "/users/"+ada+"/departures", "")
	h.same(lost, "items/0/undoable", "true")
	path := "/users/" + ada + "/departures/" + lost.at("items/0/id")
	h.api(404, "POST", "/users/"+bob+"/departures/"+lost.at("items/0/id")+"/undo", "")
	h.api(409, "POST", path+"/restore", `{"parts":["teams"]}`)
	cyd := h.person("cyd@example.com")
	dot := h.person("dot@example.com")
	h.same(h.api(403, "POST", path+"/undo", ""), "detail", "You are trying to activate more users than the allowed license limit of '3' users")
	if h.owned(ada) != 0 || h.standing(ada) != "inactive" {
		t.Error("a refused undo changed something")
	}
	h.prov(204, "DELETE", "/Users/"+dot, "")
	before := h.snapshot(ada)
	h.same(h.api(200, "POST", path+"/undo?preview=true", ""), "allowed", "true")
	if h.snapshot(ada) != before {
		t.Error("a preview changed something")
	}
	h.same(h.api(200, "POST", path+"/undo", ""), "person/status", "active")
	if h.owned(ada) != 1 || h.enabledApps(ada) != "crm" || !strings.Contains(h.api(200, "GET", "/teams/"+team, "").at("members"), ada) {
		t.Errorf("not undone: %d records, %q", h.owned(ada), h.enabledApps(ada))
	}
	h.same(h.api(200, "GET", "/records/"+kept, ""), "owner", ada) // the transferee still had it
	h.same(h.api(200, "GET", "/subscriptions/"+sub, ""), "active", "true")
	h.api(404, "GET", "/addresses/ada@example.com", "")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "3")
	if h.alive(token) != "false" {
		t.Error("K59: undoing brought a session back to life")
	}
	if n := h.audited("user.deactivate.undo", ada); n != 1 {
		t.Errorf("%d events tell of the undoing", n)
	}
	h.same(h.api(409, "POST", path+"/undo", ""), "code", "undo.over")
	h.leaves(ada, false)
	h.same(h.api(409, "POST", path+"/undo", ""), "code", "undo.over") // the first one is over
	h.api(200, "POST", "/users/"+ada+"/activate", "")
	h.opportunity(ada)
	h.leavesTo(ada, cyd)
	h.api(200, "POST", "/users/"+ada+"/activate", "")
	if got := h.api(409, "POST", h.departure(ada, cyd)+"/undo", ""); got.at("detail") != "The time to undo this deactivation is over; activate the person, then restore what was lost." {
		t.Errorf("after the return: %s", got.text)
	}
	first := h.departure(ada, cyd)
	h.opportunity(ada)
	h.leavesTo(ada, bob)
	h.same(h.api(409, "POST", first+"/undo", ""), "code", "undo.over") // another deactivation came after it
	h.api(200, "PUT", "/settings", `{"language":"en","undoMinutes":0,"selfClose":false,"retentionDays":30,"brake":{"percent":0,"count":0,"minutes":0}}`)
	h.opportunity(cyd)
	h.leavesTo(cyd, bob)
	h.same(h.api(409, "POST", h.departure(cyd, bob)+"/undo", ""), "code", "undo.over")
}

func (h *house) leavesTo(id, to string) {
	h.Helper()
	h.api(200, "POST", "/users/"+id+"/deactivate", `{"transferTo":"`+to+`"}`)
}

// departure is the path of the departure of somebody whose records went to somebody.
func (h *house) departure(id, to string) string {
	h.Helper()
	for _, one := range h.items(h.api(200, "GET", "/users/"+id+"/departures", "")) {
		if d, _ := one.(map[string]any); d["transferredTo"] == to {
			return fmt.Sprintf("/users/%s/departures/%s", id, d["id"])
		}
	}
	h.Fatal("there is no such departure")
	return ""
}

// S1-7: an address that somebody else has too, who is in, is not blocked by the
// departure of the other.
func TestS1AddressOfTwoPeople(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const shared = `,"emails":[{"value":"desk@example.com"}]`
	head := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":`
	ada := h.prov(201, "POST", "/Users", head+`"ada"`+shared+`}`).at("id")
	bob := h.prov(201, "POST", "/Users", head+`"bob"`+shared+`}`).at("id")
	h.api(200, "POST", "/users/"+ada+"/deactivate", "{}")
	h.same(h.api(201, "POST", "/purchases", `{"id":"1","email":"desk+shop@example.com"}`), "outcome", "recorded")
	h.api(200, "POST", "/users/"+bob+"/deactivate", "{}")
	h.same(h.api(403, "POST", "/purchases", `{"id":"2","email":"desk@example.com"}`), "code", "email.blocked")
}
