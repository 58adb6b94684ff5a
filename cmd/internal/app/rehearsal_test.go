package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/usher-scim/usher/admin/control"
)

// Domain 4.5: within a rehearsal the operator's door answers as it does in earnest, to
// each request as if those before had been made; nobody else sees any of it.
func TestRehearsalOfTheOperator(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := &crowd{house: h}
	ada := h.person("ada@example.com")
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	h.api(200, "POST", "/addresses/block", `{"email":"evil@example.com"}`)
	h.control(t, "PATCH", "/accounts", `{"email":"spam@example.com","state":"spam"}`, &struct{}{})
	const org = control.OrganizationHeader + ": default"
	row := func(name, more string) string { return fmt.Sprintf(`{%s,"userName":%q%s}`, userSchema, name, more) }
	steps := []struct{ method, path, body string }{
		{"POST", "/Users", row("bob@example.com", `,"externalId":"b","emails":[{"value":"bob@example.com"}]`)},
		{"POST", "/Users", row("spam@example.com", "")},
		{"POST", "/Users", row("evil+again@example.com", "")},
		{"POST", "/Users", row("BOB@example.com", "")},
		{"POST", "/Users", row("cyd@example.com", "")},
		{"POST", "/Users", row("dan@example.com", "")},
		{"PATCH", "/Users/" + ada, patchHead + `[{"op":"replace","path":"active","value":false}]}`},
		{"POST", "/Users", row("dan@example.com", "")},
		{"GET", "/Users?attributes=userName&filter=userName+eq+%22dan@example.com%22+or+externalId+eq+%22b%22", ""},
		{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g","members":[{"value":"` + ada + `"}]}`},
		{"GET", "/Users/" + ada + "?attributes=groups.display", ""},
	}
	plain := func(r reply) string {
		var problem struct{ Status, ScimType, Detail string }
		_ = json.Unmarshal([]byte(r.text), &problem) // what is none is empty
		return fmt.Sprint(r.status, problem, strings.Count(r.text, `"userName"`), strings.Count(r.text, `"display":"g"`))
	}
	before := h.contents()
	begun := c.socket("POST", control.Rehearsals, "")
	var made control.Rehearsal
	if err := json.Unmarshal([]byte(begun.text), &made); err != nil || made.ID == "" {
		t.Fatalf("%d %s %v", begun.status, begun.text, err)
	}
	at := control.Rehearsals + "/" + made.ID
	var told []string
	for _, s := range steps {
		told = append(told, plain(c.socket(s.method, at+"/scim/v2"+s.path, s.body, org)))
	}
	if seats := c.socket("GET", at+"/api/v1/licences/core", "", org); !strings.Contains(seats.text, `"used":3`) {
		t.Errorf("the seats of the rehearsal: %d %s", seats.status, seats.text)
	}
	if after := h.contents(); after != before {
		t.Fatalf("the rehearsal changed the store: %s", differing(before, after))
	}
	if got := c.socket("DELETE", at, ""); got.status != 200 {
		t.Errorf("the end: %d %s", got.status, got.text)
	}
	if got := c.socket("GET", at+"/scim/v2/Users", "", org); got.status != 404 {
		t.Errorf("after the end: %d %s", got.status, got.text)
	}
	for i, s := range steps {
		if done := plain(c.socket(s.method, "/scim/v2"+s.path, s.body, org)); done != told[i] {
			t.Errorf("%s %s %s: the rehearsal said %s, and what came was %s", s.method, s.path, s.body, told[i], done)
		}
	}
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "3")
	for i, want := range map[int]string{1: "marked as spam", 2: "The address evil@example.com is blocked", 3: "userName is already used", 5: "more users than the allowed license limit of '3' users"} {
		if !strings.Contains(told[i], want) {
			t.Errorf("%s is told as %s, want %q", steps[i].body, told[i], want)
		}
	}
}

// A server has room for a few rehearsals at a time, and says so.
func TestRehearsalsAreFew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := &crowd{house: h}
	var made control.Rehearsal
	for range 2 {
		if err := json.Unmarshal([]byte(c.socket("POST", control.Rehearsals, "").text), &made); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.socket("POST", control.Rehearsals, ""); got.status != 409 || !strings.Contains(got.text, "As many dry runs are under way as the server has room for") {
		t.Errorf("%d %s", got.status, got.text)
	}
	c.socket("DELETE", control.Rehearsals+"/"+made.ID, "")
	if got := c.socket("POST", control.Rehearsals, ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.text)
	}
}
