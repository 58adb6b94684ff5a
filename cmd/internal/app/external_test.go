package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// account makes an account with a home, as the operator knows it.
func (h *house) account(email, home string) {
	h.Helper()
	h.control(h.T, "PUT", "/accounts", fmt.Sprintf(`{"email":%q,"homeOrganization":%q,"state":"open"}`, email, home), &struct{}{})
}

// S2-6, S2-7, S2-8, S2-9, S2-10, C2, C7: an external person's account is read-only, takes no seat,
// and may be let in, put out and given what takes external people.
func TestS2ExternalPeopleAreManagedAtHome(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	home := h.tenant(t, "b")
	h.account("ada@corp.example", "b")
	h.api(200, "PUT", "/licences/core", `{"purchased":0}`)
	h.api(200, "PUT", "/settings", `{"supportContact":"help@corp.example"}`)
	ada := h.person("ada@corp.example", `,"displayName":"Ada"`)
	h.stands(ada, "external", "notInvited", "active")
	before := h.user(ada)
	h.same(before, usherUser+"/homeOrganizationId", "b")
	h.same(before, usherUser+"/seatState", "none")
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	h.same(before, enterprise+"/organization", "b")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "0")
	theirs := h.inOrg(201, home, "POST", "/Users", `{"userName":"ada@corp.example"}`)
	h.same(theirs, usherUser+"/classification", "pending")

	text := func(attr string) string {
		return "The attribute " + attr + " is managed by the home organization b of this external person; change it there, or ask help@corp.example."
	}
	for path, value := range map[string]string{"displayName": `"Eve"`, "name": `{"givenName":"Eve"}`, "userName": `"eve@corp.example"`, "emails": `[{"value":"eve@corp.example"}]`,
		"phoneNumbers": `[{"value":"+33 1 23"}]`, "preferredLanguage": `"fr"`, "locale": `"fr-FR"`, enterprise + ":organization": `"a"`} {
		got := h.prov(400, "PATCH", "/Users/"+ada, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":%q,"value":%s}]}`, path, value))
		h.same(got, "scimType", "mutability")
		h.refused(got, "external.read_only", text(path))
	}
	h.same(h.prov(400, "PUT", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@corp.example","displayName":"Eve","emails":[{"value":"ada@corp.example","primary":true}]}`), "scimType", "mutability")
	h.refused(h.api(400, "PATCH", "/users/"+ada, `{"email":"eve@corp.example"}`), "external.read_only", text("emails"))
	h.prov(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"password","value":"a-Password-of-1815"}]}`) // kept of nobody
	if got := h.user(ada); got.text != before.text {
		t.Errorf("a refusal changed something: %s, was %s", got.text, before.text)
	}

	h.api(200, "PUT", "/applications/closed", `{"name":"Closed"}`)
	h.refused(h.api(409, "PUT", "/applications/closed/assignments/"+ada, `{"role":"user"}`), "app.external", "Closed does not accept external people; convert the person to a member of the organization first.")
	h.same(h.api(200, "GET", "/assignments?user="+ada, ""), "items", "[]")
	h.api(200, "PUT", "/applications/open", `{"name":"Open","acceptsExternal":true}`)
	h.same(h.api(200, "PUT", "/applications/open/assignments/"+ada, `{"role":"user"}`), "role", "user")
	h.same(h.api(200, "PUT", "/applications/open/assignments/"+ada, `{"role":"editor"}`), "role", "editor")

	session := h.wanted(201, "POST", "/api/v1/users/"+theirs.at("id")+"/credentials", h.adminOf("b"), `{"kind":"session"}`).at("secret")
	h.setActive(200, ada, false)
	h.same(h.api(200, "GET", "/assignments?user="+ada, ""), "items/0/enabled", "false")
	h.same(h.wanted(200, "POST", "/api/v1/introspect", h.adminOf("b"), "token="+session, "Content-Type: application/x-www-form-urlencoded"), "active", "true")
	h.setActive(200, ada, true)
	h.stands(ada, "external", "notInvited", "active")
	h.same(h.api(200, "GET", "/assignments?user="+ada, ""), "items/0/enabled", "true")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "0")
}

// S2-20, C7, T9: who left their home is converted, which takes a seat, and is then
// managed here. Who accepts an invitation with an account that has another home is
// external, and gives the seat back.
func TestS2Conversion(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tenant(t, "b")
	h.account("ada@corp.example", "b")
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	ada := h.person("ada@corp.example", `,"displayName":"Ada"`)
	bob := h.person("bob@mail.example", `,"displayName":"Bob"`)
	h.refused(h.api(409, "POST", "/users/"+bob+"/convert", ""), "membership.not_external", "Bob is not external; there is nothing to convert.")
	h.refused(h.api(409, "POST", "/users/"+ada+"/convert", ""), "membership.not_external",
		"Ada still belongs to the organization b; they must leave it first and agree to belong here, or you verify the domain of their address.")
	h.account("ada@corp.example", "")
	h.refused(h.api(403, "POST", "/users/"+ada+"/convert", ""), "seat.limit_exceeded", "You are trying to activate more users than the allowed license limit of '1' users")
	h.stands(ada, "external", "notInvited", "active")

	token := h.invite(bob)
	h.account("bob@mail.example", "b")
	h.accept(200, token, "")
	h.stands(bob, "external", "joined", "active")
	h.same(h.user(bob), usherUser+"/seatState", "none")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "0")

	h.same(h.api(200, "POST", "/users/"+ada+"/convert", ""), "person/seatState", "held")
	h.stands(ada, "pending", "notJoined", "active") // T9: their consent is asked for
	h.same(h.user(ada), usherUser+"/homeOrganizationId", "")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")
	h.api(200, "PATCH", "/users/"+ada, `{"displayName":"Ada Byron"}`)
	h.same(h.user(ada), "displayName", "Ada Byron")

	h.api(200, "PUT", "/licences/core", `{"purchased":2,"countExternals":true}`)
	h.owns("default", "mail.example")
	h.same(h.api(200, "POST", "/users/"+bob+"/convert", ""), "person/classification", "confirmed")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "2")
	h.account("cyd@corp.example", "b")
	h.refused(h.prov(403, "POST", "/Users", `{"userName":"cyd@corp.example"}`), "seat.limit_exceeded", "You are trying to activate more users than the allowed license limit of '2' users")
}

// S3-18, S3-19, S3-29, C4: a person closes their own account, and leaves every
// organization with it. Where one of them refuses, nothing happens anywhere.
func TestS3ClosingLeavesEverywhereOrNowhere(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.api(200, "PUT", "/settings", `{"selfClose":true}`)
	ada := s.person("ada@mail.example")
	s.accept(200, s.invite(ada), "")
	ids, scim, admins := map[string]string{}, map[string]string{}, map[string]string{}
	for _, org := range []string{"b", "c"} {
		scim[org] = s.tenant(t, org)
		admins[org] = s.adminOf(org)
		ids[org] = s.inOrg(201, scim[org], "POST", "/Users", `{"userName":"ada@mail.example"}`).at("id")
		token := s.wanted(200, "POST", "/api/v1/users/"+ids[org]+"/invite", admins[org], "").at("token")
		joined := s.wanted(200, "POST", "/api/v1/invitations/accept", "", `{"token":"`+token+`","organization":"`+org+`"}`)
		s.same(joined, "person/classification", "external")
		s.same(joined, "person/homeOrganizationId", "default")
	}
	team := s.wanted(201, "POST", "/api/v1/teams", admins["c"], `{"name":"Sales","leader":"`+ids["c"]+`"}`).at("id")
	mine := s.as("ada@mail.example")
	s.ask(200, mine, "GET", "/users/"+ada+"/export", "")
	const typed = `{"confirm":"ada@mail.example"}`
	refused := s.ask(409, mine, "POST", "/users/"+ada+"/close", typed)
	s.refused(refused, "deactivation.team_leader", "ada@mail.example leads the team Sales; remove them from the teams they lead first.")
	s.same(s.inOrg(200, scim["b"], "GET", "/Users/"+ids["b"], ""), "active", "true")
	s.same(s.inOrg(200, scim["c"], "GET", "/Users/"+ids["c"], ""), "active", "true")
	s.stands(ada, "confirmed", "joined", "active")

	s.wanted(200, "PATCH", "/api/v1/teams/"+team, admins["c"], `{"leader":""}`)
	s.same(s.ask(200, mine, "POST", "/users/"+ada+"/close", typed), "done", "true")
	s.inOrg(404, scim["b"], "GET", "/Users/"+ids["b"], "")
	s.inOrg(404, scim["c"], "GET", "/Users/"+ids["c"], "")
	s.prov(404, "GET", "/Users/"+ada, "")
	for _, path := range []string{"/tombstones", "/addresses", "/audit?limit=200"} {
		if got := s.wanted(200, "GET", "/api/v1"+path, admins["b"], ""); strings.Contains(got.text, "ada@mail") {
			t.Errorf("S3-21: %s of another organization still holds the address: %s", path, got.text)
		}
	}
	s.ask(401, mine, "GET", "/users/"+ada+"/export", "")
	s.refused(s.inOrg(403, scim["b"], "POST", "/Users", `{"userName":"ada@mail.example"}`), "account.closed",
		"The account of this address was closed by its owner and cannot be used again; the person must open a new one first.")
}

// S2-6, S2-20, S2-26: who is external because another organization has their domain
// and them can be converted once it gave the domain up, or it is verified here.
func TestS2ExternalByDomain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	home := h.tenant(t, "b")
	h.owns("b", "corp.example")
	h.inOrg(201, home, "POST", "/Users", `{"userName":"ada@corp.example"}`)
	other := h.person("other@corp.example")
	h.stands(other, "pending", "notInvited", "active") // b does not have them
	ada := h.person("ada@corp.example", `,"displayName":"Ada"`)
	h.stands(ada, "external", "notInvited", "active")
	const text = "Ada still belongs to the organization b; they must leave it first and agree to belong here, or you verify the domain of their address."
	h.refused(h.api(409, "POST", "/users/"+ada+"/convert", ""), "membership.not_external", text)
	h.stands(ada, "external", "notInvited", "active")
	h.wanted(204, "DELETE", "/api/v1/domains/corp.example", h.adminOf("b"), "")
	h.same(h.api(200, "POST", "/users/"+ada+"/convert", ""), "person/classification", "pending")
	h.same(h.user(ada), usherUser+"/seatState", "held")
	h.owns("default", "corp.example")
	h.stands(ada, "confirmed", "notJoined", "active")
	h.stands(other, "confirmed", "notInvited", "active")
}

// C7: who is suspended, invited or not yet keeps the seat; who is inactive does
// not.
func TestC7WhoHoldsASeat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	used := func(want string) {
		t.Helper()
		h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", want)
	}
	ada, bob, cyd := h.person("ada@mail.example"), h.person("bob@mail.example"), h.person("cyd@mail.example", `,"active":false`)
	used("2")
	h.same(h.user(cyd), usherUser+"/seatState", "none")
	h.invite(bob)
	used("2")
	h.api(200, "POST", "/users/"+ada+"/suspend", "")
	h.same(h.user(ada), usherUser+"/seatState", "held")
	used("2")
	h.api(200, "POST", "/users/"+ada+"/resume", "")
	h.setActive(200, cyd, true)
	used("3")
	for range 2 {
		h.setActive(200, bob, false)
		used("2")
	}
	h.api(200, "DELETE", "/users/"+ada, "")
	used("1")
	h.prov(204, "DELETE", "/Users/"+bob, "")
	used("1")
}

// C9: the manager changes by a client's own word, each time audited, and with it
// nothing else of the person.
func TestC9ManagerChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, one, two := h.person("ada@mail.example", `,"title":"Countess"`), h.person("one@mail.example"), h.person("two@mail.example")
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, boss := range []string{one, two, two} {
		h.same(h.patched(200, ada, enterprise+":manager", `{"value":"`+boss+`"}`), enterprise+"/manager/value", boss)
	}
	if n := h.audited("user.update", ada); n != 2 {
		t.Errorf("%d changes are audited, want 2", n)
	}
	h.same(h.user(ada), "title", "Countess")
	h.setActive(200, two, false)
	h.same(h.user(ada), "active", "true")
}
