package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth/oidc/oidctest"
	"github.com/usher-scim/usher/config"
)

// signIn is a house whose members sign in with an issuer. Their tokens open the
// admin API as far as their role goes, and nothing of SCIM.
type signIn struct {
	*house
	issuer *oidctest.Issuer
}

// newSignIn starts a house with an issuer.
func newSignIn(t *testing.T) *signIn {
	t.Helper()
	issuer := oidctest.New()
	t.Cleanup(issuer.Close)
	h := newHouse(t, func(c *config.Config) {
		c.Issuers = []config.Issuer{{Issuer: issuer.URL, JWKSURL: issuer.JWKSURL(), Audience: []string{"usher"}, Algorithms: []string{"RS256"},
			Organization: "default", Connection: "console", ScopeClaim: "scope", AllowPrivate: true}}
		c.Store.Readers = 1 // who waits for a second snapshot waits for ever
	})
	h.control(t, "PUT", "/connections/console", `{"organization":"default","scopes":["*"],"dialect":"tolerant"}`, &struct{}{})
	return &signIn{h, issuer}
}

// as is an access token of a person, by userName or externalId.
func (s *signIn) as(subject string) string {
	return s.issuer.Token(map[string]any{"sub": subject, "scope": "openid profile"})
}

// ask asks the admin API with a token and wants a status.
func (s *signIn) ask(status int, token, method, path, body string) reply {
	s.Helper()
	return s.wanted(status, method, "/api/v1"+path, token, body)
}

// member adds a person of a verified domain, with a role and rank if given.
func (s *signIn) member(name, role string, rank int) string {
	s.Helper()
	id := s.person(name + "@corp.example")
	if role != "" || rank > 0 {
		s.api(200, "PUT", "/users/"+id+"/standing", fmt.Sprintf(`{"role":%q,"rank":%d}`, role, rank))
	}
	return id
}

// operations are those of the OpenAPI document: by id, the method and the path.
func (h *house) operations() map[string][2]string {
	h.Helper()
	doc := h.wanted(200, "GET", "/api/v1/openapi.json", "", "")
	all := map[string][2]string{}
	paths, _ := doc.doc.(map[string]any)["paths"].(map[string]any)
	for path, methods := range paths {
		for method, op := range methods.(map[string]any) {
			id, _ := op.(map[string]any)["operationId"].(string)
			if _, twice := all[id]; twice || id == "" {
				h.Errorf("%s %s has the operationId %q, which is missing or used twice", method, path, id)
			}
			all[id] = [2]string{strings.ToUpper(method), path}
		}
	}
	return all
}

// rows are the columns of domain 3.6: who may use the operations.
var rows = []struct {
	who string
	ops string
}{
	{"owner admin auditor administrator", `list-people get-person list-case get-case list-schedule get-schedule list-tombstone get-tombstone
		list-consent get-consent list-waiting get-waiting list-departures list-invitation get-invitation list-teams get-team list-application get-application list-assignment
		get-assignment list-integration get-integration list-record get-record list-subscription get-subscription list-purchase get-purchase
		list-credentials get-standing list-licences get-licence list-reservation get-reservation list-grant get-grant list-address get-address
		get-settings list-release get-release list-outbox get-problem`},
	{"owner admin administrator", `add-person edit-person remove-person deactivate-person activate-person suspend-person resume-person
		convert-person withdraw-person hold-person unhold-person invite-person invite-people deactivate-people activate-people undo-departure
		restore-departure put-release delete-release create-team edit-team delete-team put-application delete-application create-integration
		put-integration delete-integration create-record put-record delete-record put-licence delete-licence create-reservation release-reservation
		create-grant put-grant delete-grant create-subscription put-subscription delete-subscription tell-purchase block-address lift-address
		register-credential revoke-credential introspect check-password reset-password create-plan commit-plan get-plan list-plan
		approve-departure approve-lift approve-settings approve-freeze give-transfer unhold-tombstone list-domains claim-domain verify-domain release-domain put-settings put-standing`},
	{"owner", `transfer-ownership`}, // an admin only while there is none, below
	{"owner admin leader administrator", `add-team-member remove-team-member refuse-freeze`},
	{"leader", `accept-transfer decline-transfer request-freeze`}, // who received the records; who leads the person
	{"owner admin auditor leader administrator", `get-transfer`},
	{"owner admin appadmin administrator", `put-app-assignment`},
	{"appadmin administrator", `disable-integration take-integration`}, // the role that the fix needs
	{"owner admin auditor member appadmin leader administrator", `export-person close-account list-transfer list-freeze-requests`},
	{"owner admin auditor member appadmin leader", `get-own-consent give-consent withdraw-consent`}, // each for themselves
	{"owner admin auditor member appadmin leader administrator client", `list-audit`},               // a client with audit.own, its own calls
	{"owner admin auditor member appadmin leader administrator provisioning client nobody", `accept-invitation forgot-password complete-reset`},
}

