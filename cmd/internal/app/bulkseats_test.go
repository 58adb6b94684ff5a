package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// strictly sends a Bulk request that is to be carried out whole or not at all, as far
// as seats go, and wants it to fit or not. What does not fit changes nothing.
func (h *house) strictly(fits bool, ops ...string) reply {
	h.Helper()
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(ops, ",") + `]}`
	if fits {
		got := h.prov(200, "POST", "/Bulk", body, "Prefer: handling=strict")
		for i := range ops {
			if status := got.at(fmt.Sprintf("Operations/%d/status", i)); status[0] != '2' {
				h.Errorf("operation %d of those that fit is answered with %s: %s", i, status, got.text)
			}
		}
		return got
	}
	before := h.prov(200, "GET", "/Users?attributes=meta", "").text
	got := h.prov(403, "POST", "/Bulk", body, "Prefer: handling=strict")
	h.refused(got, "seat.limit_exceeded", got.at("detail"))
	if after := h.prov(200, "GET", "/Users?attributes=meta", "").text; after != before {
		h.Errorf("a refused request changed %s to %s", before, after)
	}
	return got
}

func bulkPost(name, more string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q%s}}`, name, name, more)
}

func bulkPatch(id string, on any) string {
	return fmt.Sprintf(`{"method":"patch","path":"/Users/%s","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":%v}]}}`, id, on)
}

func bulkPut(id, name, more string) string {
	return fmt.Sprintf(`{"method":"PUT","path":"/Users/%s","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q%s}}`, id, name, more)
}

func bulkDelete(id string) string { return `{"method":"DELETE","path":"/Users/` + id + `"}` }

// Domain 3.3: with Prefer: handling=strict the seats that a Bulk request takes are
// added up in its order, whichever operation takes them; those that earlier ones give
// back are there for later ones.
func TestBulkStrictSeats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	ada, bob := h.person("ada@x.example"), h.person("bob@x.example")
	out := []string{h.person("out0", `,"active":false`), h.person("out1", `,"active":false`)}
	on, off := `,"active":true`, `,"active":false`

	// One seat is free.
	h.strictly(false, bulkPatch(out[0], true), bulkPatch(out[1], true))
	h.strictly(false, bulkPatch(out[0], `"True"`), bulkPut(out[1], "out1", on))
	h.strictly(false, bulkPut(out[0], "out0", on), bulkPost("new", ""))
	h.strictly(false, bulkPost("new", ""), bulkPost("other", on), bulkDelete(ada)) // given back too late
	h.strictly(false, bulkPost("new", off), bulkPatch("bulkId:new", true), bulkPatch(out[0], true))
	h.strictly(false, bulkPatch(ada, false), bulkPatch(ada, true), bulkPost("new", ""), bulkPost("other", ""))
	h.strictly(false, bulkDelete("nobody"), bulkPost("new", ""), bulkPost("other", ""))
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "2")

	// Two fit where one is given back before; who is let in twice sits once.
	h.strictly(true, bulkPatch(ada, false), bulkPost("new", ""), bulkPost("other", on), bulkPost("idle", off))
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "3")
	h.strictly(true, bulkDelete(bob), bulkPatch(out[0], true), bulkPatch(out[0], true), bulkPut(out[0], "out0", ""))
	h.strictly(true, bulkPut(out[0], "out0", off), bulkPost("bob@x.example", ""))
	h.strictly(true, `{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"G"}}`, bulkPatch(ada, false), bulkPost("away", off))
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "3")
}

// Domain 3.3: who may not go gives no seat back, and what is reserved is there for
// whoever names it.
func TestBulkStrictSeatsOfWhoStays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	ada := h.person("ada@x.example")
	id := h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+ada+`","enabled":true}`).at("id")
	h.strictly(false, bulkPatch(ada, false), bulkPost("new", ""), bulkPost("other", ""))
	h.strictly(false, bulkPut(ada, "ada@x.example", `,"title":"Lady"`), bulkPatch(ada, false), bulkPost("new", ""), bulkPost("other", ""))
	h.api(204, "DELETE", "/integrations/"+id, "")
	kept := h.api(201, "POST", "/reservations", `{"seats":1}`).at("id")
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + bulkPost("new", "") + `]}`
	h.prov(403, "POST", "/Bulk", body, "Prefer: handling=strict")
	h.same(h.prov(200, "POST", "/Bulk", body, "Prefer: handling=strict", "Usher-Reservation: "+kept), "Operations/0/status", "201")
}
