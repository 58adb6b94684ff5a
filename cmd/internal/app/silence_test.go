package app_test

import (
	"strings"
	"testing"
)

// T6, S3-28: a client that always sends the whole record sends the extensions with the
// deactivation and with whatever it says after that: the first gives them back, the
// others are no request for them.
func TestWholeRecordOfWhoIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/outlook", `{"purchased":1}`)
	const has = `,"entitlements":[{"type":"extension","value":"outlook"},{"type":"other","value":"x"}]`
	ada := h.person("ada@example.com", has)
	whole := func(rest string) reply {
		t.Helper()
		return h.prov(200, "PUT", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com","emails":[{"value":"ada@example.com","primary":true}]`+has+rest+`}`)
	}
	off := whole(`,"active":false`)
	for _, rest := range []string{`,"active":false`, "", `,"active":false`} {
		h.same(whole(rest), "meta/version", off.at("meta/version"))
	}
	h.same(off, "entitlements/0/value", "x")
	h.same(h.api(200, "GET", "/licences/outlook", ""), "seats/used", "0")
	h.patchUser(409, ada, `{"op":"add","path":"entitlements","value":[{"type":"extension","value":"outlook"}]}`)
	h.same(whole(`,"active":true`), "entitlements/0/value", "outlook")
	h.same(h.api(200, "GET", "/licences/outlook", ""), "seats/used", "1")
}

// S1-6, S1-7, S1-22, S3-1: a client that replaces a person with PUT and knows nothing of
// Usher's extension changes nothing of what was chosen for their leaving: not who
// receives the records, nor whether the address is blocked.
func TestPutLeavesChoicesOfLeavingAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const core = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%NAME%,"displayName":"New","emails":[{"value":%NAME%,"primary":true}]`
	put := func(id, name, more string) reply {
		t.Helper()
		return h.prov(200, "PUT", "/Users/"+id, strings.ReplaceAll(core, "%NAME%", `"`+name+`"`)+more+`}`)
	}
	lead, named, ada := h.person("lead@example.com"), h.person("named@example.com"), h.person("ada@example.com")
	h.team("Sales", lead, 1, ada)
	h.opportunity(ada)
	h.api(200, "PATCH", "/users/"+ada, `{"transferRecordsTo":"`+named+`","reactivateOnPurchase":true}`)
	put(ada, "ada@example.com", "")
	put(ada, "ada@example.com", `,"active":false`)
	if n := h.owned(named); n != 1 {
		t.Errorf("who was named received %d records", n)
	}
	h.same(h.address("ada@example.com"), "returns", "true")
	h.same(put(ada, "ada@example.com", ""), usherUser+"/blockListed", "")
	h.same(h.buy(201, "order-1", "ada@example.com"), "outcome", "reactivated")

	// What the client says is done all the same.
	h.setActive(200, ada, false)
	h.same(put(ada, "ada@example.com", `,"`+usherUser+`":{"reactivateOnPurchase":true}`), usherUser+"/reactivateOnPurchase", "true")
	h.same(put(ada, "ada@example.com", `,"`+usherUser+`":{"reactivateOnPurchase":false}`), usherUser+"/blockListed", "true")
	h.buy(403, "order-2", "ada@example.com")
}
