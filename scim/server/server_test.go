package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
	"github.com/usher-scim/usher/scim/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(chosen.Suite{M: m}) }

// cursorKey signs the cursors of the servers here.
const cursorKey = "test key"

// env is a server over HTTP with two organizations, each with a token.
type env struct {
	testing.TB
	url   string
	token map[string]string
	srv   *server.Server
	reg   *prometheus.Registry
	store chosen.Store
}

func setup(t testing.TB, change ...func(*server.Options)) *env {
	t.Helper()
	ctx := context.Background()
	s := chosen.Open(t)
	e := &env{TB: t, token: map[string]string{}, reg: prometheus.NewRegistry(), store: s}
	m := token.NewManager(s, s, token.ManagerOptions{})
	for _, org := range []string{"a", "b", "reader"} {
		scopes := []string{"*"}
		if org == "reader" {
			scopes = []string{"users:read"}
		}
		if err := s.AddOrganization(ctx, directory.Organization{ID: directory.OrgID(org)}); err != nil {
			t.Fatal(err)
		}
		c := directory.Connection{ID: directory.ConnectionID(org), Org: directory.OrgID(org), Dialect: scim.Tolerant, Scopes: scopes}
		if err := s.PutConnection(ctx, c); err != nil {
			t.Fatal(err)
		}
		plain, _, err := m.Create(ctx, c.ID, token.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		e.token[org] = plain
	}
	o := server.Options{BaseURL: "https://usher.example/scim/v2", CursorKey: []byte(cursorKey), Metrics: server.NewMetrics(e.reg)}
	for _, fn := range change {
		fn(&o)
	}
	e.srv = server.New(directory.New(s, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves}), schemas.Default, auth.Chain{Tokens: token.New(s, s, token.Options{})}, o)
	hs := httptest.NewServer(e.srv)
	t.Cleanup(hs.Close)
	e.url = hs.URL
	return e
}

// stock gives organization a one thing of every type that clients only read.
func (e *env) stock() {
	e.Helper()
	add := directory.Command{Action: "test.stock", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		return nil, errors.Join(directory.Save(d, d.Org, &estate.Application{Head: directory.Head{ID: "crm"}}),
			directory.Save(d, d.Org, &estate.Assignment{Head: directory.Head{ID: "crm:x"}, App: "crm", User: "x"}),
			directory.Save(d, d.Org, &estate.Pool{Head: directory.Head{ID: "analytics"}}),
			directory.Save(d, d.Org, &estate.Integration{Head: directory.Head{ID: "i"}, App: "crm", PeerApp: "books"}))
	}}
	if _, err := directory.New(e.store, directory.Options{}).Execute(context.Background(), directory.Request{Org: "a", Change: add}); err != nil {
		e.Fatal(err)
	}
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// send sends one request as organization a unless a header says otherwise.
func (e *env) send(method, path, body string, header ...string) reply {
	e.Helper()
	r, err := http.NewRequest(method, e.url, strings.NewReader(body))
	if err != nil {
		e.Fatal(err)
	}
	r.URL.Opaque = path
	if !strings.HasPrefix(path, "/") {
		r.URL.Opaque = "/scim/v2/" + path
	}
	r.Header.Set("Authorization", "Bearer "+e.token["a"])
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		e.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		e.Fatal(err)
	}
	out := reply{status: answer.StatusCode, header: answer.Header, text: string(data)}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &out.body); err != nil {
			e.Errorf("%s %s: the body is not JSON: %s", method, path, data)
		}
	}
	return out
}

func (e *env) create(endpoint, body string) (id string) {
	e.Helper()
	r := e.send("POST", endpoint, body)
	if r.status != 201 {
		e.Fatalf("POST %s %s: %d %s", endpoint, body, r.status, r.text)
	}
	return r.body["id"].(string)
}

// wantError checks the shape of an error (RFC 7644 section 3.12).
func (e *env) wantError(what string, r reply, status int, scimType string) {
	e.Helper()
	detail, _ := r.body["detail"].(string)
	got, _ := r.body["scimType"].(string)
	if r.status != status || got != scimType || r.body["status"] != fmt.Sprint(status) || r.header.Get("Content-Type") != "application/scim+json" || !strings.HasSuffix(detail, ".") {
		e.Errorf("%s: want %d %s, got %d %s", what, status, scimType, r.status, r.text)
	}
}

