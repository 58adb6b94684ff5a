package app_test

import (
	"testing"
)

// theirs asks the admin API of another organization and wants a status.
func (h *house) theirs(status int, admin, method, path, body string) reply {
	h.Helper()
	return h.wanted(status, method, "/api/v1"+path, admin, body)
}

// C8, S2-6, S2-23: the account of an address of a verified domain is at home with the
// organization that has verified it, whoever invites the person first.
func TestC8ADomainsAccountsStayWithItsOrganization(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tenant(t, "b")
	h.owns("default", "demo.example")
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	b := h.adminOf("b")
	h.theirs(200, b, "PUT", "/licences/core", `{"purchased":1}`)

	zed := h.theirs(201, b, "POST", "/users", `{"email":"zed@demo.example"}`).at("person/id")
	token := h.theirs(200, b, "POST", "/users/"+zed+"/invite", "").at("token")
	joined := h.wanted(200, "POST", "/api/v1/invitations/accept", "", `{"token":"`+token+`","organization":"b"}`)
	h.same(joined, "person/classification", "external")
	h.same(joined, "person/homeOrganizationId", "default")
	h.same(joined, "person/seatState", "none")
	h.same(h.theirs(200, b, "GET", "/licences/core", ""), "seats/used", "0")

	ours := h.person("zed@demo.example")
	h.stands(ours, "confirmed", "notInvited", "active")
	h.same(h.user(ours), usherUser+"/homeOrganizationId", "")
	h.same(h.api(200, "POST", "/users/"+ours+"/password-reset", ""), "done", "true")
	h.api(200, "GET", "/users/"+ours+"/export", "")
	h.same(h.api(200, "POST", "/users/"+ours+"/close", `{"confirm":"zed@demo.example"}`), "done", "true")
}

// C8, S2-6, K26: a member at home is known by every address of theirs, not by a
// userName alone, in whatever spelling; so they are external elsewhere from the start.
func TestC8MembersAtHomeAreKnownByTheirMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tenant(t, "b")
	h.owns("default", "demo.example")
	b := h.adminOf("b")
	h.theirs(200, b, "PUT", "/licences/core", `{"purchased":0}`)
	kim := h.prov(201, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"E1007","emails":[{"value":"Kim@demo.example","primary":true},{"value":"k.im+desk@demo.example"}]}`).at("id")
	for _, address := range []string{"kim@demo.example", "kim+b@DEMO.example", "k.im@demo.example"} {
		added := h.theirs(201, b, "POST", "/users", `{"email":"`+address+`"}`)
		h.same(added, "person/classification", "external")
		h.same(added, "person/homeOrganizationId", "default")
		h.same(added, "person/seatState", "none")
		token := h.theirs(200, b, "POST", "/users/"+added.at("person/id")+"/invite", "").at("token")
		joined := h.wanted(200, "POST", "/api/v1/invitations/accept", "", `{"token":"`+token+`","organization":"b"}`)
		h.same(joined, "person/classification", "external")
		refused := h.theirs(403, b, "POST", "/users/"+added.at("person/id")+"/password-reset", "")
		h.refused(refused, "password.reset", "The account belongs to the organization default; the password is reset there.")
	}
	h.stands(kim, "confirmed", "notInvited", "active")
	h.same(h.api(200, "POST", "/users/"+kim+"/password-reset", ""), "done", "true")
}

// C8, T9, K26: an account that joined elsewhere before the domain was verified comes
// home with it; the other organization can neither reset, close nor keep it.
func TestC8AVerifiedDomainTakesItsAccountsBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tenant(t, "b")
	b := h.adminOf("b")
	h.theirs(200, b, "PUT", "/settings", `{"selfClose":true}`)
	sam := h.theirs(201, b, "POST", "/users", `{"email":"sam@demo.example"}`).at("person/id")
	token := h.theirs(200, b, "POST", "/users/"+sam+"/invite", "").at("token")
	joined := h.wanted(200, "POST", "/api/v1/invitations/accept", "", `{"token":"`+token+`","organization":"b"}`)
	h.same(joined, "person/classification", "confirmed")

	h.owns("default", "demo.example")
	h.refused(h.theirs(409, b, "POST", "/users/"+sam+"/password-reset", ""), "password.reset",
		"Nobody has shown that the address of sam@demo.example is theirs, so no link goes to it; verify its domain first.")
	ours := h.person("sam@demo.example")
	h.stands(ours, "confirmed", "notInvited", "active")
	h.theirs(200, b, "GET", "/users/"+sam+"/export", "")
	h.refused(h.theirs(403, b, "POST", "/users/"+sam+"/close", `{"confirm":"sam@demo.example"}`), "account.close", "The account belongs to the organization default; close it there.")
	h.accept(200, h.invite(ours), "")
	h.stands(ours, "confirmed", "joined", "active")
	h.same(h.user(ours), usherUser+"/homeOrganizationId", "")
}
