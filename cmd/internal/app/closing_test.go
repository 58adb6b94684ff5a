package app_test

import (
	"strings"
	"testing"
)

// living asks another organization whether a session is alive.
func (h *house) living(admin, session string) string {
	h.Helper()
	return h.wanted(200, "POST", "/api/v1/introspect", admin, "token="+session, "Content-Type: application/x-www-form-urlencoded").at("active")
}

// T11, S3-19, S3-29: closing ends the memberships in every organization, with all that
// goes with a departure, whether the person ever joined there or not, and however the
// address is written there.
func TestT11ClosingEndsMembershipsThatNobodyJoined(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	yan := h.person("yan@mail.example")
	h.accept(200, h.invite(yan), "")
	type membership struct{ admin, scim, id, session string }
	var others []membership
	for org, address := range map[string]string{"b": "yan@mail.example", "c": "Yan+c@mail.example"} {
		m := membership{scim: h.tenant(t, org), admin: h.adminOf(org)}
		added := h.inOrg(201, m.scim, "POST", "/Users", `{"userName":"x7","emails":[{"value":"`+address+`"}]}`)
		m.id = added.at("id")
		h.same(added, usherUser+"/classification", "external")
		h.same(added, usherUser+"/invitationState", "notInvited")
		m.session = h.theirs(201, m.admin, "POST", "/users/"+m.id+"/credentials", `{"kind":"session"}`).at("secret")
		h.theirs(200, m.admin, "PUT", "/applications/crm", `{"name":"CRM","acceptsExternal":true}`)
		h.theirs(200, m.admin, "PUT", "/applications/crm/assignments/"+m.id, `{"role":"user"}`)
		h.theirs(201, m.admin, "POST", "/subscriptions", `{"user":"`+m.id+`","plan":"gold","active":true}`)
		if h.living(m.admin, m.session) != "true" {
			t.Fatal("the session is not alive to begin with")
		}
		others = append(others, m)
	}
	bystander := h.inOrg(201, others[0].scim, "POST", "/Users", `{"userName":"y8","emails":[{"value":"y8@mail.example","primary":true},{"value":"yan@mail.example"}]}`).at("id")

	h.api(200, "GET", "/users/"+yan+"/export", "")
	const typed = `{"confirm":"yan@mail.example"}`
	h.same(h.api(200, "POST", "/users/"+yan+"/close?preview=true", typed), "allowed", "true")
	h.inOrg(200, others[1].scim, "GET", "/Users/"+others[1].id, "")
	h.same(h.api(200, "POST", "/users/"+yan+"/close", typed), "done", "true")
	for _, m := range others {
		h.inOrg(404, m.scim, "GET", "/Users/"+m.id, "")
		if h.living(m.admin, m.session) != "false" {
			t.Error("S3-19: a session of another organization outlived the account")
		}
		h.theirs(404, m.admin, "POST", "/users/"+m.id+"/invite", "")
		h.theirs(404, m.admin, "POST", "/users/"+m.id+"/activate", "")
		h.theirs(404, m.admin, "PUT", "/applications/crm/assignments/"+m.id, `{"role":"user"}`)
		h.same(h.theirs(200, m.admin, "GET", "/tombstones", ""), "items", "[]")
		closed := h.theirs(200, m.admin, "GET", "/audit?action=user.close&resource="+m.id, "")
		h.same(closed, "items/1", "")
		for _, effect := range []string{"assignment.disabled", "subscription.cancelled", "credentials.revoked", "data.erased"} {
			if !strings.Contains(closed.text, effect) {
				t.Errorf("T6: the departure did not have the effect %s: %s", effect, closed.text)
			}
		}
	}
	h.same(h.inOrg(200, others[0].scim, "GET", "/Users/"+bystander, ""), "active", "true") // who lists the address beside their own
}

// T11, K26: who was only written down with an address closes nothing but what is here:
// neither the account of that address nor its memberships elsewhere.
func TestT11ClosingReachesNobodyElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	h.owns("default", "ours.example")
	token := h.tenant(t, "b")
	h.owns("b", "theirs.example")
	b := h.adminOf("b")
	add := func(address string) (id, session string) {
		id = h.inOrg(201, token, "POST", "/Users", `{"userName":"`+address+`"}`).at("id")
		return id, h.theirs(201, b, "POST", "/users/"+id+"/credentials", `{"kind":"session"}`).at("secret")
	}
	never, alive := add("vic@mail.example")
	for _, address := range []string{"vic@mail.example", "new@theirs.example"} {
		h.closes(address)
	}
	h.same(h.inOrg(200, token, "GET", "/Users/"+never, ""), "active", "true")
	if h.living(b, alive) != "true" {
		t.Error("a stranger's closing ended a session")
	}
	h.theirs(200, b, "POST", "/users/"+never+"/invite", "")
	h.inOrg(201, token, "POST", "/Users", `{"userName":"new@theirs.example"}`)
	h.prov(201, "POST", "/Users", `{"userName":"vic@mail.example"}`)
}

// closes adds, exports and closes a person who never showed that the address is theirs.
func (h *house) closes(address string) {
	h.Helper()
	id := h.person(address)
	h.api(200, "GET", "/users/"+id+"/export", "")
	h.same(h.api(200, "POST", "/users/"+id+"/close", `{"confirm":"`+address+`"}`), "done", "true")
	h.prov(404, "GET", "/Users/"+id, "")
}

