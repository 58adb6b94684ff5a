package app_test

import (
	"fmt"
	"testing"
)

// account makes an account with a home, as the operator knows it.
func (h *house) account(email, home string) {
	h.Helper()
	h.control(h.T, "PUT", "/accounts", fmt.Sprintf(`{"email":%q,"homeOrganization":%q,"state":"open"}`, email, home), &struct{}{})
}

// S2-6 to S2-10, C2, C7: an external person's account is read-only, takes no seat,
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
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "0")
	theirs := h.inOrg(201, home, "POST", "/Users", `{"userName":"ada@corp.example"}`)
	h.same(theirs, usherUser+"/classification", "pending")

	text := func(attr string) string {
		return "The attribute " + attr + " is managed by the home organization b of this external person; change it there, or ask help@corp.example."
	}
	for path, value := range map[string]string{"displayName": `"Eve"`, "name": `{"givenName":"Eve"}`, "userName": `"eve@corp.example"`, "emails": `[{"value":"eve@corp.example"}]`,
		"phoneNumbers": `[{"value":"+33 1 23"}]`, "preferredLanguage": `"fr"`, "locale": `"fr-FR"`} {
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
		"Ada still belongs to the organization b; they must leave it first, or you verify the domain of their address.")
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
	h.stands(ada, "pending", "notInvited", "active")
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
