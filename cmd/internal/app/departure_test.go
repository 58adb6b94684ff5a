package app_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// S0-1, S0-2, S0-4, S0-5, S0-6, S0-16 to S0-20: credentials that carry
// integrations refuse the deactivation, all of them with their exact texts, until
// they are gone.
func TestIntegrationsRefuseDeactivation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	h.api(200, "PUT", "/applications/books", `{"name":"Zoho Books","minAdmins":0}`)
	h.api(200, "PUT", "/applications/books/assignments/"+bob, `{"role":"admin"}`)
	crm := h.api(201, "POST", "/integrations", `{"app":"books","appName":"Zoho Books","peerApp":"crm","peerAppName":"Zoho CRM","owner":"`+ada+`","enabled":true,"fix":{"kind":"disable","roleNeeded":"books.admin","where":"books","precondition":"crm.enabledFor"}}`).at("id")
	refused := h.setActive(409, ada, false)
	h.same(refused, "detail", "Status cannot be changed. User's credentials are used for integration with Zoho CRM.")
	if refused.header.Get("Usher-Error") != "deactivation.integration" || !strings.HasPrefix(refused.header.Get("Link"), "</api/v1/problems/") {
		t.Errorf("headers %v", refused.header)
	}
	if h.standing(ada) != "active" {
		t.Error("a refusal changed something")
	}
	h.api(201, "POST", "/integrations", `{"app":"books","appName":"Zoho Books","peerApp":"analytics","peerAppName":"Zoho Analytics","owner":"`+ada+`","enabled":true,"fix":{"kind":"transfer","roleNeeded":"analytics.owner"}}`)
	desk := h.api(201, "POST", "/integrations", `{"app":"books","appName":"Zoho Books","peerApp":"desk","peerAppName":"Zoho Desk","owner":"`+ada+`","enabled":true,"holds":"membership"}`).at("id")
	detail := h.setActive(409, ada, false).at("detail")
	for _, want := range []string{
		"Status cannot be changed. User's credentials are used for integration with Zoho CRM.",
		"Status cannot be changed. User's credentials are used for integration with Zoho Analytics.",
		"The user's status cannot be changed as they are a part of Zoho Books-Zoho Desk integration. If you still want to mark this user as inactive, disable the integration and try again.",
	} {
		if !strings.Contains(detail, want) {
			t.Errorf("S0-17: %q is not in %q", want, detail)
		}
	}
	ext := h.setActive(409, ada, false, "Prefer: error-extension")
	const e = "urn:ietf:params:scim:api:messages:usher:2.0:Error"
	h.same(ext, e+"/code", "deactivation.integration")
	if !strings.Contains(ext.text, `"holders":["`+bob+`"]`) {
		t.Errorf("S0-20: nobody is named who can fix it: %s", ext.text)
	}
	preview := h.api(200, "POST", "/users/"+ada+"/deactivate?preview=true", "{}")
	h.same(preview, "allowed", "false")
	h.api(200, "POST", "/integrations/"+crm+"/disable", "{}")
	h.api(200, "POST", "/integrations/"+desk+"/disable", "{}")
	h.same(h.setActive(409, ada, false), "detail", "Status cannot be changed. User's credentials are used for integration with Zoho Analytics.")
	all := h.api(200, "GET", "/integrations?user="+ada, "")
	h.api(200, "POST", "/integrations/"+all.at("items/0/id")+"/take-ownership", `{"owner":"`+bob+`"}`)
	h.setActive(200, ada, false)
	if h.standing(ada) != "inactive" {
		t.Error("S0-2: the deactivation should succeed once the integration has another owner")
	}
	if n := h.audited("user.deactivate.refused", ada); n != 4 {
		t.Errorf("%d refusals are audited, want 4", n)
	}
}