// T11, S3-19: an account is closed with the person who joined with it, even where their
// address is another by now.
func TestT11ClosingFollowsTheAccountThatJoined(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	token := h.tenant(t, "b")
	yan := h.person("yan@mail.example")
	h.accept(200, h.invite(yan), "")
	there := h.inOrg(201, token, "POST", "/Users", `{"userName":"yan@mail.example"}`).at("id")
	h.api(200, "PATCH", "/users/"+yan, `{"email":"yan.two@mail.example"}`)
	h.api(200, "GET", "/users/"+yan+"/export", "")
	h.same(h.api(200, "POST", "/users/"+yan+"/close", `{"confirm":"yan@mail.example"}`), "done", "true")
	h.inOrg(404, token, "GET", "/Users/"+there, "")
	for _, address := range []string{"yan@mail.example", "yan.two@mail.example"} {
		h.refused(h.inOrg(403, token, "POST", "/Users", `{"userName":"`+address+`"}`), "account.closed",
			"The account of this address was closed by its owner and cannot be used again; the person must open a new one first.")
	}
}

// S3-29: an account that cannot be used is neither let in, nor invited, nor given
// anything, whatever its memberships say, and no credential of it is good.
func TestS3AnUnusableAccountGetsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/outlook", `{"purchased":5}`)
	h.api(200, "PUT", "/applications/crm", `{"name":"CRM"}`)
	eve, out, cold := h.person("eve@mail.example"), h.person("out@mail.example"), h.person("cold@mail.example")
	session := h.api(201, "POST", "/users/"+eve+"/credentials", `{"kind":"session"}`).at("secret")
	h.setActive(200, out, false)
	h.api(200, "POST", "/users/"+cold+"/suspend", "")
	mark := func(state string) {
		for _, name := range []string{"eve", "out", "cold"} {
			h.control(t, "PUT", "/accounts", `{"email":"`+name+`@mail.example","state":"`+state+`"}`, &struct{}{})
		}
	}
	mark("spam")
	if h.alive(session) != "false" {
		t.Error("the session outlived the account")
	}
	const text = "The account of this address is marked as spam; the operator of the server can lift that."
	h.refused(h.api(403, "POST", "/users/"+eve+"/invite", ""), "account.spam", text)
	h.refused(h.api(403, "POST", "/users/"+out+"/activate", ""), "account.spam", text)
	h.refused(h.setActive(403, out, true), "account.spam", text)
	h.refused(h.api(403, "POST", "/users/"+cold+"/resume", ""), "account.spam", text)
	h.refused(h.api(403, "PUT", "/applications/crm/assignments/"+eve, `{"role":"user"}`), "account.spam", text)
	h.refused(h.patchUser(403, eve, `{"op":"add","path":"roles","value":[{"type":"app","value":"crm.user"}]}`), "account.spam", text)
	h.refused(h.api(403, "POST", "/extension-grants", `{"user":"`+eve+`","extension":"outlook"}`), "account.spam", text)
	h.refused(h.api(409, "POST", "/users/"+eve+"/credentials", `{"kind":"session"}`), "credential.not_admitted",
		"This person may not sign in now, so no session or token can be given; activate them first.")
	mark("open")
	if h.alive(session) != "false" {
		t.Error("S1-26: the session came back to life with the account")
	}
	h.api(200, "POST", "/users/"+out+"/activate", "")
	h.api(200, "PUT", "/applications/crm/assignments/"+eve, `{"role":"user"}`)
	if fresh := h.api(201, "POST", "/users/"+eve+"/credentials", `{"kind":"session"}`).at("secret"); h.alive(fresh) != "true" {
		t.Error("a new session is not good")
	}
	h.api(200, "PATCH", "/users/"+eve, `{"email":"eve.two@mail.example"}`)
	if h.alive(session) != "false" {
		t.Error("S1-26: the session came back to life with another address")
	}
}

// S3-25, S3-30: a new password ends the sessions of the account in every organization;
// a deactivation in one leaves those of the others alone.
func TestS3ANewPasswordEndsSessionsEverywhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.tenant(t, "b")
	b := h.adminOf("b")
	ada := h.person("ada@mail.example")
	h.accept(200, h.invite(ada), "")
	there := h.inOrg(201, token, "POST", "/Users", `{"userName":"ada@mail.example"}`).at("id")
	h.setActive(200, ada, false)
	h.setActive(200, ada, true)
	give := func() (here, away string) {
		return h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("secret"),
			h.theirs(201, b, "POST", "/users/"+there+"/credentials", `{"kind":"session"}`).at("secret")
	}
	here, away := give()
	link := h.api(200, "POST", "/users/"+ada+"/password-reset", "").at("token")
	h.wanted(204, "POST", "/api/v1/password-resets/complete", "", `{"organization":"default","token":"`+link+`","password":"a-Password-of-1815"}`)
	if h.alive(here) != "false" || h.living(b, away) != "false" {
		t.Errorf("S3-25: after a new password the sessions are active=%s here and %s elsewhere", h.alive(here), h.living(b, away))
	}
	here, away = give()
	if h.alive(here) != "true" || h.living(b, away) != "true" {
		t.Error("new sessions are not good")
	}
	h.setActive(200, ada, false)
	if h.alive(here) != "false" || h.living(b, away) != "true" {
		t.Errorf("after a deactivation here the sessions are active=%s here and %s elsewhere", h.alive(here), h.living(b, away))
	}
	h.same(h.wanted(200, "POST", "/api/v1/passwords/check", b, `{"email":"ada@mail.example","password":"a-Password-of-1815"}`), "ok", "true")
}
