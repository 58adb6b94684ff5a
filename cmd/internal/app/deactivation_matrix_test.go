package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth/oidc/oidctest"
	"github.com/usher-scim/usher/config"
)

// staffed is a house whose members sign in with an issuer, and so can act
// themselves.
type staffed struct {
	*house
	issuer *oidctest.Issuer
}

func newStaffed(t *testing.T) *staffed {
	t.Helper()
	issuer := oidctest.New()
	t.Cleanup(issuer.Close)
	h := newHouse(t, func(cfg *config.Config) {
		cfg.Issuers = []config.Issuer{{Issuer: issuer.URL, JWKSURL: issuer.JWKSURL(), Audience: []string{"usher"}, Algorithms: []string{"RS256"},
			Organization: "default", Connection: "default", ScopeClaim: "scope", AllowPrivate: true}}
		cfg.Store.Readers = 1 // who waits for a second snapshot waits for ever
	})
	h.control(t, "POST", "/domains/assert", `{"organization":"default","domain":"example.com"}`, &struct{}{})
	return &staffed{h, issuer}
}

// signedIn is an access token of a member.
func (s *staffed) signedIn(name string) string {
	return s.issuer.Token(map[string]any{"sub": name, "scope": ""})
}

// as asks the admin API as a member.
func (s *staffed) as(name string, status int, method, path, body string) reply {
	s.Helper()
	return s.wanted(status, method, "/api/v1"+path, s.signedIn(name), body)
}

// connection changes the provisioning client that the house talks SCIM with.
func (h *house) connection(members string) {
	h.Helper()
	h.control(h.T, "PUT", "/connections/default", `{"organization":"default","scopes":["*"],"dialect":"tolerant"`+members+`}`, &struct{}{})
}

// verdict is what a door said, in a form that is the same for all doors.
type verdict struct {
	status       int // 0 where the door does not tell
	code, detail string
	ok           bool
}

// door is one way by which somebody can be deactivated.
type door struct {
	name    string
	client  bool // of a provisioning client
	removes bool
	event   string
	knock   func(h *house, id string) verdict
}

const off = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`

func answered(r reply) verdict {
	v := verdict{status: r.status, code: r.header.Get("Usher-Error"), detail: r.at("detail"), ok: r.status < 300}
	if code := r.at("code"); code != "" {
		v.code = code
	}
	return v
}

func (h *house) try(method, path, token, body string) reply {
	h.Helper()
	got, err := h.call(method, "http://"+h.cfg.Listen+path, token, body)
	if err != nil {
		h.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// bulk sends one operation in a bulk request and gives its own outcome.
func (h *house) bulk(method, id, data string) verdict {
	h.Helper()
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"` + method + `","path":"/Users/` + id + `"` + data + `}]}`
	got := h.prov(200, "POST", "/Bulk", body, "Prefer: error-extension")
	v := verdict{detail: got.at("Operations/0/response/detail"), code: got.at("Operations/0/response/urn:ietf:params:scim:api:messages:usher:2.0:Error/code")}
	_, _ = fmt.Sscan(got.at("Operations/0/status"), &v.status) // a text that is no number leaves 0
	v.ok = v.status >= 200 && v.status < 300
	return v
}

