package app_test

import (
	"strings"
	"testing"
)

// S2-24: an invitation is for the address it went to. When that of its person is
// corrected, whoever has the old one cannot join in their name, and the new one is
// asked, unless it was asked too often or the person is suspended.
func TestInvitationFollowsTheAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	correct := func(id, to string) {
		t.Helper()
		h.patched(200, id, "emails", `[{"value":"`+to+`","primary":true}]`)
	}
	ada := h.person("ada@gmial.example")
	wrong := h.invite(ada)
	correct(ada, "Ada@gmial.example") // another spelling is the same address
	h.same(h.user(ada), "emails/0/value", "Ada@gmial.example")
	correct(ada, "ada@mail.example")
	h.refused(h.accept(403, wrong, ""), "invitation.invalid", notValid)
	h.stands(ada, "pending", "notJoined", "active")
	h.same(h.api(200, "GET", "/invitations/"+ada, ""), "email", "ada@mail.example")
	if n := strings.Count(h.api(200, "GET", "/outbox?limit=200", "").text, "invitation.queued"); n != 1 {
		t.Errorf("%d invitations are sent, want 1", n)
	}
	h.accept(200, h.invite(ada), "")
	h.stands(ada, "confirmed", "joined", "active")

	bob, cyd := h.person("bob@gmial.example"), h.person("cyd@gmial.example")
	for range 4 {
		h.invite(bob)
	}
	last, frozen := h.invite(bob), h.invite(cyd)
	correct(bob, "bob@mail.example")
	h.stands(bob, "pending", "withdrawn", "active")
	h.refused(h.accept(403, last, ""), "invitation.invalid", notValid)
	h.api(200, "POST", "/users/"+cyd+"/suspend", "")
	correct(cyd, "cyd@mail.example")
	h.api(200, "POST", "/users/"+cyd+"/resume", "")
	h.stands(cyd, "pending", "withdrawn", "active")
	h.refused(h.accept(403, frozen, ""), "invitation.invalid", notValid)
}

// S2-5, S2-17: nobody whose address was never confirmed becomes the owner.
func TestOwnerIsConfirmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	const body = "ada@mail.example has not joined yet; this is available after joining."
	h.refused(h.api(409, "POST", "/organization/owner", `{"to":"`+ada+`"}`), "membership.not_confirmed", body)
	h.same(h.api(200, "POST", "/organization/owner?preview=true", `{"to":"`+ada+`"}`), "detail", body)
	h.accept(200, h.invite(ada), "")
	h.same(h.api(200, "POST", "/organization/owner", `{"to":"`+ada+`"}`), "role", "owner")
}

// S3-27: who is named twice takes one seat.
func TestNamedTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	twice := `["` + ada + `","` + ada + `"]`
	h.setActive(200, ada, false)
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	plan := h.api(201, "POST", "/plans", `{"verb":"activate","ids":`+twice+`}`)
	h.same(plan, "seatsDelta", "1")
	h.same(plan, "items/1", "")
	h.same(h.api(200, "POST", "/plans/"+plan.at("id")+"/commit", "", "If-Match: "+plan.header.Get("ETag")), "items/0/outcome", "done")
	h.setActive(200, ada, false)
	got := h.api(200, "POST", "/users/activate", `{"ids":`+twice+`}`)
	h.same(got, "items/0/decision/done", "true")
	h.same(got, "items/1", "")
	if h.standing(ada) != "active" {
		t.Error("who was named twice is not let in")
	}
}

// C7: where external people are counted from now on, those who are in already take a
// seat as there is one, and are refused nothing else for want of it.
func TestExternalsCountedFromNowOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account("ada@mail.example", "b")
	h.tenant(t, "b")
	h.person("own@mail.example")
	ada := h.person("ada@mail.example")
	h.same(h.user(ada), usherUser+"/classification", "external")
	h.api(200, "PUT", "/licences/core", `{"purchased":1,"countExternals":true}`)
	h.same(h.patched(200, ada, "title", `"boss"`), usherUser+"/seatState", "none")
	h.setActive(200, ada, false)
	h.setActive(403, ada, true)
	h.api(200, "PUT", "/licences/core", `{"purchased":2,"countExternals":true}`)
	h.same(h.setActive(200, ada, true), usherUser+"/seatState", "held")
	h.same(h.api(200, "PUT", "/licences/core", `{"purchased":2}`), "countExternals", "true") // as usher licence set says it
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "2")
}

// S3-30, K58: a link is for the account whose address it went to. When that of its person
// is another one since, it opens nothing; asked for again, it does, at once.
func TestResetLinkIsOfOneAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "corp.example")
	ada := h.person("ada@corp.example")
	complete := func(status int, token string) {
		t.Helper()
		h.wanted(status, "POST", "/api/v1/password-resets/complete", "", `{"organization":"default","password":"correct horse battery","token":"`+token+`"}`)
	}
	old := h.api(200, "POST", "/users/"+ada+"/password-reset", "").at("token")
	h.patched(200, ada, "emails", `[{"value":"ada.day@corp.example","primary":true}]`)
	complete(403, old)
	h.wanted(202, "POST", "/api/v1/password-resets", "", `{"organization":"default","email":"ada.day@corp.example"}`)
	if n := h.audited("password.reset.request", ada); n != 2 {
		t.Errorf("%d wishes for a new password, want 2", n)
	}
	complete(204, h.api(200, "POST", "/users/"+ada+"/password-reset", "").at("token"))
	h.same(h.api(200, "POST", "/passwords/check", `{"email":"ada.day@corp.example","password":"correct horse battery"}`), "ok", "true")
}
