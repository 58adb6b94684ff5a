package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// K64, 3.3: a stale If-Match refuses a removal as it refuses a change.
func TestStaleRemovals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	h.api(200, "PUT", "/licences/core", `{"purchased":4}`)
	kept := h.api(201, "POST", "/reservations", `{"seats":1}`)
	for path, is := range map[string]string{"/licences/core": `W/"2"`, "/reservations/" + kept.at("id"): `W/"1"`} {
		h.api(412, "DELETE", path, "", `If-Match: W/"9"`)
		h.same(h.api(200, "GET", path, ""), "version", is[3:4])
		h.api(204, "DELETE", path, "", "If-Match: "+is)
	}
	ada := h.person("ada@mail.example")
	h.api(412, "POST", "/users/"+ada+"/invite", "", `If-Match: W/"9"`)
	h.stands(ada, "pending", "notInvited", "active")
}

// 3.7, 4.12, S3-31: settings have values that there are, and those that a request does
// not name stay: a retention of 0, which erases at once, comes of no omission.
func TestSettingsLeftOutStay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(400, "PUT", "/settings", `{"language":"xx"}`)
	got := h.api(200, "PUT", "/settings", `{"supportContact":"help@corp.example","brake":{"percent":20,"count":3,"minutes":7,"revoke":true}}`)
	for path, want := range map[string]string{"retentionDays": "30", "undoMinutes": "30", "language": "en", "brake/minutes": "7"} {
		h.same(got, path, want)
	}
	h.api(200, "PUT", "/settings", `{"retentionDays":90,"language":"fr"}`)
	got = h.api(200, "PUT", "/settings", `{"brake":{"count":4},"selfClose":true}`)
	for path, want := range map[string]string{"retentionDays": "90", "undoMinutes": "30", "language": "fr", "supportContact": "help@corp.example", "brake/percent": "20", "brake/count": "4", "brake/revoke": "true", "selfClose": "true"} {
		h.same(got, path, want)
	}
	ada := h.person("ada@mail.example")
	h.api(200, "DELETE", "/users/"+ada, "")
	due := h.api(200, "GET", "/tombstones/"+ada, "").at("eraseAt")
	if at, err := time.Parse(time.RFC3339, due); err != nil || time.Until(at) < 89*24*time.Hour {
		t.Errorf("what is left of a person is erased at %s", due)
	}
	h.api(200, "PUT", "/settings", h.api(200, "GET", "/settings", "").text) // what is read can be sent
	h.api(400, "PUT", "/settings", `{"retentionDays":-1}`)
	h.api(400, "PUT", "/settings", `{"brake":{"percent":101}}`)
	h.same(h.api(200, "PUT", "/settings", `{"retentionDays":0}`), "retentionDays", "0")
}

// K4: a cursor that no page gave is refused; those that pages gave lead through all.
func TestCursorsOfLists(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	for range 3 {
		h.api(201, "POST", "/records", `{"type":"deal","owner":"`+ada+`","open":true}`)
	}
	h.api(200, "PUT", "/licences/a", `{"purchased":1}`)
	h.api(200, "PUT", "/licences/b", `{"purchased":1}`)
	next := map[string]string{}
	for _, path := range []string{"/records", "/audit", "/licences"} {
		seen, after := map[string]bool{}, ""
		for range 100 {
			page := h.api(200, "GET", path+"?limit=1"+after, "")
			item := page.at("items/0")
			if seen[item] {
				t.Fatalf("%s shows twice %s", path, item)
			}
			seen[item] = true
			if page.at("next") == "" {
				break
			}
			next[path], after = page.at("next"), "&after="+page.at("next")
		}
		if want := map[string]int{"/records": 3, "/licences": 2}[path]; want > 0 && len(seen) != want || len(seen) < 2 {
			t.Errorf("%s: %d items", path, len(seen))
		}
	}
	for _, path := range []string{"/audit", "/outbox", "/records", "/licences", "/users/" + ada + "/credentials", "/users", "/teams"} {
		if path == "/users/"+ada+"/credentials" {
			h.owns("default", "mail.example")
		}
		for _, junk := range []string{"zzz", "junk", "12", "%00", ada} {
			h.same(h.api(400, "GET", path+"?after="+junk, ""), "detail", "The cursor is not one of an earlier page.")
		}
	}
	h.api(400, "GET", "/audit?after="+next["/records"], "")
}

