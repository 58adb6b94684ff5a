package app_test

import (
	"strings"
	"testing"
)

// Domain 3.3: blockers and pendingEffects are answered when they are asked for, and
// only then; the same plan as a deactivation makes.
func TestForecastOverSCIM(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	h.api(201, "POST", "/subscriptions", `{"user":"`+ada+`","plan":"gold","active":true}`)
	h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","peerAppName":"Zoho CRM","owner":"`+ada+`","enabled":true}`)
	got := h.prov(200, "GET", "/Users/"+ada+"?attributes="+usherUser+":blockers,"+usherUser+":pendingEffects", "")
	h.same(got, usherUser+"/blockers/0/code", "deactivation.integration")
	h.same(got, usherUser+"/pendingEffects/0/code", "subscription.cancelled")
	if strings.Contains(h.user(ada).text, "pendingEffects") {
		t.Error("pendingEffects are shown without being asked for")
	}
	if h.standing(ada) != "active" {
		t.Error("asking changed something")
	}
}
