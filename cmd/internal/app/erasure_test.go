package app_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/chosen"
)

// everything is all that the store holds, in small letters, with what is packed in
// base64 unpacked beside it. What follows the changes when there is time, such as the
// index, is left out.
func (h *house) everything() string {
	h.Helper()
	read := h.wholeFile
	if chosen.Mongo() {
		read = h.wholeDatabase
	}
	all := read()
	for _, packed := range regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`).FindAll(all, -1) {
		if plain, err := base64.StdEncoding.DecodeString(string(packed)); err == nil {
			all = append(append(all, '\n'), plain...)
		}
	}
	return strings.ToLower(string(all))
}

func (h *house) wholeFile() (all []byte) {
	h.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.cfg.Data, "usher.db")+"?mode=ro")
	if err != nil {
		h.Fatal(err)
	}
	defer db.Close()
	column := func(query string) (list [][]byte) {
		rows, err := db.Query(query)
		if err != nil {
			h.Fatal(err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			h.Fatal(err)
		}
		cells, into := make([]sql.RawBytes, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				h.Fatal(err)
			}
			var line []byte
			for _, cell := range cells {
				line = append(append(line, cell...), '\n')
			}
			list = append(list, line)
		}
		if err := rows.Err(); err != nil {
			h.Fatal(err)
		}
		return list
	}
	for _, table := range column("SELECT name FROM sqlite_master WHERE type='table'") {
		name := strings.TrimSpace(string(table))
		if !slices.Contains([]string{"uniq", "term", "gram", "pending", "mark"}, name) {
			all = append(all, bytes.Join(column("SELECT * FROM "+name), nil)...)
		}
	}
	return all
}

func (h *house) wholeDatabase() (all []byte) {
	h.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(h.cfg.Store.URI))
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = client.Disconnect(h.Context()) }()
	place, err := url.Parse(h.cfg.Store.URI)
	if err != nil {
		h.Fatal(err)
	}
	db := client.Database(strings.TrimPrefix(place.Path, "/"))
	names, err := db.ListCollectionNames(h.Context(), bson.D{})
	if err != nil || len(names) == 0 {
		h.Fatal(names, err)
	}
	for _, name := range names {
		cursor, err := db.Collection(name).Find(h.Context(), bson.D{})
		if err != nil {
			h.Fatal(err)
		}
		for cursor.Next(h.Context()) {
			all = append(append(all, cursor.Current...), '\n')
		}
		if err := cursor.Err(); err != nil {
			h.Fatal(err)
		}
	}
	return all
}

// S3-20, S3-21, T11: before closing a person gets all that is kept about them, and
// after it nothing of theirs is left anywhere: neither name nor address, in the records
// of others, in kept answers, in the audit or in another organization. What must stay,
// such as a purchase, stays without them.
func TestS3ClosingLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.api(200, "PUT", "/settings", `{"selfClose":true}`)
	s.api(200, "PUT", "/licences/outlook", `{"purchased":5}`)
	s.api(200, "PUT", "/applications/crm", `{"name":"CRM","acceptsExternal":true}`)
	b := &elsewhere{s.house, s.tenant(t, "b"), s.adminOf("b")}
	boss := s.person("boss@corp.example")
	const address, add = "zelda@quartz.example", `{"givenName":"Zelda","familyName":"Quartz","email":"zelda@quartz.example"}`

	before := s.api(201, "POST", "/users", add).at("person/id")
	s.api(200, "DELETE", "/users/"+before, "") // an earlier record of theirs, and a block
	zelda := s.api(201, "POST", "/users", add, "Idempotency-Key: k1").at("person/id")
	s.accept(200, s.invite(zelda), "")
	s.api(409, "POST", "/users/"+zelda+"/invite", "", "Idempotency-Key: k2") // which names them
	team := s.team("North", boss, 1, boss, zelda)
	s.api(201, "POST", "/subscriptions", `{"user":"`+zelda+`","plan":"silver","active":true}`)
	s.patched(200, zelda, "emails", `[{"value":"`+address+`","primary":true},{"value":"Zelda+News@quartz.example"}]`)
	s.setActive(200, zelda, false)
	s.api(200, "POST", "/users/"+zelda+"/activate", "")
	s.patched(200, zelda, usherUser+":terminationDate", `"2099-01-31"`)
	s.prov(204, "PATCH", "/Groups/"+team, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"`+zelda+`"}]}]}`)
	s.api(201, "POST", "/records", `{"type":"ticket","owner":"`+zelda+`","open":true}`)
	s.api(201, "POST", "/purchases", `{"id":"p1","email":"`+address+`"}`, "Idempotency-Key: k3")
	s.api(201, "POST", "/purchases", `{"id":"p2","email":"ZELDA+shop@quartz.example"}`)
	s.api(200, "PUT", "/applications/crm/assignments/"+zelda, `{"role":"user"}`)
	s.api(201, "POST", "/extension-grants", `{"user":"`+zelda+`","extension":"outlook"}`)
	session := s.api(201, "POST", "/users/"+zelda+"/credentials", `{"kind":"session"}`).at("secret")
	plan := s.api(201, "POST", "/plans", `{"verb":"deactivate","ids":["`+boss+`","`+zelda+`"]}`).at("id")
	s.api(200, "POST", "/users/"+zelda+"/password-reset", "")
	s.api(200, "PUT", "/users/"+zelda+"/approval", "")
	s.api(200, "POST", "/addresses/block", `{"email":"Zelda+news@quartz.example","reason":"spam"}`)
	signedIn := time.Now().Add(5 * time.Second).Unix() // after the activation, in whole seconds
	s.wanted(200, "PATCH", "/scim/v2/Users/"+boss, s.issuer.Token(map[string]any{"sub": address, "scope": "users:read users:write", "iat": signedIn}),
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"Lead"}]}`)
	there := b.filled(address)

	mine := s.issuer.Token(map[string]any{"sub": address, "scope": "openid profile", "iat": signedIn})
	exported := s.ask(200, mine, "GET", "/users/"+zelda+"/export", "")
	for path, want := range map[string]string{"person/id": zelda, "groups/0/name": "North", "records/0/owner": zelda, "subscriptions/0/plan": "silver", "purchases/0/id": "p1", "purchases/1/id": "p2",
		"assignments/0/app": "crm", "extensions/0/extension": "outlook", "credentials/0/kind": "session", "invitation/state": "joined", "schedule/reason": "termination",
		"account/homeOrganization": "default", "standing/id": zelda, "departures/0/user": zelda, "addresses/0/reason": "spam", "audit/0/event/resource": zelda} {
		s.same(exported, path, want)
	}
	if strings.Contains(exported.text, session) || strings.Contains(exported.text, "argon2") || strings.Contains(exported.text, `"hash"`) {
		t.Error("S3-20: the export holds a secret")
	}
	if got := s.everything(); !strings.Contains(got, "zelda") || !strings.Contains(got, "quartz") {
		t.Fatal("the search does not find what is there")
	}
	s.same(s.ask(200, mine, "POST", "/users/"+zelda+"/close", `{"confirm":"`+address+`"}`), "done", "true")
	whole := s.everything()
	for _, trace := range []string{"zelda", "quartz"} {
		for from, n := 0, 0; n < 5; n++ {
			at := strings.Index(whole[from:], trace)
			if at < 0 {
				break
			}
			from += at + len(trace)
			t.Errorf("S3-21: %q is still there: …%q…", trace, whole[max(0, from-200):min(len(whole), from+200)])
		}
	}
	s.same(s.api(200, "GET", "/purchases/p1", ""), "outcome", "recorded")
	s.same(s.api(200, "GET", "/purchases/p1", ""), "email", "")
	s.same(s.api(200, "GET", "/plans/"+plan, ""), "items/1/id", zelda)
	s.same(s.api(200, "GET", "/plans/"+plan, ""), "items/0/name", "boss@corp.example")
	s.same(s.api(200, "GET", "/records?user="+boss, ""), "items/0/open", "true")
	s.same(s.api(200, "GET", "/teams/"+team, ""), "members/0", boss)
	for _, path := range []string{"/subscriptions", "/assignments", "/extension-grants"} {
		s.same(s.api(200, "GET", path+"?user="+zelda, ""), "items", "[]")
	}
	b.empty(there)
	if got := s.api(403, "POST", "/users", add, "Idempotency-Key: k1"); got.header.Get("Idempotency-Replayed") != "" {
		t.Error("S3-21: the answer that held the person is still there")
	}
}

// elsewhere is another organization that has the person too.
type elsewhere struct {
	*house
	scim, admin string
}

// filled gives the person there what is kept about people.
func (b *elsewhere) filled(address string) string {
	b.Helper()
	id := b.inOrg(201, b.scim, "POST", "/Users", `{"userName":"`+address+`","displayName":"Zelda Quartz"}`).at("id")
	b.theirs(200, b.admin, "POST", "/users/"+id+"/invite", "")
	b.theirs(201, b.admin, "POST", "/subscriptions", `{"user":"`+id+`","plan":"gold","active":true}`)
	b.theirs(201, b.admin, "POST", "/purchases", `{"id":"p1","email":"`+address+`"}`)
	b.theirs(201, b.admin, "POST", "/plans", `{"verb":"deactivate","ids":["`+id+`"]}`)
	return id
}

// empty wants nothing of that left.
func (b *elsewhere) empty(id string) {
	b.Helper()
	b.inOrg(404, b.scim, "GET", "/Users/"+id, "")
	b.same(b.theirs(200, b.admin, "GET", "/subscriptions", ""), "items", "[]")
	b.same(b.theirs(200, b.admin, "GET", "/invitations", ""), "items", "[]")
}

// S3-20: the lists of an export of which there is nothing are empty, not missing.
func TestS3AnExportOfNobodyMuch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account("ada@mail.example", "")
	ada := h.person("ada@mail.example")
	got := h.api(200, "GET", "/users/"+ada+"/export", "")
	for _, list := range []string{"groups", "records", "subscriptions", "purchases", "addresses", "assignments", "extensions", "credentials", "departures", "transfers"} {
		h.same(got, list, "[]")
	}
	h.same(got, "audit/0/event/action", "user.create")
	h.same(got, "account", "") // nobody has shown that it is hers
}
