package app_test

import (
	"strings"
	"testing"
)

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

// S3-31, domain 4.14: there is no answer to a refused change, or to what is foretold of
// one, that is in English for whom asks for French; what a plan remembers is not
// different because somebody else reads it in another language.
func TestFrenchEverywhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","peerAppName":"Zoho CRM","owner":"`+ada+`","enabled":true}`)
	const french = "Accept-Language: fr"
	const text = "Le statut ne peut pas être modifié. Les identifiants de l'utilisateur servent à l'intégration avec Zoho CRM."
	ids := `{"ids":["` + ada + `"]}`
	for _, preview := range []string{"", "?preview=true"} {
		many := h.api(200, "POST", "/users/deactivate"+preview, ids, french)
		h.same(many, "items/0/decision/detail", text)
		h.same(many, "items/0/decision/blockers/0/detail", text)
	}
	plan := h.api(201, "POST", "/plans", `{"verb":"deactivate","ids":["`+ada+`"]}`, french)
	h.same(plan, "items/0/detail", text)
	h.same(plan, "items/0/blockers/0/detail", text)
	committed := h.api(200, "POST", "/plans/"+plan.at("id")+"/commit", "", "If-Match: *", "Accept-Language: en")
	h.same(committed, "items/0/outcome", "refused")

	refused := h.api(409, "POST", "/users/"+ada+"/deactivate", "{}", french)
	h.same(refused, "detail", text)
	page := h.api(200, "GET", strings.TrimPrefix(refused.at("instance"), "/api/v1"), "", french)
	h.same(page, "blockers/0/detail", text)
	h.same(h.prov(200, "GET", "/Users/"+ada+"?attributes="+usherUser+":blockers", "", french), usherUser+"/blockers/0/value", text)
}
