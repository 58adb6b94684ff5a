package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// items counts what a list of the admin API holds.
func (r reply) items() int { return len(r.list()) }

// list is what an answer of the admin API lists.
func (r reply) list() []any {
	doc, _ := r.doc.(map[string]any)
	all, _ := doc["items"].([]any)
	return all
}

// S3-1, S3-2, S3-3, S3-4, S3-5, S3-6, S3-8, S3-13: who is deactivated is kept, sees nothing more and
// gives the seat to somebody else; what was bought stays bought.
func TestS3DeactivationIsNotDeletion(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	ada, bob := h.person("ada@corp.example", `,"title":"Countess"`), h.person("bob@corp.example")
	h.api(201, "POST", "/records", `{"type":"opportunity","owner":"`+ada+`","open":true}`)
	session := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("secret")
	h.refused(h.api(409, "POST", "/users/"+ada+"/deactivate", "{}"), "deactivation.no_transferee",
		"The person has open records and no team with an active leader to receive them; name somebody in transferRecordsTo.")
	h.same(h.user(ada), "active", "true")
	h.same(h.api(200, "GET", "/records?user="+bob, ""), "items", "[]")
	if h.alive(session) != "true" {
		t.Error("a refusal ended a session")
	}
	done := h.api(200, "POST", "/users/"+ada+"/deactivate", `{"transferTo":"`+bob+`"}`)
	h.same(done, "person/status", "inactive")
	h.same(h.api(200, "GET", "/records?user="+bob, ""), "items/0/owner", bob)
	if h.alive(session) != "false" {
		t.Error("S3-3: the session outlived the deactivation")
	}
	h.refused(h.api(409, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`), "credential.not_admitted",
		"This person may not sign in now, so no session or token can be given; activate them first.")
	h.same(h.user(ada), "title", "Countess")
	licence := h.api(200, "GET", "/licences/core", "")
	h.same(licence, "purchased", "2")
	h.same(licence, "seats/used", "1")
	inactive := h.api(200, "GET", "/users?view=inactive", "")
	h.same(inactive, "items/0/id", ada)
	if n := inactive.items(); n != 1 {
		t.Errorf("S3-6: %d inactive people, want 1", n)
	}
	if got := h.api(200, "GET", "/users", ""); strings.Contains(got.text, ada) || got.items() != 1 {
		t.Error("the list of people shows the inactive one")
	}
	cyd := h.person("cyd@corp.example")
	h.same(h.user(cyd), usherUser+"/seatState", "held")
	const full = "You are trying to activate more users than the allowed license limit of '2' users"
	h.refused(h.api(403, "POST", "/users/"+ada+"/activate", ""), "seat.limit_exceeded", full)
	h.refused(h.api(409, "PUT", "/licences/core", `{"purchased":1}`), "licence.in_use", "2 seats are in use, so 1 cannot be enough; deactivate people first.")
	h.same(h.api(200, "GET", "/licences/core", ""), "purchased", "2")
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	h.same(h.api(200, "POST", "/users/"+ada+"/activate", ""), "person/active", "true")
	if h.alive(session) != "false" {
		t.Error("the session came back to life")
	}
}

// S3-7: who comes back and never joined can be invited again.
func TestS3InvitedAgainOnReturn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	old := h.invite(ada)
	h.setActive(200, ada, false)
	h.stands(ada, "pending", "withdrawn", "inactive")
	h.prov(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":true,"`+usherUser+`":{"sendInvitation":true}}}]}`)
	h.stands(ada, "pending", "notJoined", "active")
	if strings.Contains(h.user(ada).text, "sendInvitation") {
		t.Error("the wish for an invitation is shown")
	}
	h.refused(h.accept(403, old, ""), "invitation.invalid", notValid)
	h.accept(200, h.invite(ada), "")
	h.stands(ada, "confirmed", "joined", "active")
}

// S3-9, S3-11, S3-27: many at once, with a report for each; the seats are counted
// for the whole batch before anybody is let in.
func TestS3ManyAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	ada, bob, lead := h.person("ada@corp.example"), h.person("bob@corp.example"), h.person("lead@corp.example", `,"displayName":"Lea"`)
	h.api(201, "POST", "/teams", `{"name":"Sales","leader":"`+lead+`","members":["`+lead+`"]}`)
	ids := func(all ...string) string { return `{"ids":["` + strings.Join(all, `","`) + `"]}` }
	preview := h.api(200, "POST", "/users/deactivate?preview=true", ids(ada, lead))
	h.same(preview, "items/0/decision/allowed", "true")
	h.same(preview, "items/0/decision/done", "false")
	h.same(h.user(ada), "active", "true")
	got := h.api(200, "POST", "/users/deactivate", ids(ada, lead, "nobody", bob))
	for i, want := range []string{"true", "false", "false", "true"} {
		h.same(got, fmt.Sprintf("items/%d/decision/done", i), want)
	}
	h.same(got, "items/1/decision/code", "deactivation.team_leader")
	h.same(got, "items/1/decision/detail", "Lea leads the team Sales; remove them from the teams they lead first.")
	h.same(got, "items/2/decision/detail", "There is nothing of that name here.")
	h.same(h.user(lead), "active", "true")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")

	cyd := h.person("cyd@corp.example")
	text := "You are trying to activate more users than the allowed license limit of '3' users"
	h.refused(h.api(403, "POST", "/users/activate", ids(ada, bob, cyd)), "seat.limit_exceeded", text)
	h.same(h.user(ada), "active", "false")
	h.same(h.user(bob), "active", "false")
	h.same(h.api(200, "POST", "/users/activate?preview=true", ids(ada, bob)), "detail", text)
	h.api(200, "PUT", "/licences/core", `{"purchased":4}`)
	got = h.api(200, "POST", "/users/activate", ids(ada, bob, cyd))
	h.same(got, "items/0/decision/person/status", "active")
	h.same(got, "items/1/decision/person/status", "active")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "4")
	h.api(400, "POST", "/users/activate", `{"ids":[]}`)
}