// Domain 3.6, K17: every operation for every caller. An operation without a row
// fails, and so does a row without an operation.
func TestPermissionMatrix(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	ids, tokens := map[string]string{}, map[string]string{"provisioning": secret, "administrator": adminSecret, "nobody": "", "client": s.clientOf("default", "okta", "* audit.own", "")}
	for name, role := range map[string]string{"owner": "", "admin": "admin", "auditor": "auditor", "member": "", "appadmin": "", "leader": ""} {
		ids[name], tokens[name] = s.member(name, role, 0), s.as(name+"@corp.example")
	}
	s.api(200, "POST", "/organization/owner", `{"to":"`+ids["owner"]+`"}`)
	team := s.api(201, "POST", "/teams", `{"name":"Sales","leader":"`+ids["leader"]+`","members":["`+ids["leader"]+`"]}`).at("id")
	s.api(201, "POST", "/teams", `{"name":"Support","leader":"`+ids["leader"]+`","members":["`+ids["appadmin"]+`"]}`)
	s.ask(200, tokens["leader"], "PUT", "/users/"+ids["appadmin"]+"/freeze-request", "")
	gone := s.person("gone@corp.example")
	s.opportunity(gone)
	s.leavesTo(gone, ids["leader"])
	transfer := s.api(200, "GET", "/transfers", "").at("items/0/id")
	s.api(200, "PUT", "/applications/books", `{"name":"Books"}`)
	s.api(200, "PUT", "/applications/books/assignments/"+ids["appadmin"], `{"role":"admin"}`)
	integration := s.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+ids["appadmin"]+`","enabled":true,"fix":{"kind":"disable","roleNeeded":"books.admin"}}`).at("id")

	may := map[string][]string{}
	for _, row := range rows {
		for op := range strings.FieldsSeq(row.ops) {
			may[op] = strings.Fields(row.who)
		}
	}
	all := s.operations()
	for op := range may {
		if _, ok := all[op]; !ok {
			t.Errorf("the table has a row for %s, which does not exist", op)
		}
	}
	for _, op := range slices.Sorted(maps.Keys(all)) {
		allowed, ok := may[op]
		if !ok {
			t.Errorf("the operation %s has no row in the table; say who may use it", op)
			continue
		}
		for who, token := range tokens {
			id, user, body, query := "missing", "missing", `{}`, ""
			switch op {
			case "export-person", "close-account", "get-own-consent", "give-consent", "withdraw-consent":
				id = ids[who]
			case "add-team-member", "remove-team-member":
				id, user = team, ids["member"]
			case "put-app-assignment":
				user, body = ids["member"], `{"role":"user"}`
			case "disable-integration", "take-integration":
				id, body = integration, `{"owner":"`+ids["appadmin"]+`"}`
			case "transfer-ownership":
				body = `{"to":"` + ids["owner"] + `"}`
			case "accept-transfer", "decline-transfer", "give-transfer", "get-transfer":
				id, body = transfer, `{"to":"`+ids["leader"]+`"}`
			case "request-freeze", "approve-freeze", "refuse-freeze":
				id = ids["appadmin"]
			case "put-settings":
				body = `{"undoMinutes":-1}` // which nobody may set
			}
			if id == "" {
				id = ids["member"]
			}
			if strings.HasSuffix(op, "-freeze") || strings.HasSuffix(op, "-transfer") && all[op][0] != "GET" {
				query = "?preview=true" // so that it is there for everybody
			}
			path := strings.NewReplacer("{id}", id, "{user}", user, "{app}", "books", "{domain}", "missing.example", "{departure}", "missing").Replace(all[op][1])
			got, err := s.call(all[op][0], "http://"+s.cfg.Listen+"/api/v1"+path+query, token, body)
			if err != nil {
				t.Fatal(err)
			}
			s.permitted(got, op, who, slices.Contains(allowed, who))
		}
	}
	for who, id := range ids {
		s.same(s.user(id), "active", "true")
		want := map[string]string{"owner": "owner", "admin": "admin", "auditor": "auditor"}[who]
		s.same(s.api(200, "GET", "/users/"+id+"/standing", ""), "role", want)
	}
}

