package app_test

import (
	"strings"
	"testing"
)

// K56: a mail address has at most 254 bytes, a userName 256, whichever way they come.
func TestK56LongAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	address := func(n int) string { return strings.Repeat("a", n-len("@mail.example")) + "@mail.example" }
	user := func(name, email string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `","emails":[{"value":"` + email + `"}]}`
	}
	id := h.prov(201, "POST", "/Users", user(address(256), address(254))).at("id")
	long := h.prov(400, "POST", "/Users", user("ada", address(255)))
	h.same(long, "scimType", "invalidValue")
	h.same(long, "detail", "The value of emails.value is longer than 254 bytes, so nobody could write to it; send the address itself.")
	h.same(h.prov(400, "POST", "/Users", user(address(257), "ada@mail.example")), "scimType", "invalidValue")
	h.prov(400, "PUT", "/Users/"+id, user("ada", address(304)))
	h.prov(400, "PATCH", "/Users/"+id, patchOp(`{"op":"add","path":"emails","value":[{"type":"home","value":"`+address(255)+`"}]}`))
	h.same(h.prov(200, "GET", "/Users?count=0", ""), "totalResults", "1")
}

// patchOp is the body of a PATCH with operations.
func patchOp(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(operations, ",") + `]}`
}
