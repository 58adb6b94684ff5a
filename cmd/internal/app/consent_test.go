package app_test

import (
	"strings"
	"testing"
	"time"
)

// external is somebody of another organization, by address, with a token of theirs.
func (s *staffed) external(name string) string {
	s.Helper()
	s.account(name, "b")
	id := s.person(name)
	s.stands(id, "external", "notInvited", "active")
	return id
}

// T9: an external person says themselves that they want to be a member at home, without
// an invitation. Once their account has left its old home, and while there is a seat, an
// administrator converts them, and the word is used up.
func TestConversionByConsent(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	s.tenant(t, "b")
	s.api(200, "PUT", "/licences/core", `{"purchased":0}`)
	const name = "ada@mail.example"
	ada := s.external(name)
	path := "/users/" + ada
	refused := s.api(409, "POST", path+"/convert", "")
	s.refused(refused, "membership.not_external", name+" still belongs to the organization b; they must leave it first and agree to belong here, or you verify the domain of their address.")
	s.same(refused, "blockers/0/fix/kind", "consent")
	s.same(refused, "blockers/0/fix/href", "/api/v1"+path+"/consent")
	s.same(refused, "blockers/0/fix/holders", `["`+ada+`"]`)
	s.same(s.api(200, "POST", path+"/convert?preview=true", ""), "blockers/0/fix/kind", "consent")

	s.as(name, 404, "GET", path+"/consent", "")
	s.as(name, 404, "DELETE", path+"/consent", "")
	if got := s.as(name, 200, "PUT", path+"/consent?preview=true", ""); got.at("allowed") != "true" || !strings.Contains(got.text, "consent.given") {
		t.Errorf("the preview says %s", got.text)
	}
	s.api(404, "GET", "/consents/"+ada, "")
	given := s.as(name, 200, "PUT", path+"/consent", "")
	if until, err := time.Parse(time.RFC3339, given.at("expiresAt")); err != nil || time.Until(until) > 7*24*time.Hour || time.Until(until) < 7*24*time.Hour-time.Minute {
		t.Errorf("the consent ends at %s", given.at("expiresAt"))
	}
	s.same(s.api(200, "GET", "/consents", ""), "items/0/id", ada)
	s.same(s.as(name, 200, "GET", path+"/export", ""), "consent/givenAt", given.at("givenAt"))
	event := s.api(200, "GET", "/audit?action=user.consent&resource="+ada, "")
	s.same(event, "items/0/event/actor/kind", "self")
	s.same(event, "items/0/event/actor/user", ada)
	s.stands(ada, "external", "notInvited", "active")

	s.api(409, "POST", path+"/convert", "") // it is no leave of the old home
	s.account(name, "")
	s.same(s.api(403, "POST", path+"/convert", ""), "code", "seat.limit_exceeded") // nor a seat
	s.api(200, "GET", "/consents/"+ada, "")
	s.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	done := s.api(200, "POST", path+"/convert", `{"sendInvitation":true}`)
	if !strings.Contains(done.text, "consent.used") || strings.Contains(done.text, "invitation.") {
		t.Errorf("the conversion did %s", done.text)
	}
	s.stands(ada, "confirmed", "joined", "active")
	s.same(s.user(ada), usherUser+"/homeOrganizationId", "")
	s.same(s.user(ada), usherUser+"/seatState", "held")
	s.api(200, "PATCH", path, `{"displayName":"Ada Byron"}`)
	s.api(404, "GET", "/consents/"+ada, "")
	s.as(name, 404, "DELETE", path+"/consent", "")
	s.refused(s.as(name, 409, "PUT", path+"/consent", ""), "membership.consent", "Ada Byron is not external; there is nothing to agree to.")
	s.api(200, "PUT", "/settings", `{"language":"fr"}`)
	s.refused(s.as(name, 409, "PUT", path+"/consent", ""), "membership.consent", "Ada Byron n'est pas externe ; il n'y a rien à accepter.")
	// That an address is somebody's, their word does not show (K26).
	s.same(s.api(409, "POST", path+"/password-reset", ""), "code", "password.reset")
}

// T9, K17: nobody agrees for somebody else: no administrator, no administrator token, no
// client.
func TestConsentIsOnesOwn(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	s.tenant(t, "b")
	ada, eve := s.external("ada@mail.example"), s.external("eve@mail.example")
	boss := s.person("boss@example.com")
	s.api(200, "PUT", "/users/"+boss+"/standing", `{"role":"admin","rank":10}`)
	s.as("eve@mail.example", 200, "PUT", "/users/"+eve+"/consent", "")
	for _, id := range []string{ada, eve} {
		for who, token := range map[string]string{"an administrator token": adminSecret, "an administrator": s.signedIn("boss@example.com"), "somebody else": s.signedIn(map[string]string{ada: "eve@mail.example", eve: "ada@mail.example"}[id])} {
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				if got := s.wanted(403, method, "/api/v1/users/"+id+"/consent", token, ""); got.at("code") != "permission.denied" {
					t.Errorf("%s, %s: %s", who, method, got.text)
				}
			}
		}
		s.wanted(403, "PUT", "/api/v1/users/"+id+"/consent", secret, "")
		s.wanted(401, "PUT", "/api/v1/users/"+id+"/consent", "", "")
	}
	s.api(404, "GET", "/consents/"+ada, "")
	s.api(200, "GET", "/consents/"+eve, "")
	s.as("eve@mail.example", 403, "GET", "/consents", "")
	s.api(200, "POST", "/users/"+ada+"/suspend", "")
	s.as("ada@mail.example", 401, "PUT", "/users/"+ada+"/consent", "")
}

