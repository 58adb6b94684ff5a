package app_test

import "testing"

// K31, K54: who is active is never without a value. To remove it, or to set it to null,
// changes nothing, as a PUT without it does: filters would find the person no more.
func TestK31ActiveIsNeverRemoved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, active := range []string{"true", "false"} {
		id := h.person("ada-" + active + "@mail.example")
		before := h.prov(200, "PATCH", "/Users/"+id, patchOp(`{"op":"replace","path":"active","value":`+active+`}`))
		for _, op := range []string{`{"op":"remove","path":"active"}`, `{"op":"replace","path":"active","value":null}`, `{"op":"replace","value":{"active":null}}`,
			`{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:User:active"}`} {
			got := h.prov(200, "PATCH", "/Users/"+id, patchOp(op))
			h.same(got, "active", active)
			h.same(got, "meta/version", before.at("meta/version"))
			h.find("/Users", `active eq `+active+` and id eq "`+id+`"`, "1")
		}
		h.same(h.prov(200, "PATCH", "/Users/"+id, patchOp(`{"op":"remove","path":"active"}`, `{"op":"add","path":"title","value":"x"}`)), "active", active)
	}
}