// S1-9 to S1-14, S1-17, S1-18, S3-4, S3-13: what goes with a deactivation, and
// what does not come back.
func TestDepartureTakesAndReturnGivesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	lead, ada := h.person("lead@example.com"), h.person("ada@example.com")
	team := h.api(201, "POST", "/teams", `{"name":"Sales","leader":"`+lead+`","rank":1,"members":["`+ada+`","`+lead+`"]}`).at("id")
	h.api(201, "POST", "/records", `{"type":"opportunity","owner":"`+ada+`","open":true}`)
	h.api(201, "POST", "/records", `{"type":"opportunity","owner":"`+ada+`","open":false}`)
	sub := h.api(201, "POST", "/subscriptions", `{"user":"`+ada+`","plan":"gold","active":true}`).at("id")
	h.api(200, "PUT", "/applications/crm", `{"name":"CRM"}`)
	h.api(200, "PUT", "/applications/crm/assignments/"+ada, `{"role":"user"}`)
	token := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("secret")
	alive := func() string {
		return h.api(200, "POST", "/introspect", "token="+token, "Content-Type: application/x-www-form-urlencoded").at("active")
	}
	if alive() != "true" {
		t.Fatal("a fresh session is not alive")
	}
	preview := h.api(200, "POST", "/users/"+ada+"/deactivate?preview=true", "{}")
	done := h.setActive(200, ada, false)
	h.same(done, "active", "false")
	if alive() != "false" {
		t.Error("S1-10: the session outlived the deactivation")
	}
	var codes []string
	effects, _ := preview.doc.(map[string]any)["effects"].([]any)
	for i := range effects {
		codes = append(codes, preview.at("effects/"+strconv.Itoa(i)+"/code"))
	}
	want := "records.transferred answer.awaited team.left assignment.disabled subscription.cancelled credentials.revoked address.blocked mail.deactivated seat.freed"
	if got := strings.Join(codes, " "); got != want {
		t.Errorf("effects %s, want %s", got, want)
	}
	h.same(h.api(200, "GET", "/records?user="+lead, ""), "items/0/open", "true")
	if n := len(h.api(200, "GET", "/records?user="+ada, "").doc.(map[string]any)["items"].([]any)); n != 1 {
		t.Errorf("S1-12: %d records stay, want the closed one", n)
	}
	if got := h.api(200, "GET", "/teams/"+team, "").at("members"); strings.Contains(got, ada) {
		t.Error("S1-14: still in the team")
	}
	h.same(h.api(200, "GET", "/subscriptions/"+sub, ""), "active", "false")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")
	h.same(h.user(ada), usherUser+"/blockListed", "true")
	h.setActive(200, ada, true)
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "2")
	if alive() != "false" {
		t.Error("S1-26: the session came back to life")
	}
	h.same(h.api(200, "GET", "/subscriptions/"+sub, ""), "active", "false")
	if got := h.api(200, "GET", "/teams/"+team, "").at("members"); strings.Contains(got, ada) {
		t.Error("S1-18: back in the team by itself")
	}
	h.same(h.api(200, "GET", "/assignments?user="+ada, ""), "items/0/enabled", "true")
	lost := h.api(200, "GET", "/users/"+ada+"/departures", "")
	h.same(lost, "items/0/transferredTo", lead)
	h.api(200, "POST", "/users/"+ada+"/departures/"+lost.at("items/0/id")+"/restore", `{"parts":["teams","records"]}`)
	if got := h.api(200, "GET", "/teams/"+team, "").at("members"); !strings.Contains(got, ada) {
		t.Error("C1: the team was not restored on demand")
	}
}