// K4, K24: ids that a caller chooses can be written in an address, and an address that
// could be read in two ways is refused with a problem, as all of the admin API is.
func TestChosenIDs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	for _, id := range []string{"a/b", `a\\b`, `a\u0000b`, `a\nb`, "..", strings.Repeat("x", 129)} {
		h.api(400, "POST", "/purchases", `{"id":"`+id+`","email":"new@mail.example"}`)
		h.api(400, "POST", "/records", `{"id":"`+id+`","type":"deal","owner":"`+ada+`","open":true}`)
		h.api(400, "POST", "/subscriptions", `{"id":"`+id+`","user":"`+ada+`","plan":"gold"}`)
	}
	for path, body := range map[string]string{"/applications/a%5Cb": `{"name":"x"}`, "/applications/" + strings.Repeat("x", 129): `{"name":"x"}`, "/licences/a%5Cb": `{"purchased":1}`, "/applications/a%2Fb": `{"name":"x"}`, "/licences/a%00b": `{"purchased":1}`} {
		got := h.api(400, "PUT", path, body)
		if got.header.Get("Content-Type") != "application/problem+json" || got.at("title") != "Bad Request" || got.at("requestId") == "" {
			t.Errorf("%s: %v %s", path, got.header, got.text)
		}
	}
	for _, path := range []string{"/users/a%2Fb", "/users/%00", "/users%2Fx", "/%0d%0a"} {
		if got := h.api(400, "GET", path, ""); got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v %s", path, got.header, got.text)
		}
	}
	h.api(201, "POST", "/purchases", `{"id":"Müller & Söhne #7%","email":"new@mail.example"}`)
	h.same(h.api(200, "GET", "/purchases/M%C3%BCller%20&%20S%C3%B6hne%20%237%25", ""), "email", "new@mail.example")
}