// S3-14, S3-15, S3-28: an extension has licences of its own, is given to one
// person at a time, and is freed by their deactivation.
func TestS3Extensions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":5}`)
	ada, bob := h.person("ada@corp.example"), h.person("bob@corp.example")
	give := func(status int, user string) reply {
		return h.api(status, "POST", "/extension-grants", `{"user":"`+user+`","extension":"outlook"}`)
	}
	const none = "There is no licence left for the extension outlook; buy more, or take it away from somebody."
	h.refused(give(403, ada), "extension.not_licensed", none)
	h.same(h.api(200, "GET", "/extension-grants?user="+ada, ""), "items", "[]")
	h.api(200, "PUT", "/licences/outlook", `{"purchased":1}`)
	give(201, ada)
	h.refused(give(403, bob), "extension.not_licensed", none)
	h.same(h.api(200, "GET", "/licences/outlook", ""), "seats/used", "1")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "2")
	h.setActive(200, ada, false)
	h.same(h.api(200, "GET", "/licences/outlook", ""), "seats/used", "0")
	h.same(h.api(200, "GET", "/extension-grants?user="+ada, ""), "items", "[]")
	h.refused(give(409, ada), "extension.inactive", "The person is inactive; activate them first.")
	grant := give(201, bob).at("id")
	h.setActive(200, ada, true)
	h.same(h.api(200, "GET", "/licences/outlook", ""), "seats/used", "1")
	h.api(204, "DELETE", "/extension-grants/"+grant, "")
	h.same(h.api(200, "GET", "/licences/outlook", ""), "seats/used", "0")
	h.api(200, "PUT", "/licences/outlook", `{"purchased":2}`)
	give(201, ada)
	h.refused(give(409, ada), "duplicate", "That name is taken already.")
	h.same(h.api(200, "GET", "/licences/outlook", ""), "seats/used", "1")
}

// S3-26: a portal user sees only what they are given, and their removal is another
// action than their deactivation.
func TestS3PortalUsersAndRemoval(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	added := h.api(201, "POST", "/users", `{"givenName":"Sam","familyName":"Supplier","email":"sam@supplier.example","userType":"portal","sendInvitation":false}`)
	sam := added.at("person/id")
	h.same(added, "person/userType", "portal")
	h.stands(sam, "pending", "notInvited", "active")
	h.api(200, "PUT", "/applications/portal", `{"name":"Portal"}`)
	h.api(200, "PUT", "/applications/portal/assignments/"+sam, `{"role":"supplier"}`)
	h.same(h.api(200, "GET", "/assignments?user="+sam, ""), "items/0/role", "supplier")
	h.setActive(200, sam, false)
	h.same(h.user(sam), "active", "false")
	h.api(404, "GET", "/tombstones/"+sam, "")
	h.api(200, "DELETE", "/users/"+sam, "")
	h.prov(404, "GET", "/Users/"+sam, "")
	h.api(404, "DELETE", "/users/"+sam, "")
	h.same(h.api(200, "GET", "/tombstones/"+sam, ""), "name", "Sam Supplier")
	if n := h.audited("user.deactivate", sam); n != 1 {
		t.Errorf("%d deactivations are audited, want 1", n)
	}
}