// S2-18, S3-13: the last seat is given once, with the exact text, and a
// deactivation frees it.
func TestSeats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	ada := h.person("ada@example.com")
	h.person("bob@example.com")
	const text = "You are trying to activate more users than the allowed license limit of '2' users"
	refused := h.prov(403, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"cyd@example.com"}`)
	h.same(refused, "detail", text)
	if refused.header.Get("Usher-Error") != "seat.limit_exceeded" {
		t.Errorf("headers %v", refused.header)
	}
	cyd := h.person("cyd@example.com", `,"active":false`)
	h.same(h.setActive(403, cyd, true), "detail", text)
	h.setActive(200, ada, false)
	h.setActive(200, cyd, true)
	h.same(h.setActive(403, ada, true), "detail", text)
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/free", "0")
	h.api(409, "PUT", "/licences/core", `{"purchased":1}`)
	h.api(200, "PUT", "/licences/core?billing=true", `{"purchased":1}`)
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	h.setActive(200, ada, true)
}

// S3-27, domain 3.3: Bulk takes seats in its order; with Prefer: handling=strict it
// is refused whole when there are not enough.
func TestBulkSeats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	bulk := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`
	for i, name := range []string{"a", "b", "c"} {
		if i > 0 {
			bulk += ","
		}
		bulk += `{"method":"POST","path":"/Users","bulkId":"` + name + `","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `"}}`
	}
	bulk += "]}"
	refused := h.prov(403, "POST", "/Bulk", bulk, "Prefer: handling=strict")
	h.same(refused, "detail", "You are trying to activate more users than the allowed license limit of '2' users")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "0")
	done := h.prov(200, "POST", "/Bulk", bulk)
	h.same(done, "Operations/1/status", "201")
	h.same(done, "Operations/2/status", "403")
	h.same(done, "Operations/2/response/detail", "You are trying to activate more users than the allowed license limit of '2' users")
}

// 3.4: who waits for a seat is off the list when a client says that they are not to
// be in, and only then.
func TestWaitingEndsByAWord(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.control(t, "PUT", "/connections/default", `{"organization":"default","scopes":["*"],"dialect":"tolerant","onSeatExhausted":"waitlist"}`, &struct{}{})
	h.api(200, "PUT", "/licences/core", `{"purchased":0}`)
	const head = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":`
	waits := func(id string) string { return h.user(id).at(usherUser + "/seatState") }
	ada, bob, cyd := h.person("ada"), h.person("bob"), h.person("cyd")
	h.setActive(200, ada, false)
	h.prov(200, "PUT", "/Users/"+bob, head+`"bob","active":false}`)
	h.prov(200, "PUT", "/Users/"+cyd, head+`"cyd","title":"clerk"}`)
	if got := waits(ada) + waits(bob) + waits(cyd); got != "nonenonewaitlisted" {
		t.Errorf("they are %s", got)
	}
	h.api(200, "PUT", "/licences/core", `{"purchased":9}`)
	h.soon("nobody is let in", func() bool { return h.standing(cyd) == "active" })
	if h.standing(ada) != "inactive" || h.standing(bob) != "inactive" {
		t.Error("who was told to stay out is let in")
	}
}

// C10, S3-10: the mail to who is deactivated goes to every address of theirs and to
// the manager; the outbox holds it in the commit of the deactivation, without an
// address in it (K72).
func TestC10DeactivationMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	boss := h.person("boss@example.com")
	const enterprise = `,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":%q}}`
	ada := h.prov(201, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com","emails":[{"value":"ada@example.com","primary":true},{"value":"ada@home.example","type":"home"}]`+
		fmt.Sprintf(enterprise, boss)+`}`).at("id")
	h.setActive(200, ada, false)
	var event string
	for _, one := range h.items(h.api(200, "GET", "/outbox?limit=100", "")) {
		if text := fmt.Sprint(one); strings.Contains(text, "user.deactivate") {
			event = text
		}
	}
	for _, want := range []string{"map[code:mail.deactivated count:2 value:" + ada + "]", "map[code:mail.copied count:1 value:" + boss + "]"} {
		if !strings.Contains(event, want) {
			t.Errorf("no %s in %s", want, event)
		}
	}
	if strings.Contains(event, "ada@") {
		t.Errorf("an address in %s", event)
	}
	h.setActive(200, ada, true)
	if n := strings.Count(h.api(200, "GET", "/outbox?limit=100", "").text, "mail.activated"); n != 1 {
		t.Errorf("%d mails about the return", n)
	}
}
