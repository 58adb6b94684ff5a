package app_test

import (
	"strings"
	"testing"
)

// path is that of the request to freeze somebody.
func (l *led) request(name string) string { return "/users/" + l.ids[name] + "/freeze-request" }

// Domain 3.6, T4: a leader asks that a member of their team be frozen, nobody else can;
// an administrator approves, and the freeze is theirs, with all its rules.
func TestLeaderAsksForAFreeze(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob", "cyd")
	l.api(204, "DELETE", "/teams/"+l.teams["cyd"]+"/members/"+l.ids["ada"], "")
	for _, name := range []string{"cyd", "ada", "boss"} { // another leader, themselves, an administrator who leads nothing
		l.same(l.by(name, 403, "PUT", l.request("ada")), "code", "permission.denied")
	}
	l.same(l.api(403, "PUT", l.request("ada"), ""), "code", "permission.denied")
	l.by("bob", 403, "PUT", l.request("bob")) // nobody leads themselves
	l.by("bob", 404, "PUT", "/users/nobody/freeze-request")
	l.by("bob", 403, "POST", "/users/"+l.ids["ada"]+"/suspend")

	before := l.contents()
	l.same(l.by("bob", 200, "PUT", l.request("ada")+"?preview=true"), "effects/0/code", "freeze.requested")
	if l.contents() != before {
		t.Error("a preview changed something")
	}
	asked := l.by("bob", 200, "PUT", l.request("ada"))
	l.same(asked, "user", l.ids["ada"])
	l.same(asked, "by", l.ids["bob"])
	l.by("bob", 200, "PUT", l.request("ada")) // once more is the same request
	if l.standing(l.ids["ada"]) != "active" {
		t.Error("asking froze somebody")
	}
	for name, want := range map[string]int{"boss": 1, "bob": 1, "cyd": 0, "ada": 0} {
		if n := l.by(name, 200, "GET", "/freeze-requests").items(); n != want {
			t.Errorf("%s sees %d requests, want %d", name, n, want)
		}
	}
	for _, way := range []string{"/approve", "/refuse"} {
		l.same(l.by("cyd", 403, "POST", l.request("ada")+way), "code", "permission.denied")
		l.same(l.by("ada", 403, "POST", l.request("ada")+way), "code", "permission.denied")
	}
	l.by("bob", 403, "POST", l.request("ada")+"/approve")

	before = l.contents()
	foretold := l.by("boss", 200, "POST", l.request("ada")+"/approve?preview=true")
	l.same(foretold, "effects/0/code", "freeze.approved")
	l.same(foretold, "effects/0/value", l.ids["bob"])
	if l.contents() != before {
		t.Error("a preview changed something")
	}
	l.same(l.by("boss", 200, "POST", l.request("ada")+"/approve"), "person/status", "suspended")
	l.by("boss", 404, "POST", l.request("ada")+"/approve")
	l.same(l.by("boss", 200, "GET", "/freeze-requests"), "items", "[]")
	if l.audited("freeze.request", l.ids["ada"]) != 2 || l.audited("user.suspend", l.ids["ada"]) != 1 {
		t.Error("not audited as a request and one freeze")
	}
	event := l.api(200, "GET", "/audit?action=user.suspend&resource="+l.ids["ada"], "")
	l.same(event, "items/0/event/actor/user", l.ids["boss"])
	if mine := l.by("bob", 200, "GET", "/audit?limit=200").text; !strings.Contains(mine, "freeze.approved") {
		t.Error("bob is not told what became of his request")
	}
	l.same(l.by("bob", 409, "PUT", l.request("ada")), "detail", "ada@example.com is not active, so there is nothing to freeze.")
	l.same(l.wanted(409, "PUT", "/api/v1"+l.request("ada"), l.signedIn("bob@example.com"), "", "Accept-Language: fr"), "detail", "ada@example.com n'est pas actif, il n'y a donc rien à suspendre.")
}