// permitted wants 401 of nobody, 403 of whoever may not, and neither of others.
func (s *signIn) permitted(got reply, op, who string, may bool) {
	s.Helper()
	code := got.at("code")
	switch {
	case may:
		if got.status == http.StatusUnauthorized || got.status == http.StatusForbidden || got.status >= 500 {
			s.Errorf("%s as %s: %d %s", op, who, got.status, got.text)
		}
	case who == "nobody":
		if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
			s.Errorf("%s as nobody: %d %s", op, got.status, got.text)
		}
	case got.status != http.StatusForbidden || code != "permission.denied" && code != "integration.role_needed":
		s.Errorf("%s as %s: %d %s, want 403", op, who, got.status, got.text)
	}
}

// Domain 3.6: what a member may, they may only where it is theirs.
func TestPermissionsEndAtOnesOwn(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	lead, ada, other := s.member("lead", "", 0), s.member("ada", "", 0), s.member("other", "", 0)
	mine := s.api(201, "POST", "/teams", `{"name":"Mine","leader":"`+lead+`","members":[]}`).at("id")
	theirs := s.api(201, "POST", "/teams", `{"name":"Theirs","leader":"`+other+`","members":[]}`).at("id")
	token := s.as("lead@corp.example")
	s.ask(204, token, "PUT", "/teams/"+mine+"/members/"+ada, "")
	s.ask(403, token, "PUT", "/teams/"+theirs+"/members/"+ada, "")
	s.ask(403, token, "PATCH", "/teams/"+mine, `{"leader":"`+ada+`"}`)
	s.same(s.api(200, "GET", "/teams/"+mine, ""), "members", `["`+ada+`"]`)
	s.same(s.api(200, "GET", "/teams/"+theirs, ""), "members", "")

	s.api(200, "PUT", "/applications/books", `{"name":"Books"}`)
	s.api(200, "PUT", "/applications/crm", `{"name":"CRM"}`)
	s.api(200, "PUT", "/applications/books/assignments/"+ada, `{"role":"admin"}`)
	token = s.as("ada@corp.example")
	s.ask(200, token, "PUT", "/applications/books/assignments/"+other, `{"role":"user"}`)
	s.ask(403, token, "PUT", "/applications/crm/assignments/"+other, `{"role":"user"}`)
	if n := s.api(200, "GET", "/assignments?user="+other, "").items(); n != 1 {
		t.Errorf("%d assignments, want 1", n)
	}

	// Of the audit, everybody sees what concerns themselves, and who administers an
	// application what concerns it.
	for _, one := range s.ask(200, token, "GET", "/audit?limit=200", "").list() {
		if text := fmt.Sprint(one); !strings.Contains(text, ada) {
			t.Errorf("ada sees %s", text)
		}
	}
	for _, one := range s.ask(200, token, "GET", "/audit?app=books", "").list() {
		if text := fmt.Sprint(one); !strings.Contains(text, "value:books") && !strings.Contains(text, "resource:books") {
			t.Errorf("the administrator of books sees %s", text)
		}
	}
	if n := s.ask(200, token, "GET", "/audit?app=books", "").items(); n != 3 {
		t.Errorf("%d events concern books, want its making and two assignments", n)
	}
	s.ask(403, token, "GET", "/audit?app=crm", "")
	s.ask(403, token, "GET", "/outbox", "")
	free := s.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+ada+`","enabled":true}`).at("id")
	s.ask(403, token, "POST", "/integrations/"+free+"/disable", `{}`)
	s.same(s.api(200, "GET", "/integrations/"+free, ""), "enabled", "true")

	const own = "This is for the person alone whose account it is."
	admin := s.member("admin", "admin", 10)
	for _, name := range []string{"ada", "admin"} {
		s.refused(s.ask(403, s.as(name+"@corp.example"), "GET", "/users/"+other+"/export", ""), "permission.denied", own)
		s.refused(s.ask(403, s.as(name+"@corp.example"), "POST", "/users/"+other+"/close", `{"confirm":"other@corp.example"}`), "permission.denied", own)
	}
	s.same(s.user(other), "active", "true")

	// Rank: no role and no rank above one's own (S1-3, K30), and never oneself out.
	token = s.as("admin@corp.example")
	boss := s.member("boss", "admin", 20)
	s.refused(s.ask(403, token, "POST", "/users/"+boss+"/deactivate", `{}`), "deactivation.higher_role", "boss@corp.example has a higher role than you; ask somebody of at least the same rank.")
	s.refused(s.ask(403, token, "POST", "/users/"+admin+"/deactivate", `{}`), "deactivation.self", "You cannot deactivate yourself; another administrator of the organization can.")
	s.ask(403, token, "PUT", "/users/"+boss+"/standing", `{"rank":0}`)
	s.ask(403, token, "PUT", "/users/"+admin+"/standing", `{"role":"admin","rank":11}`)
	s.ask(400, token, "PUT", "/users/"+admin+"/standing", `{"role":"owner"}`)
	s.same(s.api(200, "GET", "/users/"+boss+"/standing", ""), "rank", "20")
	s.same(s.api(200, "GET", "/users/"+admin+"/standing", ""), "rank", "10")

	// The first owner is made by an admin, the next one only by the owner (S2-17).
	s.ask(200, token, "POST", "/organization/owner", `{"to":"`+ada+`"}`)
	s.ask(403, token, "POST", "/organization/owner", `{"to":"`+admin+`"}`)
	s.ask(200, s.as("ada@corp.example"), "POST", "/organization/owner", `{"to":"`+boss+`"}`)
	s.same(s.api(200, "GET", "/users/"+ada+"/standing", ""), "role", "admin")
	s.same(s.api(200, "GET", "/users/"+boss+"/standing", ""), "role", "owner")
}

