package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// roles asks for the roles of type app of a person.
func (h *house) roles(id string) string {
	h.Helper()
	var all string
	list, _ := h.prov(200, "GET", "/Users/"+id, "").doc.(map[string]any)["roles"].([]any)
	for _, one := range list {
		if e := one.(map[string]any); e["type"] == "app" {
			all += e["value"].(string) + " "
		}
	}
	return all
}

func (h *house) patchUser(status int, id, operations string, headers ...string) reply {
	h.Helper()
	return h.prov(status, "PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operations+`]}`, headers...)
}

func addRole(value string) string {
	return fmt.Sprintf(`{"op":"add","path":"roles","value":[{"type":"app","value":%q}]}`, value)
}

// Domain 3.3: roles of type app are a person's applications, whoever gives them.
func TestRolesOfTypeApp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com", `,"roles":[{"value":"boss","type":"client"}]`)
	boss := func() bool {
		return strings.Contains(h.prov(200, "GET", "/Users/"+ada, "").text, `{"value":"boss","type":"client"}`)
	}
	for _, app := range []string{"books", "crm"} {
		h.api(200, "PUT", "/applications/"+app, `{"name":"`+app+`","acceptsExternal":false,"minAdmins":0}`)
	}
	assignment := func(app string) reply { return h.api(200, "GET", "/assignments/"+app+":"+ada, "") }

	h.patchUser(200, ada, addRole("books.editor")+","+addRole("crm"))
	h.same(assignment("books"), "role", "editor")
	h.same(assignment("crm"), "enabled", "true")
	h.patchUser(200, ada, `{"op":"remove","path":"roles[value eq \"books.editor\"]"},`+addRole("books.reader"))
	h.same(assignment("books"), "role", "reader")
	h.same(assignment("books"), "enabled", "true")

	h.api(200, "PUT", "/applications/crm/assignments/"+ada, `{"role":"seller"}`)
	if got := h.roles(ada); got != "books.reader crm.seller " {
		t.Errorf("after the admin API gave a role: %s", got)
	}
	h.api(200, "PUT", "/applications/crm/assignments/"+ada, `{"enabled":false}`)
	if got := h.roles(ada); got != "books.reader " {
		t.Errorf("after the admin API took one: %s", got)
	}
	h.same(h.prov(200, "GET", "/Users?filter=roles.value%20eq%20%22books.reader%22", ""), "totalResults", "1")

	if !boss() {
		t.Error("a role of another type is lost")
	}
	h.prov(200, "PUT", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com"}`)
	if got := h.roles(ada); got != "books.reader " {
		t.Errorf("a PUT that does not speak of applications left %s", got)
	}
	h.patchUser(400, ada, addRole("nothing.admin"))
	h.same(h.patchUser(400, ada, addRole("books.writer")), "scimType", "invalidValue") // beside reader

	// Deactivation disables and keeps; a return gives back (C1), with what was added
	// meanwhile.
	h.setActive(200, ada, false)
	h.same(assignment("books"), "enabled", "false")
	h.patchUser(200, ada, addRole("crm.seller"))
	h.same(assignment("crm"), "enabled", "false")
	h.api(409, "PUT", "/applications/crm/assignments/"+ada, `{"enabled":true}`)
	h.setActive(200, ada, true)
	h.same(assignment("books"), "enabled", "true")
	h.same(assignment("crm"), "enabled", "true")

	// What goes in the request that lets somebody in does not come back with them.
	h.setActive(200, ada, false)
	h.patchUser(200, ada, `{"op":"replace","path":"active","value":true},{"op":"remove","path":"roles[value eq \"crm.seller\"]"}`)
	h.same(assignment("crm"), "enabled", "false")
	h.same(assignment("books"), "enabled", "true")
	h.setActive(200, ada, false)
	h.setActive(200, ada, true)
	h.same(assignment("crm"), "enabled", "false")

	// Its guards are those of the admin API, and the refusal is told of (T13).
	h.integration(ada, withCRM)
	h.same(h.patchUser(409, ada, `{"op":"remove","path":"roles[type eq \"app\"]"}`), "detail", textCRM)
	if got := h.roles(ada); got != "books.reader " {
		t.Errorf("the refusal left %s", got)
	}
}

// Domain 3.3 and 3.6: entitlements of type extension are licences of their own, and
// roles and entitlements need scopes of their own.
func TestEntitlementsOfTypeExtension(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	h.api(200, "PUT", "/licences/mail", `{"purchased":1}`)
	const give = `{"op":"add","path":"entitlements","value":[{"type":"extension","value":"mail"}]}`
	used := func(want string) {
		t.Helper()
		h.same(h.api(200, "GET", "/licences/mail", ""), "seats/used", want)
	}
	h.patchUser(200, ada, give)
	used("1")
	h.patchUser(403, bob, give)
	h.patchUser(200, ada, give) // again
	used("1")
	h.setActive(200, ada, false)
	used("0")
	h.setActive(200, ada, true)
	h.same(h.prov(200, "GET", "/Users/"+ada, ""), "entitlements", "") // S3-28: it does not return
	id := h.api(201, "POST", "/extension-grants", `{"user":"`+bob+`","extension":"mail"}`).at("id")
	h.same(h.prov(200, "GET", "/Users/"+bob, ""), "entitlements/0/value", "mail")
	h.api(204, "DELETE", "/extension-grants/"+id, "")
	h.same(h.prov(200, "GET", "/Users/"+bob, ""), "entitlements", "")
	h.patchUser(200, bob, give)
	h.patchUser(200, bob, `{"op":"remove","path":"entitlements"}`)
	used("0")

	h.api(200, "PUT", "/applications/books", `{"name":"books","acceptsExternal":false,"minAdmins":0}`)
	h.control(t, "PUT", "/connections/narrow", `{"organization":"default","scopes":["users:read","users:write"],"dialect":"tolerant"}`, &struct{}{})
	var made struct{ Secret string }
	h.control(t, "POST", "/tokens", `{"connection":"narrow"}`, &made)
	narrow := made.Secret
	for _, op := range []string{give, addRole("books.admin")} {
		got := h.wanted(403, "PATCH", "/scim/v2/Users/"+ada, narrow, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+op+`]}`)
		if code := got.header.Get("Usher-Error"); code != "scope.withheld" {
			t.Errorf("%s: Usher-Error %q in %s", op, code, got.text)
		}
	}
	h.wanted(200, "PATCH", "/scim/v2/Users/"+ada, narrow, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"roles","value":[{"value":"boss"}]}]}`)
}

// S3-28, domain 3.4: who would wait for a seat takes none of an extension either, and is
// told that it is the seat which is missing.
func TestExtensionsAndTheWaitlist(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.connection(`,"onSeatExhausted":"waitlist"`)
	h.api(200, "PUT", "/licences/core", `{"purchased":0}`)
	h.api(200, "PUT", "/licences/mail", `{"purchased":1}`)
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com"%s}`
	refused := h.prov(409, "POST", "/Users", fmt.Sprintf(body, `,"entitlements":[{"type":"extension","value":"mail"}]`))
	if got := refused.at("detail"); !strings.Contains(got, "waits for a seat; give them the extension mail once they are in") {
		t.Errorf("told: %s", got)
	}
	ada := h.prov(201, "POST", "/Users", fmt.Sprintf(body, "")).at("id")
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	h.soon("there is a seat and nobody comes in", func() bool { return h.standing(ada) == "active" })
	h.patchUser(200, ada, `{"op":"add","path":"entitlements","value":[{"type":"extension","value":"mail"}]}`)
}
