package app_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// atOnce runs functions at the same time.
func atOnce(all ...func()) {
	var group sync.WaitGroup
	begin := make(chan struct{})
	for _, fn := range all {
		group.Go(func() {
			<-begin
			fn()
		})
	}
	close(begin)
	group.Wait()
}

// K66, S0-19: what a guard asks about is made at the same moment as the
// deactivation. Whoever comes first wins: nothing is ever left with somebody who is
// inactive. Each race runs again and again on the same person.
func TestGuardsAgainstRaces(t *testing.T) {
	t.Parallel()
	for _, race := range []struct {
		name, code string
		rounds     int
		before     func(h *house, id string) string      // makes what there is before
		bind       func(h *house, id, made string) reply // makes what binds the person
		bound      func(h *house, id string) bool
		free       func(h *house, id string, made reply)
	}{
		{"integration created", "deactivation.integration", 100, nil, func(h *house, id, _ string) reply {
			return h.try("POST", "/api/v1/integrations", adminSecret, `{"app":"books","peerApp":"crm","owner":"`+id+`","enabled":true}`)
		}, ownsEnabled, func(h *house, _ string, made reply) { h.api(204, "DELETE", "/integrations/"+made.at("id"), "") }},
		{"integration enabled", "deactivation.integration", 30, func(h *house, id string) string {
			return h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+id+`","enabled":false}`).at("id")
		}, func(h *house, id, made string) reply {
			return h.try("PUT", "/api/v1/integrations/"+made, adminSecret, `{"app":"books","peerApp":"crm","owner":"`+id+`","enabled":true}`)
		}, ownsEnabled, func(h *house, _ string, made reply) { h.api(204, "DELETE", "/integrations/"+made.at("id"), "") }},
		{"integration taken over", "deactivation.integration", 30, func(h *house, _ string) string {
			return h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+h.first("other@example.com")+`","enabled":true}`).at("id")
		}, func(h *house, id, made string) reply {
			return h.try("POST", "/api/v1/integrations/"+made+"/take-ownership", adminSecret, `{"owner":"`+id+`"}`)
		}, ownsEnabled, func(h *house, _ string, made reply) { h.api(204, "DELETE", "/integrations/"+made.at("id"), "") }},
		{"team led", "deactivation.team_leader", 30, nil, func(h *house, id, _ string) reply {
			return h.try("POST", "/api/v1/teams", adminSecret, `{"name":"Sales","leader":"`+id+`"}`)
		}, func(h *house, id string) bool { return strings.Contains(h.api(200, "GET", "/teams", "").text, id) },
			func(h *house, _ string, made reply) { h.api(204, "DELETE", "/teams/"+made.at("id"), "") }},
		{"application owned", "deactivation.app_owner", 30, nil, func(h *house, id, _ string) reply {
			return h.try("PUT", "/api/v1/applications/desk", adminSecret, `{"name":"Zoho Desk","owner":"`+id+`"}`)
		}, func(h *house, id string) bool {
			return strings.Contains(h.api(200, "GET", "/applications", "").text, id)
		}, func(h *house, _ string, _ reply) { h.api(200, "PUT", "/applications/desk", `{"name":"Zoho Desk"}`) }},
		{"record given", "deactivation.no_transferee", 30, nil, func(h *house, id, _ string) reply {
			return h.try("POST", "/api/v1/records", adminSecret, `{"type":"opportunity","owner":"`+id+`","open":true}`)
		}, func(h *house, id string) bool {
			return strings.Contains(h.api(200, "GET", "/records?user="+id, "").text, `"open":true`)
		}, func(h *house, _ string, made reply) { h.api(204, "DELETE", "/records/"+made.at("id"), "") }},
	} {
		t.Run(race.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			id := h.person("ada@example.com")
			won := map[bool]int{}
			for i := range race.rounds {
				var bound reply
				made := ""
				if race.before != nil {
					made = race.before(h, id)
				}
				var left verdict
				all := doors(adminSecret)
				way := all[i%2]
				if i%3 == 0 {
					way = all[6]
				}
				both := []func(){func() { bound = race.bind(h, id, made) }, func() { left = way.knock(h, id) }}
				if i%2 == 1 {
					slices.Reverse(both)
				}
				atOnce(both...)
				ok := bound.status < 300
				if ok == left.ok {
					t.Fatalf("round %d: bound %d %s, deactivated by %s %+v", i, bound.status, bound.text, way.name, left)
				}
				if !left.ok && left.code != race.code {
					t.Fatalf("round %d: refused for another reason: %+v", i, left)
				}
				if got := race.bound(h, id); got != ok || (h.standing(id) == "inactive") != left.ok {
					t.Fatalf("round %d: bound %t, %s", i, got, h.standing(id))
				}
				won[ok]++
				if ok {
					race.free(h, id, bound)
				} else {
					h.api(200, "POST", "/users/"+id+"/activate", "")
				}
			}
			t.Logf("bound %d times, deactivated %d times", won[true], won[false])
		})
	}
}

