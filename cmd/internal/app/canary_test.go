package app_test

import (
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/config"
)

// told is all that the server says of itself: the audit, the outbox, the metrics and
// the log.
func (h *house) told() string {
	h.Helper()
	audit, outbox := h.api(200, "GET", "/audit?limit=200", "").text, h.api(200, "GET", "/outbox?limit=200", "").text
	if !strings.Contains(audit, "user.create") || !strings.Contains(outbox, "user.create") {
		h.Error("nothing is audited, or nothing is to be sent: the test would prove nothing")
	}
	return audit + outbox + h.metrics(h.T) + h.logs.text()
}

func debugging(cfg *config.Config) { cfg.Log.Level = slog.LevelDebug }

// K30: a password that a provider sends is taken and is nowhere: not in an answer, the
// audit, the outbox, the log or the files, whatever the request.
func TestK30PasswordIsNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, debugging)
	const canary = "Kanarien-Vogel"
	const head = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com","password":"` + canary
	var said []string
	made := h.prov(201, "POST", "/Users", head+`1"}`)
	ada := made.at("id")
	bulk := func(method, path, data string) reply {
		return h.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"`+method+`","path":"`+path+`","bulkId":"1","data":`+data+`}]}`)
	}
	for _, got := range []reply{made,
		h.prov(200, "PUT", "/Users/"+ada, head+`2"}`),
		h.prov(200, "PATCH", "/Users/"+ada, patchHead+`[{"op":"replace","path":"password","value":"`+canary+`3"}]}`),
		h.prov(200, "PATCH", "/Users/"+ada, patchHead+`[{"op":"replace","value":{"password":"`+canary+`4"}}]}`),
		h.prov(200, "PATCH", "/Users/"+ada, patchHead+`[{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:password","value":"`+canary+`5"},{"op":"replace","path":"title","value":"t"}]}`),
		bulk("PUT", "/Users/"+ada, head+`6"}`), bulk("PATCH", "/Users/"+ada, patchHead+`[{"op":"replace","path":"password","value":"`+canary+`7"}]}`),
		bulk("POST", "/Users", strings.Replace(head, "ada@", "bob@", 1)+`8"}`),
		h.prov(409, "POST", "/Users", head+`9"}`),
		h.prov(200, "GET", "/Users/"+ada, ""), h.prov(200, "GET", "/Users?attributes=password,userName", ""), h.prov(200, "GET", "/Users", ""), h.prov(200, "GET", "/Schemas", ""),
		h.prov(400, "GET", "/Users?filter=password%20sw%20%22"+canary+"%22", ""),
	} {
		said = append(said, got.text)
	}
	if h.api(200, "POST", "/passwords/check", `{"email":"ada@example.com","password":"`+canary+`1"}`).at("ok") != "false" {
		t.Error("the password that a provider sent opens the door")
	}
	said = append(said, h.told(), h.api(200, "GET", "/users/"+ada, "").text)
	h.stop(t, 20*time.Second)
	for _, text := range append(said, h.logs.text()) {
		if strings.Contains(strings.ToLower(text), strings.ToLower(canary)) {
			t.Errorf("the password is in %.2000s", text)
		}
	}
	onFile(t)
	notInFiles(t, h.cfg.Data, canary)
}

