package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// dated are the ways to have the clock deactivate somebody: a leaving date that is
// over. Who has no authority for a deactivation has none for these.
func dated(token string) []door {
	const day = `"2020-01-31"`
	patch := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"` + usherUser + `:%s","value":` + day + `}]}`
	return []door{
		{"PATCH terminationDate", true, false, "user.update", func(h *house, id string) verdict {
			return answered(h.try("PATCH", "/scim/v2/Users/"+id, secret, fmt.Sprintf(patch, "terminationDate")))
		}},
		{"PUT contractEndDate", true, false, "user.update", func(h *house, id string) verdict {
			stays := strings.Replace(h.whole(id), `"active":false`, `"`+usherUser+`":{"contractEndDate":`+day+`}`, 1)
			return answered(h.try("PUT", "/scim/v2/Users/"+id, secret, stays))
		}},
		{"Bulk PATCH contractEndDate", true, false, "user.update", func(h *house, id string) verdict {
			return h.bulk("PATCH", id, `,"data":`+fmt.Sprintf(patch, "contractEndDate"))
		}},
		{"admin terminationDate", false, false, "user.update", func(h *house, id string) verdict {
			return answered(h.try("PATCH", "/api/v1/users/"+id, token, `{"terminationDate":`+day+`}`))
		}},
	}
}

// G8, K62, T12: dates do not pass the brake either. On the day it holds what comes
// after the client's share: those people wait, suspended, until an administrator lets
// the client pass, and then leave by themselves.
func TestBrakeHoldsDates(t *testing.T) {
	t.Parallel()
	for _, way := range dated(adminSecret) {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.api(200, "PUT", "/settings", `{"language":"en","undoMinutes":30,"brake":{"percent":20,"count":2,"minutes":10}}`)
			var ids []string
			for i := range 5 {
				ids = append(ids, h.person(fmt.Sprintf("p%d@example.com", i)))
			}
			for _, id := range ids {
				if got := way.knock(h, id); !got.ok {
					t.Fatalf("%+v", got)
				}
			}
			count := func(status string) (n int) {
				for _, id := range ids {
					if h.standing(id) == status {
						n++
					}
				}
				return n
			}
			if !way.client {
				h.soon("an administrator is held", func() bool { return count("inactive") == 5 })
				return
			}
			h.soon("the day has come and nothing happened", func() bool { return count("active") == 0 })
			if n := count("inactive"); n != 2 {
				t.Errorf("%d people left, want 2", n)
			}
			for _, id := range ids {
				if c := h.try("GET", "/api/v1/cases/"+id, adminSecret, ""); c.status == 200 {
					h.same(c, "blockers/0/code", "safeguard.mass_deactivation")
					h.same(c, "by/connection", "default")
				}
			}
			h.api(200, "PUT", "/brake-releases/default", `{"until":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
			h.soon("nobody follows after the release", func() bool { return count("inactive") == 5 })
			for _, id := range ids {
				if n := h.audited("user.deactivate", id); n != 1 {
					t.Errorf("%d events tell of the deactivation", n)
				}
			}
		})
	}
}

// G9, T12: where two people are needed, who sets the date is one of them: their own
// approval does not count on the day, another's does.
func TestDateNeedsASecondPerson(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	s.api(200, "PUT", "/settings", `{"language":"en","undoMinutes":30,"twoPeople":true}`)
	ids := map[string]string{}
	for _, name := range []string{"ada", "bob", "cyd"} {
		ids[name] = s.person(name + "@example.com")
		s.api(200, "PUT", "/users/"+ids[name]+"/standing", `{"role":"admin","rank":10}`)
	}
	s.as("ada@example.com", 200, "PUT", "/users/"+ids["cyd"]+"/approval", "")
	s.as("ada@example.com", 200, "PATCH", "/users/"+ids["cyd"], `{"terminationDate":"2020-01-31"}`)
	s.soon("the day has come and nothing happened", func() bool { return s.standing(ids["cyd"]) == "suspended" })
	s.same(s.api(200, "GET", "/cases/"+ids["cyd"], ""), "blockers/0/code", "approval.required")
	s.same(s.api(200, "GET", "/cases/"+ids["cyd"], ""), "by/user", ids["ada"])
	s.as("bob@example.com", 200, "PUT", "/users/"+ids["cyd"]+"/approval", "")
	s.soon("the departure is not finished", func() bool { return s.standing(ids["cyd"]) == "inactive" })
}

// T12: a departure that the leaving date began and that had to wait is taken back when the
// date turns out to be a later one, or none: the person is in again and stays, whatever
// becomes of what was in the way. One that was asked for goes on.
func TestLeavingDateIsPutOff(t *testing.T) {
	t.Parallel()
	date := func(value string) string {
		return `{"op":"replace","path":"` + usherUser + `:terminationDate","value":` + value + `}`
	}
	for name, c := range map[string]struct {
		leave, stay, want string
	}{
		"a later date":           {date(`"2026-01-01"`), date(`"2036-01-01"`), "active"},
		"no date":                {date(`"2026-01-01"`), `{"op":"remove","path":"` + usherUser + `:terminationDate"}`, "active"},
		"another that has come":  {date(`"2026-01-01"`), date(`"2026-01-02"`), "inactive"},
		"and said to be out":     {date(`"2026-01-01"`), date(`"2036-01-01"`) + `,{"op":"replace","path":"active","value":false}`, "inactive"},
		"asked for, not by date": {`{"op":"replace","path":"active","value":false}`, date(`"2036-01-01"`), "inactive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.connection(`,"onBlocked":"accept"`)
			bob, ada := h.person("bob@example.com"), h.person("ada@example.com")
			team := h.api(201, "POST", "/teams", `{"name":"Sales","leader":"`+bob+`","rank":1,"members":["`+bob+`","`+ada+`"]}`).at("id")
			h.patchUser(200, bob, c.leave)
			h.soon("they are not suspended", func() bool { return h.standing(bob) == "suspended" })
			after := h.patchUser(200, bob, c.stay)
			if c.want == "active" {
				h.same(after, "active", "true")
				h.same(after, usherUser+"/status", "active")
				h.same(h.api(200, "GET", "/cases", ""), "items/0/open", "false")
			}
			h.api(200, "PATCH", "/teams/"+team, `{"leader":"`+ada+`"}`)
			if c.want == "active" {
				for _, name := range []string{"cyd@example.com", "dan@example.com"} { // the second leaves in a later round of the clock
					id := h.person(name)
					h.patchUser(200, id, c.leave)
					h.soon("the clock stands still", func() bool { return h.standing(id) == "inactive" })
				}
				if got := h.standing(bob); got != "active" {
					t.Errorf("they are %s", got)
				}
				return
			}
			h.soon("they do not leave", func() bool { return h.standing(bob) == c.want })
		})
	}
}