// 3.3: what a request names must be there.
func TestNamedThingsExist(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	h.owns("default", "mail.example")
	team := h.api(201, "POST", "/teams", `{"name":"Sales"}`).at("id")
	group := h.prov(201, "POST", "/Groups", `{"displayName":"Others"}`).at("id")
	const text = "The value of primaryTeam is not a team of this organization; send the id of one that is."
	for _, id := range []string{"nope", group, ada} {
		h.same(h.api(400, "PUT", "/users/"+ada+"/standing", `{"primaryTeam":"`+id+`"}`), "detail", text)
	}
	h.same(h.api(200, "PUT", "/users/"+ada+"/standing", `{"primaryTeam":"`+team+`"}`), "primaryTeam", team)
	h.api(204, "DELETE", "/teams/"+team, "")
	h.api(200, "PUT", "/users/"+ada+"/standing", `{"rank":1,"primaryTeam":"`+team+`"}`) // as it was

	h.same(h.api(404, "PUT", "/brake-releases/nope", `{}`), "detail", "There is no connection of that name here; a release is for a connection, by its id.")
	h.api(200, "PUT", "/brake-releases/default", `{}`)

	const header = "Usher-Reservation: nope"
	const reservation = "The header Usher-Reservation names a reservation that does not exist; leave it out, or reserve seats first."
	h.same(h.api(400, "POST", "/users", `{"email":"bob@mail.example"}`, header), "detail", reservation)
	h.same(h.prov(400, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bob"}`, header), "detail", reservation)
	h.prov(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"x"}]}`, header) // takes no seat
	h.same(h.prov(200, "GET", "/Users?count=0", ""), "totalResults", "1")
}

// T8, 3.7: a purchase that puts a person on the waitlist says so in the audit; another
// purchase of theirs changes nothing about them.
func TestPurchasesOfWhoWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	h.api(200, "POST", "/users/"+ada+"/deactivate", `{"reactivateOnPurchase":true}`)
	h.api(200, "PUT", "/licences/core", `{"purchased":0}`)
	h.same(h.api(201, "POST", "/purchases", `{"id":"p1","email":"ada@mail.example"}`), "outcome", "waitlisted")
	before := h.user(ada)
	for _, id := range []string{"p2", "p2", "p3"} {
		got := h.api(201, "POST", "/purchases", `{"id":"`+id+`","email":"ada@mail.example"}`)
		h.same(got, "outcome", "waitlisted")
		h.same(got, "user", ada)
	}
	h.same(h.user(ada), "meta/version", before.at("meta/version"))
	for action, want := range map[string]int{"user.waitlist": 1, "user.update": 0, "user.activate": 0} {
		if n := h.audited(action, ada); n != want {
			t.Errorf("%d events %s, want %d", n, action, want)
		}
	}
	for id, want := range map[string]int{"p1": 0, "p2": 1, "p3": 1} {
		if n := h.audited("purchase.record", id); n != want {
			t.Errorf("%d events of %s, want %d", n, id, want)
		}
	}
	h.same(h.api(200, "GET", "/waitlist", ""), "items/0/id", ada)
	h.same(h.api(200, "GET", "/waitlist", ""), "items/1", "")
}

// 4.6: the page about a refusal tells whether it holds still, and does not pretend
// to know where it cannot.
func TestProblemPagesTellWhatTheyKnow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	page := func(refused reply) reply {
		return h.api(200, "GET", strings.TrimPrefix(refused.at("instance"), "/api/v1"), "")
	}
	h.account("ada@mail.example", "b")
	h.tenant(t, "b")
	ada, bob := h.person("ada@mail.example"), h.person("bob@mail.example")
	convert := h.api(409, "POST", "/users/"+ada+"/convert", "")
	withdraw := h.api(409, "POST", "/users/"+bob+"/withdraw", "")
	h.same(page(convert), "gone", "false")
	h.same(page(withdraw), "gone", "false")
	h.account("ada@mail.example", "")
	h.invite(bob)
	h.same(page(convert), "gone", "true")
	h.same(page(withdraw), "gone", "true")

	h.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	licence := h.api(409, "PUT", "/licences/core", `{"purchased":0}`)
	if got := page(licence); strings.Contains(got.text, `"gone"`) || got.at("event/refused/0") != "licence.in_use" {
		t.Errorf("a page that cannot tell says %s", got.text)
	}
	h.api(200, "DELETE", "/users/"+bob, "")
	if got := page(withdraw); strings.Contains(got.text, `"gone"`) {
		t.Errorf("of somebody who is gone, the page says %s", got.text)
	}
}

// T12: a PUT that does not speak of the dates of leaving keeps those that an
// administrator has set, and the schedule with them.
func TestPutKeepsTheDatesOfLeaving(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	h.api(200, "PATCH", "/users/"+ada, `{"contractEndDate":"2099-06-30","terminationDate":"2099-12-31"}`)
	at := h.api(200, "GET", "/schedules/"+ada, "").at("at")
	put := func(more string) {
		h.prov(200, "PUT", "/Users/"+ada, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@mail.example","displayName":"Ada","emails":[{"value":"ada@mail.example","primary":true}]%s}`, more))
	}
	put("")
	h.same(h.user(ada), usherUser+"/contractEndDate", "2099-06-30")
	h.same(h.user(ada), usherUser+"/terminationDate", "2099-12-31")
	h.same(h.api(200, "GET", "/schedules/"+ada, ""), "at", at)
	put(`,"` + usherUser + `":{"contractEndDate":"2099-05-31"}`)
	h.same(h.user(ada), usherUser+"/terminationDate", "2099-12-31")
	if now := h.api(200, "GET", "/schedules/"+ada, "").at("at"); now == at || now == "" {
		t.Errorf("the schedule is for %q, and was for %q", now, at)
	}
	h.prov(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"`+usherUser+`:contractEndDate"},{"op":"remove","path":"`+usherUser+`:terminationDate"}]}`)
	h.api(404, "GET", "/schedules/"+ada, "")
}

// 3.6, 3.7: who tries what their role does not allow is in the audit, once in a while
// for the same attempt, however often it is made.
func TestDeniedPermissionsAreAudited(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	ada := s.member("ada", "", 0)
	s.member("rita", "auditor", 0)
	token := s.as("ada@corp.example")
	for range 5 {
		s.ask(403, token, "GET", "/users", "")
		s.ask(403, token, "PUT", "/settings", `{"language":"fr"}`)
		s.ask(403, secret, "GET", "/users", "")
	}
	s.ask(403, s.as("rita@corp.example"), "PUT", "/settings", `{"language":"fr"}`)
	s.ask(403, token, "GET", "/audit?app=books", "")
	for operation, want := range map[string]int{"list-people": 2, "put-settings": 2, "list-audit": 1} {
		if n := s.audited("permission.refused", operation); n != want {
			t.Errorf("%d events about %s, want %d", n, operation, want)
		}
	}
	got := s.api(200, "GET", "/audit?action=permission.refused&resource=list-audit", "")
	s.same(got, "items/0/event/refused/0", "permission.denied")
	s.same(got, "items/0/event/actor/user", ada)
}

// 3.6: who administers an application sees how its licence stands, and no other.
func TestAppAdminsSeeTheirLicence(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	ada := s.member("ada", "", 0)
	s.member("bob", "", 0)
	s.api(200, "PUT", "/applications/mail", `{"name":"Mail"}`)
	s.api(200, "PUT", "/applications/mail/assignments/"+ada, `{"role":"admin"}`)
	for _, sku := range []string{"mail", "core"} {
		s.api(200, "PUT", "/licences/"+sku, `{"purchased":7}`)
	}
	s.same(s.ask(200, s.as("ada@corp.example"), "GET", "/licences/mail", ""), "purchased", "7")
	s.ask(403, s.as("ada@corp.example"), "GET", "/licences/core", "")
	s.ask(403, s.as("ada@corp.example"), "GET", "/licences", "")
	s.ask(403, s.as("ada@corp.example"), "PUT", "/licences/mail", `{"purchased":9}`)
	s.ask(403, s.as("bob@corp.example"), "GET", "/licences/mail", "")
}
