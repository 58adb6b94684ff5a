package app_test

import (
	"slices"
	"strings"
	"testing"
)

// T7, T8, 3.4, S1-23: who was deactivated, whose address is blocked by that, and who is
// let in again by a client that may, comes in when there is a seat. While they wait
// nothing is blocked; taken off the list, it is again.
func TestWaitingAfterADeactivation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		may   string
		leave func(h *house, id string)
	}{
		"by the client":       {"", func(h *house, id string) { h.setActive(200, id, false) }},
		"by an administrator": {`,"mayLiftBlock":true`, func(h *house, id string) { h.api(200, "POST", "/users/"+id+"/deactivate", "{}") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.connection(`,"onSeatExhausted":"waitlist"` + c.may)
			ada := h.person("Ada+news@mail.example")
			c.leave(h, ada)
			h.api(200, "PUT", "/licences/core", `{"purchased":0}`)
			gone := h.user(ada)
			waits := h.setActive(200, ada, true)
			h.same(waits, usherUser+"/seatState", "waitlisted")
			h.same(waits, usherUser+"/deactivatedAt", gone.at(usherUser+"/deactivatedAt"))
			h.same(waits, usherUser+"/deactivatedBy", gone.at(usherUser+"/deactivatedBy"))
			h.same(h.address("ada@mail.example"), "blocked", "false")
			off := h.setActive(200, ada, false)
			h.same(off, usherUser+"/seatState", "none")
			h.same(off, usherUser+"/blockListed", "true")
			h.buy(403, "order-1", "ada@mail.example")
			h.setActive(200, ada, true)
			h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
			h.soon("there is a seat and nobody comes in", func() bool { return h.standing(ada) == "active" })
			in := h.user(ada)
			h.same(in, usherUser+"/blockListed", "")
			h.same(in, usherUser+"/deactivatedAt", "")
			if n := h.audited("user.activate", ada); n != 1 {
				t.Errorf("%d events tell of the return", n)
			}
		})
	}
}

// Domain 4.4: who is content to wait comes in after those who wait already, also in the
// moment in which there are seats again; a purchase says so.
func TestNobodyOvertakesWhoWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.connection(`,"onSeatExhausted":"waitlist"`)
	buyer := h.person("buyer@mail.example")
	h.leaves(buyer, true)
	h.api(200, "PUT", "/licences/core", `{"purchased":0}`)
	ada, bob := h.person("ada@mail.example"), h.person("bob@mail.example")
	state := func(id string) string { return h.user(id).at(usherUser + "/seatState") }
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	if cyd := h.person("cyd@mail.example"); state(cyd) != "waitlisted" && state(ada) != "held" {
		t.Error("somebody new has overtaken who waits")
	}
	h.soon("the first is not let in", func() bool { return state(ada) == "held" })
	h.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	if got := h.buy(201, "order-1", "buyer@mail.example"); got.at("outcome") != "waitlisted" && state(bob) != "held" {
		t.Errorf("a purchase overtakes who waits: %s", got.text)
	}
	h.soon("the second is not let in", func() bool { return state(bob) == "held" })
	h.api(200, "PUT", "/licences/core", `{"purchased":9}`)
	if dan := h.person("dan@mail.example"); state(dan) != "held" {
		t.Error("somebody waits although there is a seat for everybody")
	}
	h.soon("the buyer is not let in", func() bool { return state(buyer) == "held" })
}

// T1, T2, S2-12: who waits for a seat is invited when they come in, if that was asked
// for: before, they could not accept.
func TestInvitedOnlyWithASeat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.connection(`,"onSeatExhausted":"waitlist"`)
	h.control(t, "POST", "/domains/assert", `{"organization":"default","domain":"own.example"}`, &struct{}{})
	h.api(200, "PUT", "/licences/core", `{"purchased":0}`)
	wish := `,"` + usherUser + `":{"sendInvitation":true}`
	ada, bob, own := h.person("ada@mail.example", wish), h.person("bob@mail.example"), h.person("own@own.example", wish)
	for _, id := range []string{ada, bob, own} {
		h.same(h.user(id), usherUser+"/invitationState", "notInvited")
		h.api(404, "GET", "/invitations/"+id, "")
	}
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	for _, id := range []string{ada, bob, own} {
		h.soon("nobody is let in", func() bool { return h.standing(id) == "active" })
	}
	h.same(h.user(ada), usherUser+"/invitationState", "notJoined")
	h.same(h.user(bob), usherUser+"/invitationState", "notInvited")
	h.same(h.user(own), usherUser+"/invitationState", "notInvited")
	if n := strings.Count(h.api(200, "GET", "/outbox?limit=200", "").text, "invitation.queued"); n != 1 {
		t.Errorf("%d invitations are sent, want 1", n)
	}
}

// Domain 4.4: the waitlist is shown in the order in which people come in, page by page.
func TestWaitlistIsShownInItsOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.connection(`,"onSeatExhausted":"waitlist"`)
	first := h.person("first@mail.example")
	h.setActive(200, first, false)
	h.api(200, "PUT", "/licences/core", `{"purchased":0}`)
	ada, bob := h.person("ada@mail.example"), h.person("bob@mail.example")
	h.setActive(200, ada, false)
	h.setActive(200, first, true)
	h.setActive(200, ada, true)
	var got []string
	for next := ""; ; {
		page := h.api(200, "GET", "/waitlist?limit=1"+next, "")
		got = append(got, page.at("items/0/id"))
		if page.at("next") == "" {
			break
		}
		next = "&after=" + page.at("next")
	}
	if want := []string{bob, first, ada}; !slices.Equal(got, want) {
		t.Errorf("they wait as %v, want %v", got, want)
	}
	h.api(400, "GET", "/waitlist?after=nonsense", "")
}