// T9: without a consent that holds, a conversion asks for it by an invitation, as ever:
// one that was taken back, is for another organization, or is older than the end of the
// person's access holds no more.
func TestConsentThatDoesNotHold(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	s.tenant(t, "b")
	theirs := s.tenant(t, "c")
	agreed := func(name string) string {
		t.Helper()
		id := s.external(name)
		s.as(name, 200, "PUT", "/users/"+id+"/consent", "")
		return id
	}
	back := agreed("back@mail.example")
	s.as("back@mail.example", 204, "DELETE", "/users/"+back+"/consent", "")
	if n := s.audited("user.consent.withdraw", back); n != 1 {
		t.Errorf("%d events tell of the withdrawal", n)
	}
	gone := agreed("gone@mail.example")
	s.setActive(200, gone, false)
	time.Sleep(2 * time.Millisecond)
	s.setActive(200, gone, true)
	frozen := agreed("frozen@mail.example")
	s.api(200, "POST", "/users/"+frozen+"/suspend", "")
	s.api(200, "POST", "/users/"+frozen+"/resume", "")
	none := s.external("none@mail.example")
	again := agreed("again@mail.example")
	s.as("again@mail.example", 204, "DELETE", "/users/"+again+"/consent", "")
	s.as("again@mail.example", 200, "PUT", "/users/"+again+"/consent", "")
	invited := agreed("invited@mail.example")
	token := s.invite(invited)
	planned := agreed("planned@mail.example")
	elsewhere := s.inOrg(201, theirs, "POST", "/Users", `{"userName":"planned@mail.example"}`).at("id")
	for _, name := range []string{"back", "gone", "frozen", "none", "again", "invited", "planned"} {
		s.account(name+"@mail.example", "")
	}
	plan := s.api(201, "POST", "/plans", `{"verb":"convert","ids":["`+planned+`"]}`)
	if !strings.Contains(plan.text, "consent.used") {
		t.Errorf("the plan does not tell of the consent: %s", plan.text)
	}
	s.same(s.wanted(200, "POST", "/api/v1/users/"+elsewhere+"/convert", s.adminOf("c"), ""), "person/classification", "pending")
	s.account("planned@mail.example", "") // which that conversion took home
	s.api(200, "POST", "/plans/"+plan.at("id")+"/commit", "", "If-Match: *")
	s.stands(planned, "confirmed", "joined", "active")
	for id, want := range map[string][2]string{back: {"pending", "notJoined"}, gone: {"pending", "notJoined"}, frozen: {"pending", "notJoined"}, none: {"pending", "notJoined"}, again: {"confirmed", "joined"}, invited: {"confirmed", "joined"}} {
		s.api(200, "POST", "/users/"+id+"/convert", "")
		s.stands(id, want[0], want[1], "active")
		s.api(404, "GET", "/consents/"+id, "")
	}
	s.refused(s.accept(403, token, ""), "invitation.invalid", notValid)
}

// T9, T11, S3-21: a consent goes with whoever becomes a member by an invitation, and with
// whose account is closed.
func TestConsentGoesWithThePerson(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	theirs := s.tenant(t, "b")
	ada, eve := s.external("ada@mail.example"), s.external("eve@mail.example")
	for name, id := range map[string]string{"ada": ada, "eve": eve} {
		s.as(name+"@mail.example", 200, "PUT", "/users/"+id+"/consent", "")
	}
	s.account("ada@mail.example", "")
	s.accept(200, s.invite(ada), "")
	s.stands(ada, "confirmed", "joined", "active")
	s.api(404, "GET", "/consents/"+ada, "")

	b := s.adminOf("b")
	s.theirs(200, b, "PUT", "/settings", `{"selfClose":true}`)
	home := s.inOrg(201, theirs, "POST", "/Users", `{"userName":"eve@mail.example"}`).at("id")
	s.theirs(200, b, "GET", "/users/"+home+"/export", "")
	s.theirs(200, b, "POST", "/users/"+home+"/close", `{"confirm":"eve@mail.example"}`)
	s.prov(404, "GET", "/Users/"+eve, "")
	s.same(s.api(200, "GET", "/consents", ""), "items", "[]")
}
