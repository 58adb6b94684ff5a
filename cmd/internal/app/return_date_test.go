package app_test

import (
	"strings"
	"testing"
	"time"
)

// T7, T12: the date in the record is what counts. Who returns before their day leaves on
// it all the same, by whatever door they return; a day that is over is not planned again.
func TestReturnBeforeTheDay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"undoMinutes":30}`)
	soon := time.Now().Add(4 * time.Second).UTC().Format(time.RFC3339)
	ada := h.person("ada@example.com", `,"`+usherUser+`":{"contractEndDate":"`+soon+`"}`)
	h.setActive(200, ada, false)
	h.api(404, "GET", "/schedules/"+ada, "")
	h.setActive(200, ada, true)
	h.same(h.api(200, "GET", "/schedules/"+ada, ""), "reason", "contractEnd")
	h.soon("the contract is over and she is still in", func() bool { return h.standing(ada) == "inactive" })
	h.setActive(200, ada, true)
	h.api(404, "GET", "/schedules/"+ada, "")

	bob := h.person("bob@example.com", `,"`+usherUser+`":{"terminationDate":"2099-12-31"}`)
	h.team("Sales", ada, 1, bob)
	h.opportunity(bob)
	h.api(200, "POST", "/users/"+bob+"/deactivate", "{}")
	departure := h.api(200, "GET", "/users/"+bob+"/departures", "").at("items/0/id")
	preview := h.api(200, "POST", "/users/"+bob+"/departures/"+departure+"/undo?preview=true", "")
	h.same(h.api(200, "POST", "/users/"+bob+"/departures/"+departure+"/undo", ""), "effects", preview.at("effects"))
	h.same(h.api(200, "GET", "/schedules/"+bob, ""), "at", "2100-01-01T00:00:00Z")
	h.setActive(200, bob, true)
	h.same(h.api(200, "GET", "/schedules/"+bob, ""), "version", "1")
}

// T12: a departure that could not be on its day is tried again only while that is the
// day. Whose date was moved or taken away since stays.
func TestFailedDepartureOfAnotherDay(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]string{"moved": "2099-12-31", "taken away": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStaffed(t)
			top, ada := s.person("top@example.com"), s.person("ada@example.com")
			s.patched(200, ada, usherUser+":terminationDate", `"`+time.Now().Add(3*time.Second).UTC().Format(time.RFC3339)+`"`)
			s.api(200, "POST", "/organization/owner", `{"to":"`+ada+`"}`)
			s.soon("no case tells that the owner could not go", func() bool { return s.audited("departure.failed", ada) == 1 })
			s.same(s.api(200, "GET", "/cases/"+ada, ""), "open", "true")
			s.patched(200, ada, "title", `"Chair"`)
			s.same(s.api(200, "GET", "/cases/"+ada, ""), "open", "true")
			s.api(200, "PATCH", "/users/"+ada, `{"terminationDate":"`+next+`"}`)
			s.same(s.api(200, "GET", "/cases/"+ada, ""), "open", "false")
			s.as("ada@example.com", 200, "POST", "/organization/owner", `{"to":"`+top+`"}`)
			bob := s.person("bob@example.com", `,"`+usherUser+`":{"terminationDate":"2020-01-31"}`)
			s.soon("the clock stands still", func() bool { return s.standing(bob) == "inactive" })
			if s.standing(ada) != "active" {
				t.Error("who is no longer to go was deactivated")
			}
		})
	}
}

// Domain 4.8, T4: undoing a deactivation leads to where the person stood. Who was frozen
// before is frozen again: no session, a seat, the teams and applications; nobody is told
// that they may sign in.
func TestUndoOfWhoWasFrozen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	lead, ada := h.person("lead@example.com"), h.person("ada@example.com")
	h.team("Sales", lead, 1, ada)
	h.api(200, "PUT", "/applications/crm", `{"name":"CRM"}`)
	h.api(200, "PUT", "/applications/crm/assignments/"+ada, `{"role":"user"}`)
	h.api(200, "POST", "/users/"+ada+"/suspend", "")
	h.setActive(200, ada, false)
	undo := "/users/" + ada + "/departures/" + h.api(200, "GET", "/users/"+ada+"/departures", "").at("items/0/id") + "/undo"
	preview, done := h.api(200, "POST", undo+"?preview=true", ""), h.api(200, "POST", undo, "")
	h.same(done, "effects", preview.at("effects"))
	if strings.Contains(done.text, "mail.activated") || !strings.Contains(done.text, "seat.taken") {
		t.Errorf("the undoing does %s", done.at("effects"))
	}
	u := h.user(ada)
	h.same(u, "active", "true")
	h.same(u, usherUser+"/status", "suspended")
	h.same(u, usherUser+"/seatState", "held")
	h.same(u, usherUser+"/deactivatedAt", "")
	h.same(u, usherUser+"/blockListed", "")
	h.same(h.api(200, "GET", "/assignments?user="+ada, ""), "items/0/enabled", "true")
	h.api(409, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`)
	if n := h.audited("user.deactivate.undo", ada); n != 1 {
		t.Errorf("%d events tell of the undoing", n)
	}
	h.same(h.api(200, "POST", "/users/"+ada+"/resume", ""), "person/status", "active")
	h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`)
}