func TestFrontDoor(t *testing.T) {
	e := setup(t)
	id := e.create("Users", `{"userName":"ada"}`)
	big := `{"userName":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		scimType                 string
	}{
		{"unknown endpoint", "GET", "Nothing", "", nil, 404, ""},
		{"outside the prefix", "GET", "/Users", "", nil, 404, ""},
		{"unknown id", "GET", "Users/00000000-0000-7000-8000-000000000000", "", nil, 404, ""},
		{"K25 small id", "GET", "Users/1", "", nil, 404, ""},
		{"user id under Groups", "GET", "Groups/" + id, "", nil, 404, ""},
		{"wrong method", "DELETE", "Users", "", nil, 405, ""},
		{"POST to a discovery endpoint", "POST", "Schemas", "{", nil, 405, ""},
		{"filter on a discovery endpoint", "GET", `Schemas?filter=id%20pr`, "", nil, 403, ""},
		{"media type", "POST", "Users", `{"userName":"x"}`, []string{"Content-Type", "text/plain"}, 415, ""},
		{"gzip", "POST", "Users", `{"userName":"x"}`, []string{"Content-Encoding", "gzip"}, 415, ""},
		{"accept", "GET", "Users", "", []string{"Accept", "text/html"}, 406, ""},
		{"no body", "POST", "Users", "", nil, 400, "invalidSyntax"},
		{"not JSON", "POST", "Users", "{", nil, 400, "invalidSyntax"},
		{"K44 twice", "POST", "Users", `{"userName":"x","UserName":"y"}`, nil, 400, "invalidSyntax"},
		{"required", "POST", "Users", `{}`, nil, 400, "invalidValue"},
		{"K46 too large", "POST", "Users", big, nil, 413, ""},
		{"K33 duplicate", "POST", "Users", `{"userName":"ADA"}`, nil, 409, "uniqueness"},
		{"filter", "GET", "Users?filter=userName", "", nil, 400, "invalidFilter"},
		{"empty filter", "GET", "Users?filter=", "", nil, 400, "invalidFilter"},
		{"undecodable filter", "GET", "Users?filter=%zz", "", nil, 400, "invalidFilter"},
		{"K04 password", "GET", "Users?filter=password%20sw%20%22a%22", "", nil, 400, "invalidFilter"},
		{"K04 sort by password", "GET", "Users?sortBy=password", "", nil, 400, "invalidPath"},
		{"K41 sort injection", "GET", "Users?sortBy=id;--", "", nil, 400, "invalidPath"},
		{"count", "GET", "Users?count=ten", "", nil, 400, "invalidValue"},
		{"cursor", "GET", "Users?cursor=AAAA", "", nil, 400, "invalidCursor"},
		{"patch path", "PATCH", "Users/" + id, `{"Operations":[{"op":"add","path":"shoe","value":1}]}`, nil, 400, "invalidPath"},
		{"patch op", "PATCH", "Users/" + id, `{"Operations":[{"op":"grow","path":"title","value":1}]}`, nil, 400, "invalidSyntax"},
		{"stale", "PUT", "Users/" + id, `{"userName":"ada"}`, []string{"If-Match", `W/"9"`}, 412, ""},
		{"broken tag", "PUT", "Users/" + id, `{"userName":"ada"}`, []string{"If-Match", `nine`}, 400, "invalidValue"},
		{"no credential", "GET", "Users", "", []string{"Authorization", ""}, 401, ""},
		{"wrong credential", "GET", "Nothing", "", []string{"Authorization", "Bearer nope"}, 401, ""},
		{"scope", "POST", "Users", `{"userName":"x"}`, []string{"Authorization", "Bearer " + e.token["reader"]}, 403, ""},
		{"scope of groups", "GET", "Groups", "", []string{"Authorization", "Bearer " + e.token["reader"]}, 403, ""},
	} {
		r := e.send(c.method, c.path, c.body, c.header...)
		e.wantError(c.name, r, c.status, c.scimType)
		if c.status == 401 && r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", c.name)
		}
		if c.status == 405 && r.header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", c.name)
		}
	}
	if r := e.send("GET", "Users", ""); r.body["totalResults"] != 1.0 || !strings.Contains(r.text, `"version":"W/\"1\""`) {
		t.Errorf("something changed: %s", r.text)
	}
}

// K12: however a path is disguised, nothing is reached without a credential.
func TestK12Paths(t *testing.T) {
	e := setup(t)
	for _, path := range []string{"/%73cim/v2/Users", "//scim/v2/Users", "/scim/v2/./Users", "/scim/v2/Users;x", "/SCIM/V2/USERS", "/scim/v2/%2e%2e/v2/Users", "/scim/v2/Users%2Fa", "/scim//v2//Users/", "/scim/v2/Users/..%2f", "/scim/v2/Users%00"} {
		if r := e.send("GET", path, "", "Authorization", ""); r.status != 401 {
			t.Errorf("%s: %d without a credential", path, r.status)
		}
	}
	for path, status := range map[string]int{"/%73cim/v2/Users": 200, "/scim/v2//Users//": 200, "/scim/v2/users": 200, "/scim/v2/./Users": 404, "/scim/v2/Users%2Fa": 404, "/scim/v2/Users/%2e%2e": 404} {
		if r := e.send("GET", path, ""); r.status != status {
			t.Errorf("%s: %d, want %d", path, r.status, status)
		}
	}
}

// K01, K11: every route refuses strangers, and shows another organization
// nothing.
func TestK01K11EveryRoute(t *testing.T) {
	e := setup(t)
	user, group := e.create("Users", `{"userName":"ada"}`), e.create("Groups", `{"displayName":"g"}`)
	for _, r := range e.srv.Routes() {
		id := user
		if strings.Contains(r.Pattern, "Groups") {
			id = group
		}
		path := strings.ReplaceAll(r.Pattern, "{id}", id)
		if a := e.send(r.Method, path, `{"userName":"x","displayName":"x"}`, "Authorization", ""); a.status != 401 {
			t.Errorf("K11: %s %s: %d without a credential", r.Method, path, a.status)
		}
		if !strings.HasSuffix(r.Pattern, "/{id}") || strings.Contains(r.Pattern, "Schemas") || strings.Contains(r.Pattern, "ResourceTypes") {
			continue
		}
		body := `{"userName":"x","displayName":"x"}`
		if r.Method == "PATCH" {
			body = `{"Operations":[{"op":"replace","path":"displayName","value":"y"}]}`
		}
		theirs := e.send(r.Method, path, body, "Authorization", "Bearer "+e.token["b"])
		nobody := e.send(r.Method, strings.ReplaceAll(r.Pattern, "{id}", "00000000-0000-7000-8000-000000000000"), body, "Authorization", "Bearer "+e.token["b"])
		if theirs.status != 404 || theirs.text != nobody.text {
			t.Errorf("K01: %s %s: %d %s", r.Method, path, theirs.status, theirs.text)
		}
	}
	for path, version := range map[string]string{"Users/" + user: `W/"1"`, "Groups/" + group: `W/"1"`} {
		if r := e.send("GET", path, "", "X-Tenant-ID", "b"); r.status != 200 || r.header.Get("ETag") != version {
			t.Errorf("K07: %s: %d %s", path, r.status, r.header.Get("ETag"))
		}
	}
	if r := e.send("GET", "Users", "", "Authorization", "Bearer "+e.token["b"]); r.body["totalResults"] != 0.0 {
		t.Errorf("K05: %s", r.text)
	}
}

func TestConditionalRequests(t *testing.T) {
	e := setup(t)
	id := e.create("Users", `{"userName":"ada"}`)
	for tag, status := range map[string]int{`W/"1"`: 304, `"1"`: 304, `*`: 304, `W/"2"`: 200, `W/"7", W/"1"`: 304} {
		if r := e.send("GET", "Users/"+id, "", "If-None-Match", tag); r.status != status {
			t.Errorf("K64: If-None-Match %s: %d", tag, r.status)
		}
	}
	if r := e.send("PUT", "Users/"+id, `{"userName":"ada","title":"x"}`, "If-Match", `W/"1"`); r.status != 200 || r.header.Get("ETag") != `W/"2"` {
		t.Errorf("K64: %d %s", r.status, r.text)
	}
	if r := e.send("DELETE", "Users/"+id, "", "If-Match", `W/"1"`); r.status != 412 {
		t.Errorf("K64: DELETE: %d", r.status)
	}
	if r := e.send("PATCH", "Users/"+id, `{"Operations":[{"op":"replace","path":"title","value":"y"}]}`, "Prefer", "return=minimal"); r.status != 204 {
		t.Errorf("minimal: %d", r.status)
	}
	if loc := e.send("GET", "Users/"+id, "", "Host", "evil.example", "X-Forwarded-Host", "evil.example").text; strings.Contains(loc, "evil") || !strings.Contains(loc, "https://usher.example/scim/v2/Users/"+id) {
		t.Errorf("K24: %s", loc)
	}
}

func TestCursors(t *testing.T) {
	now := time.Now()
	e := setup(t, func(o *server.Options) { o.Clock = func() time.Time { return now } })
	for i := range 7 {
		e.create("Users", fmt.Sprintf(`{"userName":"u%d"}`, i))
	}
	seen, cursor, last := map[string]bool{}, "", ""
	for range 5 {
		r := e.send("GET", "Users?count=3&cursor="+cursor, "")
		for _, u := range r.body["Resources"].([]any) {
			seen[u.(map[string]any)["userName"].(string)] = true
		}
		next, more := r.body["nextCursor"].(string)
		if !more {
			if _, ok := r.body["previousCursor"]; !ok {
				t.Error("the last page has no previousCursor")
			}
			break
		}
		cursor, last = next, next
	}
	if len(seen) != 7 {
		t.Errorf("the walk saw %v", seen)
	}
	for what, c := range map[string]struct{ query, token, scimType string }{
		"other filter":       {"filter=userName%20pr&cursor=" + last, "a", "invalidCursor"},
		"other organization": {"cursor=" + last, "b", "invalidCursor"},
		"one bit":            {"cursor=" + last[:len(last)-1] + string(last[len(last)-1]^1), "a", "invalidCursor"},
	} {
		e.wantError("K41 "+what, e.send("GET", "Users?count=3&"+c.query, "", "Authorization", "Bearer "+e.token[c.token]), 400, c.scimType)
	}
	now = now.Add(2 * time.Hour)
	e.wantError("old cursor", e.send("GET", "Users?count=3&cursor="+last, ""), 400, "expiredCursor")
}

// K48, K49: Bulk keeps its limits and every operation its own check.
func TestK49Bulk(t *testing.T) {
	e := setup(t, func(o *server.Options) { o.BulkOperations = 6 })
	bulk := func(ops string) reply {
		return e.send("POST", "Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+ops+`]}`)
	}
	statuses := func(r reply) (all []string) {
		for _, op := range r.body["Operations"].([]any) {
			all = append(all, op.(map[string]any)["status"].(string))
		}
		return all
	}
	r := bulk(`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:u"}]}},{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"ada"}},{"method":"PATCH","path":"/Users/bulkId:u","data":{"Operations":[{"op":"add","path":"title","value":"x"}]}}`)
	if fmt.Sprint(statuses(r)) != "[201 201 200]" {
		t.Errorf("forward reference: %s", r.text)
	}
	r = bulk(`{"method":"POST","path":"/Groups","bulkId":"1","data":{"displayName":"x","members":[{"value":"bulkId:2"}]}},{"method":"POST","path":"/Groups","bulkId":"2","data":{"displayName":"y","members":[{"value":"bulkId:1"}]}}`)
	if fmt.Sprint(statuses(r)) != "[201 201]" {
		t.Errorf("cycle: %s", r.text)
	}
	if r := e.send("GET", "Groups?filter=displayName%20eq%20%22x%22", ""); !strings.Contains(r.text, `"members":[{`) {
		t.Errorf("the cycle was not closed: %s", r.text)
	}
	r = bulk(`{"method":"GET","path":"/Users"},{"method":"POST","path":"/Bulk","bulkId":"b","data":{}},{"method":"POST","path":"/Users","bulkId":"d","data":{"userName":"d"}},{"method":"POST","path":"/Users","bulkId":"d","data":{"userName":"e"}},{"method":"POST","path":"/Users","bulkId":"f","data":{"userName":"f","nickName":"bulkId:nobody"}}`)
	if fmt.Sprint(statuses(r)) != "[400 400 201 400 400]" {
		t.Errorf("refused operations: %s", r.text)
	}
	over := strings.TrimSuffix(strings.Repeat(`{"method":"DELETE","path":"/Users/1"},`, 7), ",")
	e.wantError("K48", bulk(over), 413, "tooMany")
	r = e.send("POST", "Bulk", `{"failOnErrors":1,"Operations":[{"method":"DELETE","path":"/Users/1"},{"method":"POST","path":"/Users","bulkId":"z","data":{"userName":"z"}}]}`)
	if fmt.Sprint(statuses(r)) != "[404]" {
		t.Errorf("failOnErrors: %s", r.text)
	}
	r = e.send("POST", "Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"z","data":{"userName":"z"}}]}`, "Authorization", "Bearer "+e.token["reader"])
	if fmt.Sprint(statuses(r)) != "[403]" {
		t.Errorf("a reader wrote: %s", r.text)
	}
}

// R13: a connection with a limit is told when to come back.
func TestR13RateLimit(t *testing.T) {
	e := setup(t)
	c, err := e.store.Connection(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	c.RatePerSecond, c.Burst = 0.5, 2
	if err := e.store.PutConnection(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := e.send("GET", "Users", ""); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.text)
		}
	}
	r := e.send("GET", "Users", "")
	e.wantError("over the rate", r, 429, "")
	if s := r.header.Get("Retry-After"); s != "1" && s != "2" {
		t.Errorf("Retry-After is %q", s)
	}
}

func TestMetricsAreWellNamed(t *testing.T) {
	e := setup(t)
	e.send("GET", "Users", "")
	e.send("PATCH", "Users/x", `{"Operations":[{"op":"Add","path":"title","value":"x"}]}`)
	problems, err := promlint.NewWithMetricFamilies(gather(t, e.reg)).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}
