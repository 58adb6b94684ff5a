package app_test

import (
	"fmt"
	"testing"
)

// S1-7, S1-8, K67: a client that may not lift blocks does not do it by letting the person
// return with a purchase either, whatever the way of saying so; what it blocked itself,
// and any block where it has the right, it lifts.
func TestK67NoBlockIsLiftedByTheBox(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const patchOps = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`
	ways := func(name, id string) map[string][3]string {
		record := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `","` + usherUser + `":{"reactivateOnPurchase":true}}`
		return map[string][3]string{
			"by path":   {"PATCH", "/Users/" + id, fmt.Sprintf(patchOps, `{"op":"replace","path":"`+usherUser+`:reactivateOnPurchase","value":true}`)},
			"as text":   {"PATCH", "/Users/" + id, fmt.Sprintf(patchOps, `{"op":"add","value":{"`+usherUser+`":{"reactivateOnPurchase":"True"}}}`)},
			"by PUT":    {"PUT", "/Users/" + id, record},
			"and leave": {"PATCH", "/Users/" + id, fmt.Sprintf(patchOps, `{"op":"replace","value":{"active":false,"`+usherUser+`":{"reactivateOnPurchase":true}}}`)},
		}
	}
	n := 0
	for way := range ways("", "") {
		n++
		name := fmt.Sprintf("p%d@example.com", n)
		id := h.person(name)
		w := ways(name, id)[way]
		h.leaves(id, false)
		got := h.prov(403, w[0], w[1], w[2])
		h.same(got, "detail", "The address "+name+" is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses.")
		if got.header.Get("Usher-Error") != "email.blocked" {
			t.Errorf("%s: the code is %s", way, got.header.Get("Usher-Error"))
		}
		h.same(h.user(id), usherUser+"/blockListed", "true")
		h.buy(403, "no-"+name, name)

		h.setActive(403, id, true)
		h.api(200, "POST", "/users/"+id+"/activate", "")
		h.setActive(200, id, false) // now the block is the client's own
		h.prov(200, w[0], w[1], w[2])
		h.same(h.buy(201, "own-"+name, name), "outcome", "reactivated")

		h.leaves(id, false)
		h.connection(`,"mayLiftBlock":true`)
		h.prov(200, w[0], w[1], w[2])
		h.same(h.buy(201, "may-"+name, name), "outcome", "reactivated")
		h.connection("")
	}
}
