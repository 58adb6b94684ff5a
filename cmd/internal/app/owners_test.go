package app_test

import (
	"strings"
	"testing"
)

// S1-20, K03: an open record always has an owner here who is active; what is closed may
// have none, and nothing is ever given to somebody of another organization.
func TestS1NoOpenRecordIsAnOrphan(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	theirs := h.inOrg(201, h.tenant(t, "b"), "POST", "/Users", `{"userName":"theirs@corp.example"}`).at("id")
	ada, gone := h.person("ada@corp.example"), h.person("gone@corp.example")
	h.setActive(200, gone, false)
	const none = "An open record needs an owner; name an active member of the organization."
	h.refused(h.api(400, "POST", "/records", `{"type":"x","open":true}`), "record.owner", none)
	h.api(409, "POST", "/records", `{"type":"x","open":true,"owner":"`+gone+`"}`)
	h.api(400, "POST", "/records", `{"type":"x","open":true,"owner":"`+theirs+`"}`)
	h.same(h.api(200, "GET", "/records", ""), "items", "[]")
	made := h.api(201, "POST", "/records", `{"type":"x","open":true,"owner":"`+ada+`"}`).at("id")
	h.refused(h.api(400, "PUT", "/records/"+made, `{"type":"x","open":true}`), "record.owner", none)
	h.same(h.api(200, "GET", "/records/"+made, ""), "owner", ada)
	h.refused(h.api(400, "PUT", "/records/"+made, `{"type":"x","open":true}`, "Accept-Language: fr"), "record.owner", "Un enregistrement ouvert a besoin d'un propriétaire ; désignez un membre actif de l'organisation.")
	h.api(200, "PUT", "/records/"+made, `{"type":"x","open":false}`)
	h.refused(h.api(400, "PUT", "/records/"+made, `{"type":"x","open":true}`), "record.owner", none)
	h.api(400, "POST", "/records", `{"type":"x","open":false,"owner":"`+theirs+`"}`)
	h.api(201, "POST", "/records", `{"type":"x","open":false}`)
}

// K03: a subscription is somebody's of this organization, running or not.
func TestK03SubscriptionsAreOfPeopleHere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	theirs := h.inOrg(201, h.tenant(t, "b"), "POST", "/Users", `{"userName":"theirs@corp.example"}`).at("id")
	gone := h.person("gone@corp.example")
	h.setActive(200, gone, false)
	unknown := h.api(400, "POST", "/subscriptions", `{"user":"nobody","plan":"gold","active":false}`)
	for _, active := range []string{"true", "false"} {
		for _, user := range []string{theirs, ""} {
			got := h.api(400, "POST", "/subscriptions", `{"user":"`+user+`","plan":"gold","active":`+active+`}`)
			h.same(got, "detail", unknown.at("detail")) // the same as for nobody
		}
	}
	made := h.api(201, "POST", "/subscriptions", `{"user":"`+gone+`","plan":"gold","active":false}`).at("id")
	h.api(400, "PUT", "/subscriptions/"+made, `{"user":"`+theirs+`","plan":"gold","active":false}`)
	h.api(409, "PUT", "/subscriptions/"+made, `{"user":"`+gone+`","plan":"gold","active":true}`)
	h.same(h.api(200, "GET", "/subscriptions/"+made, ""), "user", gone)
}

// S1-24, K27: what is no plain address is neither added, nor written down, nor blocked,
// nor sold to, and takes no seat.
func TestK27TheAdminAPITakesPlainAddressesAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@corp.example")
	const text = "This is not one e-mail address; send one such as name@example.com."
	for _, address := range []string{``, `noat`, `a@b@c`, `@corp.example`, `a@`, `a@corp`, `a@corp.example.`, `a@corp..example`, `a @corp.example`, `a@corp.example,b@corp.example`, `Ada <a@corp.example>`, `\"a@corp.example\"@evil.example`} {
		for _, place := range []string{"POST /users", "PATCH /users/" + ada, "POST /addresses/block", "POST /purchases"} {
			method, path, _ := strings.Cut(place, " ")
			body := `{"email":"` + address + `"}`
			if path == "/purchases" {
				body = `{"id":"p","email":"` + address + `"}`
			}
			h.same(h.api(400, method, path, body), "detail", text)
		}
	}
	h.same(h.api(200, "GET", "/users?view=all", ""), "items/1", "")
	h.same(h.api(200, "GET", "/invitations", ""), "items", "[]")
	h.same(h.api(200, "GET", "/addresses", ""), "items", "[]")
	h.same(h.user(ada), "emails/0/value", "ada@corp.example")
	h.api(201, "POST", "/users", `{"email":"zoë.o'neil+x@sub.bücher.example"}`)
	h.same(h.api(200, "POST", "/addresses/block", `{"email":"Eve+x@Corp.example"}`), "id", "eve@corp.example")
}