// Domain 3.6, S1-3, G9: whoever decides has the rank for it, is a second person, and
// decides on nobody's freeze but others'; who asked may take it back.
func TestWhoDecidesOnAFreeze(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob")
	l.ids["top"] = l.person("top@example.com")
	l.api(200, "PUT", "/users/"+l.ids["top"]+"/standing", `{"role":"admin","rank":20}`)
	l.api(200, "PUT", "/users/"+l.ids["ada"]+"/standing", `{"role":"admin","rank":20}`)
	l.by("bob", 200, "PUT", l.request("ada"))
	for _, way := range []string{"/approve", "/refuse"} {
		high := l.by("boss", 403, "POST", l.request("ada")+way)
		l.same(high, "code", "deactivation.higher_role")
		l.same(high, "detail", "ada@example.com has a higher role than you; ask somebody of at least the same rank.")
		own := l.by("ada", 403, "POST", l.request("ada")+way)
		l.same(own, "code", "freeze.decider")
		l.same(own, "detail", "You cannot decide on a freeze of your own; another administrator can.")
	}
	l.same(l.by("top", 200, "POST", l.request("ada")+"/refuse"), "effects/0/value", l.ids["bob"])
	l.by("top", 404, "POST", l.request("ada")+"/approve")
	if l.standing(l.ids["ada"]) != "active" || l.audited("freeze.refuse", l.ids["ada"]) != 1 {
		t.Error("a refusal froze somebody, or is not audited")
	}

	l.by("bob", 200, "PUT", l.request("ada"))
	l.by("bob", 200, "POST", l.request("ada")+"/refuse")
	l.by("bob", 404, "POST", l.request("ada")+"/refuse")

	l.api(200, "PUT", "/users/"+l.ids["bob"]+"/standing", `{"role":"admin","rank":20}`)
	l.by("bob", 200, "PUT", l.request("ada"))
	l.same(l.by("bob", 403, "POST", l.request("ada")+"/approve"), "detail", "You have asked for this freeze yourself; another administrator can approve it.")
	l.by("top", 200, "POST", l.request("ada")+"/approve")

	// The word of the leader is none for a deactivation that needs two people.
	l.api(200, "POST", "/users/"+l.ids["ada"]+"/resume", "")
	l.api(200, "PUT", "/settings", `{"twoPeople":true}`)
	l.by("bob", 200, "PUT", l.request("ada"))
	l.same(l.as("top@example.com", 403, "POST", "/users/"+l.ids["ada"]+"/deactivate", "{}"), "code", "approval.required")
}

// Domain 3.6, T4, T6: a request ends with what it was about: with a freeze by other
// hands, a departure, or an erasure; and it counts only while who asked leads the person.
func TestFreezeRequestsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(l *led)
	}{
		{"frozen directly", func(l *led) { l.api(200, "POST", "/users/"+l.ids["ada"]+"/suspend", "") }},
		{"deactivated", func(l *led) { l.setActive(200, l.ids["ada"], false) }},
		{"removed", func(l *led) { l.prov(204, "DELETE", "/Users/"+l.ids["ada"], "") }},
		{"erased", func(l *led) {
			l.api(200, "PUT", "/settings", `{"selfClose":true}`)
			l.by("ada", 200, "GET", "/users/"+l.ids["ada"]+"/export")
			l.as("ada@example.com", 200, "POST", "/users/"+l.ids["ada"]+"/close", `{"confirm":"ada@example.com"}`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLed(t, "bob")
			l.by("bob", 200, "PUT", l.request("ada"))
			c.end(l)
			l.same(l.api(200, "GET", "/freeze-requests", ""), "items", "[]")
			l.api(404, "POST", l.request("ada")+"/approve", "")
			l.api(404, "POST", l.request("ada")+"/refuse", "")
			if strings.Contains(l.everything(), "freeze:"+l.ids["ada"]) {
				t.Error("the request is still there")
			}
		})
	}
	l := newLed(t, "bob", "cyd")
	l.by("bob", 200, "PUT", l.request("ada"))
	l.api(200, "PATCH", "/teams/"+l.teams["bob"], `{"leader":"`+l.ids["cyd"]+`"}`)
	lapsed := l.api(409, "POST", l.request("ada")+"/approve", "")
	l.same(lapsed, "code", "freeze.lapsed")
	l.same(lapsed, "detail", "Who asked for the freeze of ada@example.com does not lead their team any more; freeze the person yourself if it is still wanted.")
	if l.standing(l.ids["ada"]) != "active" {
		t.Error("frozen on the word of who leads nobody")
	}
	l.by("cyd", 200, "PUT", l.request("ada"))
	l.api(200, "POST", l.request("ada")+"/approve", "")
}