// K16: a token, an administrator's token, a session and an invitation are shown once,
// and are in no audit, outbox, metric or log, in no file of the store, and in no
// backup, in any of the ways to write them.
func TestK16SecretsAreNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, debugging)
	ada := h.person("ada@example.com")
	var scim, admin struct{ Secret string }
	h.control(t, "POST", "/tokens", `{"connection":"default"}`, &scim)
	h.control(t, "POST", "/tokens", `{"organization":"default","admin":true}`, &admin)
	session := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`, "Idempotency-Key: k").at("secret")
	invitation := h.api(200, "POST", "/users/"+ada+"/invite", "", "Idempotency-Key: k").at("token")
	h.wanted(200, "GET", "/scim/v2/Users", scim.Secret, "") // each is used, well and badly
	h.wanted(401, "GET", "/scim/v2/Users", scim.Secret+"x", "")
	h.wanted(401, "GET", "/scim/v2/Users?access_token="+scim.Secret, "", "")
	h.wanted(200, "GET", "/api/v1/users", admin.Secret, "")
	h.wanted(401, "GET", "/scim/v2/Users", admin.Secret[:len(admin.Secret)-1], "")
	h.api(200, "POST", "/introspect", "token="+session, "Content-Type: application/x-www-form-urlencoded")
	h.accept(200, invitation, "")
	h.accept(403, invitation, "")
	var secrets []string
	for _, one := range []string{scim.Secret, admin.Secret, session, invitation, secret, adminSecret} {
		if len(one) < 20 {
			t.Fatalf("%q is no secret", one)
		}
		core := one[strings.LastIndexAny(one[:len(one)-8], "_-")+1:] // what is random in it
		secrets = append(secrets, core, hex.EncodeToString([]byte(one)), base64.StdEncoding.EncodeToString([]byte(one)), base64.RawURLEncoding.EncodeToString([]byte(one)))
	}
	said := h.told()
	for _, path := range []string{"/users/" + ada + "/credentials", "/invitations", "/audit?limit=200", "/openapi.json"} {
		said += h.api(200, "GET", path, "").text
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if h.cfg.Store.URI == "" {
		h.control(t, "POST", "/backup", `{"path":"`+backup+`"}`, &struct{}{})
	}
	h.notIn(said, secrets)
	if h.cfg.Store.URI == "" {
		notInFiles(t, h.cfg.Data, secrets...) // while the log of the store is not folded
		notInFiles(t, filepath.Dir(backup), secrets...)
	}
	h.stop(t, 20*time.Second)
	h.notIn(h.logs.text(), secrets)
	onFile(t)
	notInFiles(t, h.cfg.Data, secrets...)
}

func (h *house) notIn(text string, secrets []string) {
	h.Helper()
	for _, one := range secrets {
		if at := strings.Index(text, one); at >= 0 {
			h.Errorf("K16: a secret is told: %s", text[max(0, at-200):min(len(text), at+60)])
		}
	}
}

// K03: what belongs to another organization is answered, wherever it is named, as what
// is nowhere; and nothing of that organization changes.
func TestK03ReferencesOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := h.tenant(t, "b")
	theirAdmin := h.adminOf("b")
	theirs := h.inOrg(201, other, "POST", "/Users", `{"userName":"theirs@example.com"}`).at("id")
	crew := h.inOrg(201, other, "POST", "/Groups", `{"displayName":"crew","members":[{"value":"`+theirs+`"}]}`).at("id")
	ada := h.person("ada@example.com")
	h.opportunity(ada)
	staff := h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"staff"}`).at("id")
	team := h.team("Sales", ada, 1)
	made := h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+ada+`","enabled":true}`).at("id")
	h.api(200, "PUT", "/applications/books", `{"name":"Books"}`)
	stored := func() string {
		var all string
		for _, path := range []string{"/Users", "/Groups"} {
			all += h.inOrg(200, other, "GET", path, "").text + h.prov(200, "GET", path, "").text
		}
		for _, path := range []string{"/records", "/integrations", "/teams", "/assignments", "/subscriptions"} {
			all += h.api(200, "GET", path, "").text + h.wanted(200, "GET", "/api/v1"+path, theirAdmin, "").text
		}
		return all
	}
	const group = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"x","members":[{"value":"{}"}]}`
	const enterprise = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
	bulk := func(method, path, data string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"` + method + `","path":"` + path + `","bulkId":"1","data":` + data + `}]}`
	}
	before := stored()
	for _, c := range []struct {
		name, method, path, body string
		socket                   bool // as an import sends it
	}{
		{"a member", "POST", "/scim/v2/Groups", group, false},
		{"a member added", "PATCH", "/scim/v2/Groups/" + staff, patchHead + `[{"op":"add","path":"members","value":[{"value":"{}"}]}]}`, false},
		{"a member removed", "PATCH", "/scim/v2/Groups/" + staff, patchHead + `[{"op":"remove","path":"members[value eq \"{}\"]"}]}`, false},
		{"a member by PUT", "PUT", "/scim/v2/Groups/" + staff, group, false},
		{"a member by Bulk", "POST", "/scim/v2/Bulk", bulk("POST", "/Groups", group), false},
		{"a target of Bulk", "POST", "/scim/v2/Bulk", bulk("PATCH", "/Users/{}", patchHead+`[{"op":"replace","path":"title","value":"x"}]}`), false},
		{"a removal by Bulk", "POST", "/scim/v2/Bulk", bulk("DELETE", "/Users/{}", "null"), false},
		{"a member of an import", "POST", "/scim/v2/Groups", group, true},
		{"transferRecordsTo", "PATCH", "/scim/v2/Users/" + ada, patchHead + `[{"op":"replace","path":"` + usherUser + `:transferRecordsTo","value":"{}"}]}`, false},
		{"transferRecordsTo of somebody new", "POST", "/scim/v2/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"new@example.com","` + usherUser + `":{"transferRecordsTo":"{}"}}`, false},
		{"transferRecordsTo on the way out", "PATCH", "/scim/v2/Users/" + ada, patchHead + `[{"op":"replace","value":{"active":false,"` + usherUser + `":{"transferRecordsTo":"{}"}}}]}`, false},
		{"transferTo", "POST", "/api/v1/users/" + ada + "/deactivate", `{"transferTo":"{}"}`, false},
		{"the owner of a record", "POST", "/api/v1/records", `{"type":"opportunity","owner":"{}","open":true}`, false},
		{"who has a subscription", "POST", "/api/v1/subscriptions", `{"user":"{}","plan":"gold","active":true}`, false},
		{"the owner of an integration", "POST", "/api/v1/integrations", `{"app":"books","peerApp":"desk","owner":"{}","enabled":true}`, false},
		{"who takes one over", "POST", "/api/v1/integrations/" + made + "/take-ownership", `{"owner":"{}"}`, false},
		{"the leader of a team", "PATCH", "/api/v1/teams/" + team, `{"leader":"{}"}`, false},
		{"a member of a team", "PUT", "/api/v1/teams/" + team + "/members/{}", "", false},
		{"the owner of an application", "PUT", "/api/v1/applications/books", `{"name":"Books","owner":"{}"}`, false},
		{"who is given an application", "PUT", "/api/v1/applications/books/assignments/{}", `{"role":"user"}`, false},
		{"the owner of the organization", "POST", "/api/v1/organization/owner", `{"to":"{}"}`, false},
		{"who is deactivated", "POST", "/api/v1/users/{}/deactivate", "{}", false},
		{"who is deactivated among many", "POST", "/api/v1/users/deactivate", `{"ids":["{}"]}`, false},
		{"whose standing it is", "PUT", "/api/v1/users/{}/standing", `{"role":"admin","rank":1}`, false},
		{"a manager", "PATCH", "/scim/v2/Users/" + ada, patchHead + `[{"op":"replace","path":` + enterprise[:len(enterprise)-1] + `:manager","value":{"value":"{}"}}]}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask := func(id string) string {
				path, body := strings.ReplaceAll(c.path, "{}", id), strings.ReplaceAll(c.body, "{}", id)
				var got reply
				if c.socket {
					got = (&crowd{house: h}).socket(c.method, path, body, "Usher-Organization: default")
				} else {
					got = h.try(c.method, path, map[bool]string{true: adminSecret, false: secret}[strings.HasPrefix(path, "/api/")], body)
				}
				if c.name != "a manager" && got.status < 300 && !strings.Contains(got.text, `"status":"4`) && !strings.Contains(got.text, `"allowed":false`) && c.name != "a member removed" {
					t.Errorf("%s is accepted: %d %s", id, got.status, got.text)
				}
				if strings.Contains(got.text, "theirs@") || strings.Contains(got.text, "crew") {
					t.Errorf("the other organization shows in %s", got.text)
				}
				return lasting(strings.ReplaceAll(got.text, id, "{}"))
			}
			nowhere := ask("00000000-0000-7000-8000-00000000dead")
			for _, id := range []string{theirs, crew} {
				if got := ask(id); got != nowhere {
					t.Errorf("the answer is %s, for nobody's id %s", got, nowhere)
				}
			}
		})
	}
	for _, id := range []string{theirs, "00000000-0000-7000-8000-00000000dead"} {
		h.same(h.api(201, "POST", "/plans", `{"verb":"deactivate","ids":["`+id+`"]}`), "items/0/detail", "There is nothing of that name here.")
	}
	h.patchUser(200, ada, `{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"}`) // which may be unknown here
	if after := stored(); lasting(after) != lasting(before) {
		t.Errorf("what is stored changed from\n%s\nto\n%s", before, after)
	}
}

// passing is what differs between two answers, or two records, of the same content.
var passing = regexp.MustCompile(`W/\\?"\d+\\?"|"requestId":"[^"]*"|"digest":"[^"]*"|"version":\d+|/problems/[0-9a-f-]{36}|\d{4}-\d\d-\d\dT[0-9:.]+Z`)

func lasting(text string) string { return passing.ReplaceAllString(text, "") }