// whole is the body of a PUT that changes nothing but active.
func (h *house) whole(id string) string {
	u := h.user(id)
	doc, _ := u.doc.(map[string]any)
	kind := ""
	if _, set := doc["userType"]; set {
		kind = fmt.Sprintf(`,"userType":%q`, u.at("userType"))
	}
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"emails":%s%s,"active":false}`, u.at("userName"), u.at("emails"), kind)
}

// doors are all ways of a deactivation that answer at once. The administrator's
// token may be replaced by that of a member.
func doors(token string) []door {
	return []door{
		{"PATCH", true, false, "user.deactivate", func(h *house, id string) verdict {
			return answered(h.try("PATCH", "/scim/v2/Users/"+id, secret, off))
		}},
		{"PUT", true, false, "user.deactivate", func(h *house, id string) verdict {
			return answered(h.try("PUT", "/scim/v2/Users/"+id, secret, h.whole(id)))
		}},
		{"DELETE", true, true, "user.delete", func(h *house, id string) verdict {
			return answered(h.try("DELETE", "/scim/v2/Users/"+id, secret, ""))
		}},
		{"Bulk PATCH", true, false, "user.deactivate", func(h *house, id string) verdict { return h.bulk("PATCH", id, `,"data":`+off) }},
		{"Bulk PUT", true, false, "user.deactivate", func(h *house, id string) verdict { return h.bulk("PUT", id, `,"data":`+h.whole(id)) }},
		{"Bulk DELETE", true, true, "user.delete", func(h *house, id string) verdict { return h.bulk("DELETE", id, "") }},
		{"admin deactivate", false, false, "user.deactivate", func(h *house, id string) verdict {
			return answered(h.try("POST", "/api/v1/users/"+id+"/deactivate", token, "{}"))
		}},
		{"admin deactivate many", false, false, "user.deactivate", func(h *house, id string) verdict {
			got := h.try("POST", "/api/v1/users/deactivate", token, `{"ids":["`+id+`"]}`)
			const d = "items/0/decision/"
			return verdict{code: got.at(d + "code"), detail: got.at(d + "detail"), ok: got.at(d+"done") == "true"}
		}},
		{"admin DELETE", false, true, "user.delete", func(h *house, id string) verdict {
			return answered(h.try("DELETE", "/api/v1/users/"+id, token, ""))
		}},
	}
}

// all that could be changed by a deactivation.
func (h *house) snapshot(id string) string {
	h.Helper()
	u := h.user(id)
	out := []string{u.header.Get("ETag"), u.text}
	for _, path := range []string{"/records?user=" + id, "/subscriptions?user=" + id, "/assignments?user=" + id, "/users/" + id + "/departures",
		"/integrations?user=" + id, "/addresses", "/cases", "/extension-grants?user=" + id} {
		out = append(out, h.api(200, "GET", path, "").text)
	}
	return strings.Join(out, "\n")
}

// refusedEverywhere knocks at doors, wants the same refusal at each, and nothing
// changed.
func (h *house) refusedEverywhere(all []door, id string, status int, code, detail string) {
	h.Helper()
	before := h.snapshot(id)
	for _, d := range all {
		event := "user.deactivate.refused"
		if d.event == "user.update" {
			event = "user.update.refused"
		}
		events := h.audited(event, id)
		got := d.knock(h, id)
		if got.ok || got.status != 0 && got.status != status || got.code != code || got.detail != detail {
			h.Errorf("%s: %+v, want %d %s %q", d.name, got, status, code, detail)
		}
		if h.try("GET", "/scim/v2/Users/"+id, secret, "").status != 200 {
			h.Fatalf("%s: the person is gone", d.name)
		}
		if after := h.snapshot(id); after != before {
			h.Errorf("%s: the refusal changed something\nbefore %s\nafter  %s", d.name, before, after)
		}
		if n := h.audited(event, id); n != events+1 {
			h.Errorf("%s: %d refusals are audited, want %d", d.name, n, events+1)
		}
	}
}

func byClient(all []door, is bool) (some []door) {
	for _, d := range all {
		if d.client == is {
			some = append(some, d)
		}
	}
	return some
}

// G1, G3, G4, G7 (S0-1, S0-16, S1-4, S1-20): the guards that ask about the state of
// things say the same at every door, and a refusal alters nothing.
func TestStateGuardsAtEveryDoor(t *testing.T) {
	t.Parallel()
	for _, guard := range []struct {
		name, code, detail string
		set                func(h *house, id string) (clear func())
	}{
		{"G1 integration", "deactivation.integration", "Status cannot be changed. User's credentials are used for integration with Zoho CRM.", func(h *house, id string) func() {
			i := h.api(201, "POST", "/integrations", `{"app":"books","appName":"Zoho Books","peerApp":"crm","peerAppName":"Zoho CRM","owner":"`+id+`","enabled":true}`).at("id")
			return func() { h.api(204, "DELETE", "/integrations/"+i, "") }
		}},
		{"G3 leader of one team", "deactivation.team_leader", "ada@example.com leads the team Sales; remove them from the teams they lead first.", func(h *house, id string) func() {
			team := h.api(201, "POST", "/teams", `{"name":"Sales","leader":"`+id+`"}`).at("id")
			return func() { h.api(200, "PATCH", "/teams/"+team, `{"leader":""}`) }
		}},
		{"G4 last administrator of an application", "deactivation.last_admin", "At least one administrator is required in Zoho Books", func(h *house, id string) func() {
			h.api(200, "PUT", "/applications/books", `{"name":"Zoho Books","minAdmins":1}`)
			h.api(200, "PUT", "/applications/books/assignments/"+id, `{"role":"admin"}`)
			return func() {
				h.api(200, "PUT", "/applications/books/assignments/"+h.person("dot@example.com"), `{"role":"admin"}`)
			}
		}},
		{"G4 owner of an application", "deactivation.app_owner", "ada@example.com owns the application Zoho Desk; transfer its ownership first.", func(h *house, id string) func() {
			h.api(200, "PUT", "/applications/desk", `{"name":"Zoho Desk","owner":"`+id+`"}`)
			return func() { h.api(200, "PUT", "/applications/desk", `{"name":"Zoho Desk"}`) }
		}},
		{"G7 nobody to receive the records", "deactivation.no_transferee", "The person has open records and no team with an active leader to receive them; name somebody in transferRecordsTo.", func(h *house, id string) func() {
			rec := h.api(201, "POST", "/records", `{"type":"opportunity","owner":"`+id+`","open":true}`).at("id")
			return func() {
				h.api(200, "PUT", "/records/"+rec, `{"type":"opportunity","owner":"`+id+`","open":false}`)
			}
		}},
	} {
		t.Run(guard.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			id := h.person("ada@example.com")
			h.api(201, "POST", "/subscriptions", `{"user":"`+id+`","plan":"gold","active":true}`)
			clear := guard.set(h, id)
			h.refusedEverywhere(doors(adminSecret), id, 409, guard.code, guard.detail)
			clear()
			h.setActive(200, id, false)
			if h.standing(id) != "inactive" {
				t.Error("the deactivation should succeed once nothing is in the way")
			}
		})
	}
}

// G2 (S1-3, S1-21): nobody deactivates somebody above them; the same rank may, and
// customers have no rank.
func TestHigherRoleAtEveryDoor(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	h := s.house
	head := h.person("head@example.com", `,"displayName":"Head"`)
	low, equal := h.person("low@example.com"), h.person("equal@example.com")
	h.api(200, "PUT", "/users/"+head+"/standing", `{"rank":500}`)
	h.api(200, "PUT", "/users/"+low+"/standing", `{"role":"admin","rank":499}`)
	h.api(200, "PUT", "/users/"+equal+"/standing", `{"role":"admin","rank":500}`)
	h.connection(`,"rankCeiling":499`)
	const text = "Head has a higher role than you; ask somebody of at least the same rank."
	h.refusedEverywhere(append(doors(s.signedIn("low@example.com")), dated(s.signedIn("low@example.com"))...), head, 403, "deactivation.higher_role", text)
	s.as("equal@example.com", 200, "POST", "/users/"+head+"/deactivate", `{"reactivateOnPurchase":true}`)
	h.refusedToReturn(head, text)
	h.connection(`,"rankCeiling":500`)
	h.setActive(200, head, true)
	customer := h.person("customer@example.com", `,"userType":"customer"`)
	h.api(200, "PUT", "/users/"+customer+"/standing", `{"rank":899}`)
	h.setActive(200, customer, false)
}

// refusedToReturn wants the rank to guard the way back as well.
func (h *house) refusedToReturn(id, detail string) {
	h.Helper()
	got := h.setActive(403, id, true)
	h.same(got, "detail", detail)
	if h.standing(id) != "inactive" {
		h.Error("a refused activation let somebody in")
	}
}

// G5, K61 (S1-21, S2-17): the last administrator and the owner of the organization
// stay until somebody else has the office.
func TestOwnerAndLastAdminAtEveryDoor(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	h := s.house
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	h.api(200, "PUT", "/users/"+ada+"/standing", `{"role":"admin","rank":1}`)
	const last = "At least one administrator is required in the organization; make somebody else an administrator first."
	h.refusedEverywhere(doors(adminSecret), ada, 409, "deactivation.last_admin", last)
	h.api(200, "PUT", "/settings", `{"selfClose":true,"undoMinutes":30}`)
	h.api(200, "GET", "/users/"+ada+"/export", "") // S3-29: nor can they close their account
	h.same(h.api(409, "POST", "/users/"+ada+"/close", `{"confirm":"ada@example.com"}`), "code", "deactivation.last_admin")
	h.api(200, "PUT", "/users/"+bob+"/standing", `{"role":"admin","rank":1}`)
	h.api(200, "POST", "/users/"+bob+"/suspend", "")
	h.same(h.setActive(409, ada, false), "detail", last) // who is frozen holds no office
	h.api(200, "POST", "/users/"+bob+"/resume", "")
	h.setActive(200, ada, false)
	h.setActive(200, ada, true)
	h.api(200, "POST", "/organization/owner", `{"to":"`+ada+`"}`)
	const owner = "The owner of the organization cannot be deactivated; transfer the ownership first."
	h.refusedEverywhere(append(doors(adminSecret), dated(adminSecret)...), ada, 409, "deactivation.org_owner", owner)
	h.same(h.api(409, "POST", "/users/"+ada+"/close", `{"confirm":"ada@example.com"}`), "code", "deactivation.org_owner")
	h.same(h.api(403, "POST", "/organization/owner", `{"to":"`+bob+`"}`), "code", "permission.denied")
	time.Sleep(1100 * time.Millisecond) // access tokens tell time in seconds
	s.as("ada@example.com", 200, "POST", "/organization/owner", `{"to":"`+bob+`"}`)
	h.setActive(200, ada, false)
	h.refusedEverywhere(doors(adminSecret), bob, 409, "deactivation.org_owner", owner)
}

// G6 (S1-21): nobody deactivates themselves at the doors of administrators.
func TestSelfAtEveryDoor(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	ada, bob := s.person("ada@example.com"), s.person("bob@example.com")
	for _, id := range []string{ada, bob} {
		s.api(200, "PUT", "/users/"+id+"/standing", `{"role":"admin","rank":1}`)
	}
	hers := s.signedIn("ada@example.com")
	s.refusedEverywhere(byClient(append(doors(hers), dated(hers)...), false), ada, 403, "deactivation.self",
		"You cannot deactivate yourself; another administrator of the organization can.")
	s.as("bob@example.com", 200, "POST", "/users/"+ada+"/deactivate", "{}")
}

// G8, K62: a client that deactivates too many is held at each of its doors, until an
// administrator lets it pass; administrators are not held.
func TestBrakeAtEveryDoor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"language":"en","undoMinutes":30,"selfClose":false,"retentionDays":30,"brake":{"percent":20,"count":2,"minutes":10}}`)
	var ids []string
	for i := range 10 {
		ids = append(ids, h.person(fmt.Sprintf("p%d@example.com", i)))
	}
	h.setActive(200, ids[0], false)
	h.prov(204, "DELETE", "/Users/"+ids[1], "")
	const text = "This connection has deactivated more than 20 % of the active people within 10 minutes, so this deactivation is held; an administrator can allow it, and the next attempt succeeds."
	h.refusedEverywhere(byClient(doors(adminSecret), true), ids[2], 403, "safeguard.mass_deactivation", text)
	h.setActive(200, ids[0], false) // nothing happens to who is inactive
	for i, d := range byClient(doors(adminSecret), false) {
		if got := d.knock(h, ids[3+i]); !got.ok {
			t.Errorf("%s is held: %+v", d.name, got)
		}
	}
	h.api(200, "PUT", "/brake-releases/default", `{"until":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	h.setActive(200, ids[2], false)
	h.api(204, "DELETE", "/brake-releases/default", "")
	h.same(h.setActive(403, ids[9], false), "detail", text)
	h.connection(`,"onBlocked":"contain"`)
	h.setActive(403, ids[9], false)
	if h.standing(ids[9]) != "active" {
		t.Error("what a client may not do must not be contained")
	}
}

// K62: where the organization asks for it, who is held loses sessions and tokens at
// once, though not the account.
func TestBrakeRevokes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	brake := func(more string) {
		h.api(200, "PUT", "/settings", `{"language":"en","undoMinutes":30,"selfClose":false,"retentionDays":30,"brake":{"percent":20,"count":0,"minutes":10`+more+`}}`)
	}
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	session := func(id string) string {
		return h.api(201, "POST", "/users/"+id+"/credentials", `{"kind":"session"}`).at("secret")
	}
	hers, his := session(ada), session(bob)
	brake("")
	h.setActive(403, ada, false)
	if h.alive(hers) != "true" {
		t.Error("a held deactivation ended a session unasked")
	}
	brake(`,"revoke":true`)
	h.same(h.setActive(403, ada, false, "Prefer: error-extension"), extension+"/contained", "false")
	if h.alive(hers) != "false" || h.alive(his) != "true" {
		t.Error("a held deactivation must end the sessions of whom it is about, and no other's")
	}
	if h.standing(ada) != "active" || h.alive(session(ada)) != "true" {
		t.Error("who is held may sign in again")
	}
	if n := h.audited("credentials.revoke", ada); n != 1 {
		t.Errorf("%d events tell of it", n)
	}
}

// keys are all that may let one person in.
type keys struct {
	*staffed
	name    string
	secrets map[string]string
	invited string
}

// keysOf gives a person one credential of each kind.
func (s *staffed) keysOf(id, name string) *keys {
	s.Helper()
	k := &keys{s, name, map[string]string{"issuer": s.signedIn(name)}, s.api(200, "POST", "/users/"+id+"/invite", "").at("token")}
	for _, kind := range []string{"session", "access", "refresh", "apiKey", "reset"} {
		k.secrets[kind] = s.api(201, "POST", "/users/"+id+"/credentials", `{"kind":"`+kind+`"}`).at("secret")
	}
	return k
}

func (h *house) alive(token string) string {
	h.Helper()
	return h.api(200, "POST", "/introspect", "token="+token, "Content-Type: application/x-www-form-urlencoded").at("active")
}

// all wants every credential alive, or every one dead.
func (k *keys) all(when, want string) {
	k.Helper()
	for kind, one := range k.secrets {
		if got := k.alive(one); got != want {
			k.Errorf("%s, %s: the %s is active=%s, want %s", k.name, when, kind, got, want)
		}
	}
	if want == "false" {
		got := k.try("POST", "/api/v1/invitations/accept", adminSecret, `{"organization":"default","token":"`+k.invited+`"}`)
		if got.status != 403 || got.at("code") != "invitation.invalid" {
			k.Errorf("%s, %s: the invitation answers %d %s", k.name, when, got.status, got.text)
		}
	}
}

// K59, S1-9, S1-10, S1-26: every way of a deactivation ends every kind of credential at
// once, is audited once, and no credential comes back to life with its person.
func TestEveryDoorEndsEveryCredential(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	ways := append(doors(adminSecret),
		door{"schedule", true, false, "user.deactivate", func(h *house, id string) verdict {
			h.prov(200, "PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"`+usherUser+`:terminationDate","value":"2020-01-31"}]}`)
			for range 100 {
				if h.standing(id) == "inactive" {
					return verdict{ok: true}
				}
				time.Sleep(100 * time.Millisecond)
			}
			return verdict{detail: "the day has come and nothing happened"}
		}},
		door{"contained", true, false, "user.deactivate", func(h *house, id string) verdict {
			i := h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+id+`","enabled":true}`).at("id")
			h.connection(`,"onBlocked":"contain"`)
			defer h.connection("")
			refused := answered(h.try("PATCH", "/scim/v2/Users/"+id, secret, off))
			if refused.status != 409 || h.standing(id) != "suspended" {
				return refused
			}
			h.api(204, "DELETE", "/integrations/"+i, "")
			return answered(h.try("PATCH", "/scim/v2/Users/"+id, secret, off))
		}},
		door{"close", false, true, "user.close", func(h *house, id string) verdict {
			name := h.user(id).at("userName")
			h.api(200, "GET", "/users/"+id+"/export", "")
			return answered(h.try("POST", "/api/v1/users/"+id+"/close", adminSecret, `{"confirm":"`+name+`"}`))
		}})
	for i, way := range ways {
		name := fmt.Sprintf("p%d@elsewhere.example", i) // outside the verified domain, so that there is an invitation
		id := s.person(name)
		k := s.keysOf(id, name)
		k.all(way.name+" before", "true")
		if got := way.knock(s.house, id); !got.ok {
			t.Fatalf("%s: %+v", way.name, got)
		}
		k.all(way.name+" at once", "false")
		doors(adminSecret)[0].knock(s.house, id) // again: nothing happens
		for _, event := range []string{"user.deactivate", "user.delete", "user.close"} {
			want := 0
			if event == way.event {
				want = 1
			}
			if n := s.audited(event, id); n != want {
				t.Errorf("%s: %d events %s, want %d", way.name, n, event, want)
			}
		}
		s.comesBack(way, k, id)
	}
}

// comesBack lets a person in again and wants only new credentials to be good.
func (s *staffed) comesBack(way door, k *keys, id string) {
	s.Helper()
	switch {
	case way.event == "user.close":
		got := s.prov(403, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+k.name+`"}`)
		if got.header.Get("Usher-Error") != "account.closed" {
			s.Errorf("S3-29: %s", got.text)
		}
		k.all(way.name+" in the end", "false")
		return
	case way.removes:
		id = s.api(201, "POST", "/users", `{"email":"`+k.name+`","sendInvitation":false}`).at("person/id")
	default:
		s.api(200, "POST", "/users/"+id+"/activate", "")
	}
	if s.standing(id) != "active" {
		s.Errorf("%s: S1-16: not active after the activation", way.name)
	}
	k.all(way.name+" after the return", "false")
	fresh := s.api(201, "POST", "/users/"+id+"/credentials", `{"kind":"session"}`).at("secret")
	if s.alive(fresh) != "true" {
		s.Errorf("%s: S1-16: a new session does not work", way.name)
	}
}
