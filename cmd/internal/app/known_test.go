package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// patched sends one operation of PATCH.
func (h *house) patched(status int, id, path, value string) reply {
	h.Helper()
	return h.prov(status, "PATCH", "/Users/"+id, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":%q,"value":%s}]}`, path, value))
}

// K10: what stands for machines is no user: not to be found, read or changed
// through any door of the protocol.
func TestK10MachinesAreNoUsers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, path := range []string{"/Users", "/Groups", "/Users?filter=" + url.QueryEscape(`userName sw "a" or userName sw "o" or userName sw "d"`)} {
		h.same(h.prov(200, "GET", path, ""), "totalResults", "0")
	}
	h.same(h.prov(200, "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"id pr"}`), "totalResults", "0")
	ada := h.person("ada@mail.example")
	for _, name := range []string{"admin", "operator", "default"} {
		h.prov(404, "GET", "/Users/"+name, "")
		h.prov(404, "DELETE", "/Users/"+name, "")
		h.patched(404, name, "active", "false")
		bulk := h.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Users/`+name+`"}]}`)
		h.same(bulk, "Operations/0/status", "404")
		h.prov(400, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g-`+name+`","members":[{"value":"`+name+`"}]}`)
	}
	h.same(h.prov(200, "GET", "/Users", ""), "Resources/0/id", ada)
	h.same(h.prov(200, "GET", "/Groups", ""), "totalResults", "0")
}

// K23, S1-10: who is deactivated, suspended or loses a role is refused with the
// next request, and tokens from before never come back to life.
func TestK23RevocationActsOnTheNextRequest(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	s.member("boss", "admin", 10)
	ada := s.member("ada", "admin", 5)
	token := s.as("ada@corp.example")
	s.ask(200, token, "GET", "/users", "")
	bare := s.issuer.Token(map[string]any{"sub": "ada@corp.example"})
	s.wanted(200, "GET", "/scim/v2/Me", bare, "")
	s.setActive(200, ada, false)
	s.wanted(401, "GET", "/scim/v2/Me", bare, "")
	s.wanted(200, "GET", "/scim/v2/Users", s.machine(), "")
	refused := s.ask(401, token, "GET", "/users", "")
	if refused.header.Get("WWW-Authenticate") == "" || strings.Contains(refused.text, "ada@") {
		t.Errorf("the refusal is %v %s", refused.header, refused.text)
	}
	s.ask(401, token, "POST", "/users/"+ada+"/activate", "")
	s.setActive(200, ada, true)
	s.ask(401, token, "GET", "/users", "")
	later := s.issuer.Token(map[string]any{"sub": "ada@corp.example", "scope": "openid", "iat": time.Now().Add(3 * time.Second).Unix()})
	s.ask(200, later, "GET", "/users", "")

	s.api(200, "PUT", "/users/"+ada+"/standing", `{"rank":5}`)
	s.ask(403, later, "GET", "/users", "")
	s.api(200, "PUT", "/users/"+ada+"/standing", `{"role":"auditor","rank":5}`)
	s.ask(200, later, "GET", "/users", "")
	s.api(200, "POST", "/users/"+ada+"/suspend", "")
	s.ask(401, later, "GET", "/users", "")
	s.same(s.user(ada), "active", "true")

	var made struct {
		Secret string
		Token  struct{ ID string }
	}
	s.control(t, "POST", "/tokens", `{"admin":true,"organization":"default"}`, &made)
	s.ask(200, made.Secret, "GET", "/users", "")
	s.control(t, "DELETE", "/tokens/"+made.Token.ID, "", &struct{}{})
	s.ask(401, made.Secret, "GET", "/users", "")
}

// K26: nobody gets another person's account by writing its address into a record,
// and no reset goes to an address that nobody proved.
func TestK26AddressesAreNotTakenOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tenant(t, "b")
	h.owns("default", "corp.example")
	ada := h.person("ada@corp.example")
	taken := h.prov(409, "POST", "/Users", `{"userName":"ADA@corp.example"}`)
	h.same(taken, "scimType", "uniqueness")
	moved := h.patched(400, ada, "emails", `[{"value":"ada@evil.example","primary":true}]`)
	h.refused(moved, "email.unverified_domain", `The new address is outside the verified domains of the organization; verify the domain "evil.example" first, or invite the person under the new address.`)
	h.same(h.user(ada), "emails/0/value", "ada@corp.example")

	h.account("victim@b.example", "b")
	eve := h.person("eve@mail.example", `,"displayName":"Eve"`)
	h.accept(200, h.invite(eve), "")
	moved = h.patched(400, eve, "emails", `[{"value":"Victim@b.example","primary":true}]`)
	h.refused(moved, "email.other_account", "The new address belongs to an account of another organization; add the person under it instead.")
	h.same(h.user(eve), "emails/0/value", "eve@mail.example")
	if h.api(200, "POST", "/users/"+eve+"/password-reset", "").at("token") == "" {
		t.Error("who joined cannot have a new password")
	}
	h.patched(200, eve, "emails", `[{"value":"unproved@mail.example","primary":true}]`)
	h.refused(h.api(409, "POST", "/users/"+eve+"/password-reset", ""), "password.reset", "Nobody has shown that the address of Eve is theirs, so no link goes to it; verify its domain first.")
	before := h.audited("password.reset.request", eve)
	h.wanted(202, "POST", "/api/v1/password-resets", "", `{"organization":"default","email":"unproved@mail.example"}`)
	if n := h.audited("password.reset.request", eve); n != before {
		t.Error("a reset goes to an address that nobody proved")
	}

	pending := h.person("pending@mail.example")
	h.patched(200, pending, "emails", `[{"value":"victim@b.example","primary":true}]`)
	h.stands(pending, "external", "notInvited", "active")
	h.same(h.user(pending), usherUser+"/homeOrganizationId", "b")
}

// K29: where one person's userName is another's address, each name leads to one
// and the same person, whoever asks.
func TestK29OneNameOnePerson(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	ada := s.person("shared@corp.example", `,"displayName":"Ada"`)
	bob := s.prov(201, "POST", "/Users", `{"userName":"bob","externalId":"e-bob","emails":[{"value":"shared@corp.example"}]}`).at("id")
	s.api(200, "PUT", "/users/"+ada+"/standing", `{"role":"auditor"}`)
	s.ask(200, s.as("shared@corp.example"), "GET", "/users", "")
	s.ask(403, s.as("bob"), "GET", "/users", "")
	s.ask(403, s.as("e-bob"), "GET", "/users", "")
	found := s.prov(200, "GET", "/Users?filter="+url.QueryEscape(`userName eq "shared@corp.example"`), "")
	s.same(found, "totalResults", "1")
	s.same(found, "Resources/0/id", ada)
	s.wanted(202, "POST", "/api/v1/password-resets", "", `{"organization":"default","email":"shared@corp.example"}`)
	if s.audited("password.reset.request", ada) != 1 || s.audited("password.reset.request", bob) != 0 {
		t.Error("the reset goes to the wrong person")
	}
	s.prov(201, "POST", "/Users", `{"userName":"cyd","externalId":"e-bob"}`)
	s.ask(401, s.as("e-bob"), "GET", "/users", "")
}

// K31: nothing but the word itself lets somebody in again.
func TestK31NothingReactivatesByTheWay(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	s.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	ada := s.member("ada", "", 0)
	s.setActive(200, ada, false)
	again := s.prov(409, "POST", "/Users", `{"userName":"ada@corp.example"}`)
	s.same(again, "scimType", "uniqueness")
	s.same(again, "detail", "The userName is already used by an inactive user; to bring it back, set active to true on that one (id "+ada+").")
	s.ask(401, s.as("ada@corp.example"), "GET", "/users/"+ada+"/export", "")
	s.prov(200, "PUT", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@corp.example","displayName":"Ada","emails":[{"value":"ada@corp.example","primary":true}]}`)
	s.patched(200, ada, "title", `"Countess"`)
	s.api(200, "PATCH", "/users/"+ada, `{"givenName":"Ada"}`)
	s.api(200, "POST", "/users/"+ada+"/resume", "")
	s.same(s.user(ada), "displayName", "Ada")
	s.same(s.user(ada), "active", "false")
	if s.standing(ada) != "inactive" {
		t.Error("something let the person in again")
	}
	s.member("bob", "", 0)
	s.setActive(403, ada, true)
	s.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	s.setActive(200, ada, true)
	if s.standing(ada) != "active" {
		t.Error("active: true does not let the person in")
	}
}

// K32, K52: no name of a group and no member of a body gives a role, a class or a
// state.
func TestK32NamesGiveNothing(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	s.api(200, "PUT", "/licences/core", `{"purchased":5}`)
	eve := s.person("eve@mail.example", `,"roles":[{"value":"owner","primary":true}],"entitlements":[{"value":"outlook"}],"owner":true,"role":"admin","rank":900,"seatState":"none","`+
		usherUser+`":{"classification":"confirmed","invitationState":"joined","seatState":"none","status":"active","legalHold":true,"homeOrganizationId":"b"}`)
	for _, name := range []string{"Admins", " admins", "\u0410dmins", "owner", "administrators"} {
		s.prov(201, "POST", "/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[{"value":%q}]}`, name, eve))
	}
	s.stands(eve, "pending", "notInvited", "active")
	got := s.user(eve)
	s.same(got, usherUser+"/seatState", "held")
	s.same(got, usherUser+"/legalHold", "")
	s.same(got, usherUser+"/homeOrganizationId", "")
	for _, path := range []string{"classification", "invitationState", "seatState", "status", "blockListed", "legalHold", "homeOrganizationId"} {
		s.same(s.patched(400, eve, usherUser+":"+path, `"x"`), "scimType", "mutability")
	}
	if after := s.user(eve); after.at("meta/version") != got.at("meta/version") {
		t.Errorf("a refusal changed something: %s", after.text)
	}
	standing := s.api(200, "GET", "/users/"+eve+"/standing", "")
	s.same(standing, "role", "")
	s.same(standing, "rank", "0")
	s.same(s.api(200, "GET", "/extension-grants?user="+eve, ""), "items", "[]")
	s.same(s.api(200, "GET", "/licences/core", ""), "seats/used", "1")
	s.ask(403, s.as("eve@mail.example"), "GET", "/users", "")
}