func ownsEnabled(h *house, id string) bool {
	return strings.Contains(h.api(200, "GET", "/integrations?user="+id, "").text, `"enabled":true`)
}

// first is the id of a person, who is added the first time.
func (h *house) first(name string) string {
	if found := h.prov(200, "GET", "/Users?filter=userName%20eq%20%22"+name+"%22", "").at("Resources/0/id"); found != "" {
		return found
	}
	return h.person(name)
}

// K61: two administrators are deactivated in the same instant; one of them stays.
func TestLastAdminsRace(t *testing.T) {
	t.Parallel()
	h := newStaffed(t).house
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	for _, id := range []string{ada, bob} {
		h.api(200, "PUT", "/users/"+id+"/standing", `{"role":"admin","rank":1}`)
	}
	for i := range 40 {
		var first, second verdict
		all := doors(adminSecret)
		atOnce(func() { first = all[0].knock(h, ada) }, func() { second = all[6].knock(h, bob) })
		if first.ok == second.ok {
			t.Fatalf("round %d: %+v, %+v", i, first, second)
		}
		loser, gone := first, bob
		if first.ok {
			loser, gone = second, ada
		}
		if loser.status != 409 || loser.code != "deactivation.last_admin" {
			t.Fatalf("round %d: %+v", i, loser)
		}
		h.api(200, "POST", "/users/"+gone+"/activate", "")
	}
}

// K61, S2-17: the ownership is transferred to somebody who is deactivated in the same
// instant: there is always exactly one owner, who is active.
func TestOwnershipRace(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	h := s.house
	ids := map[string]string{"ada@example.com": h.person("ada@example.com"), "bob@example.com": h.person("bob@example.com")}
	owner, other := "ada@example.com", "bob@example.com"
	h.api(200, "POST", "/organization/owner", `{"to":"`+ids[owner]+`"}`)
	for i := range 8 {
		var moved reply
		var left verdict
		atOnce(func() {
			moved = h.try("POST", "/api/v1/organization/owner", s.signedIn(owner), `{"to":"`+ids[other]+`"}`)
		}, func() { left = doors(adminSecret)[i%3].knock(h, ids[other]) })
		if (moved.status == 200) == left.ok {
			t.Fatalf("round %d: transfer %d %s, deactivation %+v", i, moved.status, moved.text, left)
		}
		owners := 0
		for name, id := range ids {
			if left.ok && i%3 == 2 && name == other {
				continue // removed
			}
			if h.api(200, "GET", "/users/"+id+"/standing", "").at("role") == "owner" {
				owners++
				if h.standing(id) != "active" {
					t.Errorf("round %d: the owner is %s", i, h.standing(id))
				}
			}
		}
		if owners != 1 {
			t.Fatalf("round %d: %d owners", i, owners)
		}
		switch {
		case moved.status == 200:
			owner, other = other, owner
		case i%3 == 2:
			ids[other] = h.api(201, "POST", "/users", `{"email":"`+other+`"}`).at("person/id")
		default:
			h.api(200, "POST", "/users/"+ids[other]+"/activate", "")
		}
		if left.ok {
			time.Sleep(1100 * time.Millisecond) // access tokens tell time in seconds
		}
	}
}

// S3-4, K60: many want the last seat that a deactivation frees; one gets it.
func TestFreedSeatRace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	id := h.person("ada@example.com")
	var waiting []string
	for i := range 8 {
		waiting = append(waiting, h.person(fmt.Sprintf("p%d@example.com", i), `,"active":false`))
	}
	h.setActive(200, id, false)
	got := make([]reply, len(waiting))
	var all []func()
	for i, one := range waiting {
		all = append(all, func() { got[i] = h.try("POST", "/api/v1/users/"+one+"/activate", adminSecret, "") })
	}
	atOnce(all...)
	in := 0
	for _, r := range got {
		if r.status == 200 {
			in++
		} else if r.status != 403 || r.at("detail") != "You are trying to activate more users than the allowed license limit of '1' users" {
			t.Errorf("%d %s", r.status, r.text)
		}
	}
	if used := h.api(200, "GET", "/licences/core", "").at("seats/used"); in != 1 || used != "1" {
		t.Errorf("%d came in, %s seats are used", in, used)
	}
}