// S3-18, S3-19, S3-20, S3-21, S3-29: an account is closed for good, after an export and a
// typed confirmation, and all its data with it; nobody gets it back.
func TestS3Closing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	h.api(200, "PUT", "/licences/core", `{"purchased":5}`)
	ada := h.person("ada@mail.example", `,"displayName":"Ada"`)
	h.accept(200, h.invite(ada), "")
	h.api(200, "PUT", "/applications/crm", `{"name":"CRM"}`)
	session := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("secret")
	const typed = `{"confirm":"ADA@mail.example"}`
	h.refused(h.api(409, "POST", "/users/"+ada+"/close", typed), "account.close", "Export the data of the account first; closing erases it at once and for good.")
	h.same(h.api(200, "GET", "/users/"+ada+"/export", ""), "person/userName", "ada@mail.example")
	h.refused(h.api(400, "POST", "/users/"+ada+"/close", `{"confirm":"ada"}`), "account.close", "Type the user name of the account to confirm that it is to be closed for good.")
	h.same(h.api(200, "POST", "/users/"+ada+"/close?preview=true", typed), "allowed", "true")
	h.api(200, "POST", "/users/"+ada+"/hold", "")
	h.refused(h.api(409, "POST", "/users/"+ada+"/close", typed), "retention.legal_hold", "The data of this person is under a legal hold and cannot be erased; an administrator can lift the hold.")
	h.stands(ada, "confirmed", "joined", "active")
	h.api(200, "POST", "/users/"+ada+"/unhold", "")
	if h.alive(session) != "true" {
		t.Error("a refusal ended a session")
	}

	h.same(h.api(200, "POST", "/users/"+ada+"/close", typed), "done", "true")
	if h.alive(session) != "false" {
		t.Error("S3-19: the session outlived the account")
	}
	h.prov(404, "GET", "/Users/"+ada, "")
	h.api(404, "POST", "/users/"+ada+"/activate", "")
	h.api(404, "POST", "/users/"+ada+"/invite", "")
	h.api(404, "PUT", "/applications/crm/assignments/"+ada, `{"role":"user"}`)
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "0")
	const closed = "The account of this address was closed by its owner and cannot be used again; the person must open a new one first."
	h.refused(h.prov(403, "POST", "/Users", `{"userName":"ada@mail.example"}`), "account.closed", closed)
	h.refused(h.prov(403, "POST", "/Users", `{"userName":"ada","active":false,"emails":[{"value":"Ada+x@MAIL.example"}]}`), "account.closed", closed)
	h.api(404, "GET", "/tombstones/"+ada, "")
	h.api(404, "GET", "/invitations/"+ada, "")
	h.api(404, "GET", "/users/"+ada+"/standing", "")
	for _, path := range []string{"/addresses", "/tombstones", "/invitations", "/audit?limit=200", "/outbox?limit=200", "/cases", "/schedules", "/waitlist", "/users?view=all"} {
		if got := h.api(200, "GET", path, ""); strings.Contains(strings.ToLower(got.text), "ada@mail.example") {
			t.Errorf("S3-21: %s still holds the address: %s", path, got.text)
		}
	}
}

// S3-29, C4: owners and the last admin cannot close, nor can who is managed by the
// organization unless it lets them.
func TestS3WhoCannotClose(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "corp.example")
	own, adm, ada := h.person("own@corp.example"), h.person("adm@corp.example"), h.person("ada@corp.example")
	h.api(200, "PUT", "/users/"+adm+"/standing", `{"role":"admin","rank":5}`)
	shut := func(status int, id, name string) reply {
		h.api(200, "GET", "/users/"+id+"/export", "")
		return h.api(status, "POST", "/users/"+id+"/close", `{"confirm":"`+name+`"}`)
	}
	const managed = "The organization manages this account and does not let its people close their own; ask an administrator."
	h.refused(shut(403, ada, "ada@corp.example"), "account.close", managed)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	h.refused(shut(409, adm, "adm@corp.example"), "deactivation.last_admin", "At least one administrator is required in the organization; make somebody else an administrator first.")
	h.api(200, "POST", "/organization/owner", `{"to":"`+own+`"}`)
	h.refused(shut(409, own, "own@corp.example"), "deactivation.org_owner", "The owner of the organization cannot be deactivated; transfer the ownership first.")
	h.stands(own, "confirmed", "notInvited", "active")
	h.same(shut(200, adm, "adm@corp.example"), "done", "true")
	h.same(shut(200, ada, "ada@corp.example"), "done", "true")

	h.tenant(t, "b")
	h.account("eve@mail.example", "b")
	eve := h.person("eve@mail.example")
	h.refused(shut(403, eve, "eve@mail.example"), "account.close", "The account belongs to the organization b; close it there.")
	h.stands(eve, "external", "notInvited", "active")
}
