package app_test

import "testing"

// S3-31: refusals are told in French to whom asks for it, or whose organization
// speaks it; codes are the same.
func TestRefusalsInFrench(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	h.person("ada@example.com")
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bob@example.com"}`
	const fr = "Vous essayez d'activer plus d'utilisateurs que la limite de licence autorisée de '1' utilisateurs"
	const en = "You are trying to activate more users than the allowed license limit of '1' users"
	h.same(h.prov(403, "POST", "/Users", body, "Accept-Language: fr-CH, en;q=0.5"), "detail", fr)
	h.same(h.prov(403, "POST", "/Users", body, "Accept-Language: de"), "detail", en)
	h.same(h.api(403, "POST", "/users", `{"email":"bob@example.com"}`, "Accept-Language: fr"), "detail", fr)
	h.api(200, "PUT", "/settings", `{"language":"fr","undoMinutes":30}`)
	got := h.prov(403, "POST", "/Users", body)
	h.same(got, "detail", fr)
	if got.header.Get("Usher-Error") != "seat.limit_exceeded" {
		t.Errorf("the code is %s", got.header.Get("Usher-Error"))
	}
	h.same(h.prov(403, "POST", "/Users", body, "Accept-Language: en"), "detail", en)
}