// K17: an administrator token and a member's token open nothing of SCIM, and a
// provisioning token nothing of the admin API.
func TestTokensStayOnTheirSide(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	s.member("admin", "admin", 10)
	for who, token := range map[string]string{"an administrator token": adminSecret, "a member": s.as("admin@corp.example")} {
		for _, path := range []string{"/Users", "/Groups"} {
			s.wanted(403, "GET", "/scim/v2"+path, token, "")
			if got := s.wanted(403, "POST", "/scim/v2"+path, token, `{"userName":"eve","displayName":"eve"}`); got.at("status") != "403" {
				t.Errorf("%s: %s", who, got.text)
			}
		}
	}
	s.same(s.prov(200, "GET", "/Users?count=0", ""), "totalResults", "1")
	refused := s.ask(403, secret, "GET", "/users", "")
	s.refused(refused, "permission.denied", "A provisioning token cannot be used here; make an administrator token with usher token create --admin.")
	s.ask(401, s.as("stranger@corp.example"), "GET", "/users", "")
	s.ask(401, s.issuer.Token(map[string]any{"sub": "admin@corp.example", "aud": "another"}), "GET", "/users", "")
	s.ask(401, s.issuer.Token(map[string]any{"sub": "admin@corp.example", "exp": time.Now().Add(-time.Hour).Unix()}), "GET", "/users", "")
}

// K17: a member gives credentials and powers only soon after signing in; whatever
// takes them away is not held up.
func TestPowersNeedAFreshSignIn(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	admin, ada := s.member("admin", "admin", 10), s.member("ada", "", 0)
	token := func(claims map[string]any) string {
		claims["sub"], claims["exp"] = "admin@corp.example", time.Now().Add(time.Hour).Unix()
		return s.issuer.Token(claims)
	}
	ago := func(minutes time.Duration) int64 { return time.Now().Add(-minutes * time.Minute).Unix() }
	fresh := token(map[string]any{"iat": ago(9)})
	for name, stale := range map[string]string{
		"an old token":                  token(map[string]any{"iat": ago(11)}),
		"a new token of an old sign-in": token(map[string]any{"iat": ago(0), "auth_time": ago(11)}),
	} {
		for _, c := range []struct{ method, path, body string }{
			{"POST", "/users/" + ada + "/credentials", `{"kind":"session"}`},
			{"PUT", "/users/" + ada + "/standing", `{"role":"admin","rank":1}`},
			{"POST", "/organization/owner", `{"to":"` + ada + `"}`},
		} {
			got := s.ask(401, stale, c.method, c.path, c.body)
			if got.at("code") != "reauthentication.required" || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="insufficient_user_authentication"`) || !strings.Contains(got.header.Get("WWW-Authenticate"), `max_age="600"`) {
				t.Errorf("%s, %s: %v %s", name, c.path, got.header, got.text)
			}
		}
		s.ask(200, stale, "GET", "/users/"+ada, "")
		id := s.ask(201, fresh, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("id")
		s.ask(204, stale, "DELETE", "/credentials/"+id, "")
	}
	s.ask(200, fresh, "PUT", "/users/"+ada+"/standing", `{"role":"auditor","rank":1}`)
	s.same(s.api(200, "GET", "/users/"+admin+"/standing", ""), "role", "admin")
}
