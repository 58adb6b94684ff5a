package app_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	_ "modernc.org/sqlite" // to count what was recorded
)

// vectors is a file of testdata/security: requests against one known failure.
type vectors struct {
	Row   string // of the catalogue of known failures, and what it is about
	Cases []vector
}

// vector is a request and what must come of it. In its texts {name} stands for a
// name of the fixture or of a Save, and <<N|text>> for N times the text.
type vector struct {
	Name   string
	As     string // whose token: a (if empty), b, reader, or none; or
	Token  *forged
	Issuer string // what becomes of the issuer before: down, rotated, large
	Method string // GET if empty
	Path   string
	Query  map[string]string
	Header map[string]string
	Body   json.RawMessage // or
	Raw    string

	Status   int
	ScimType string
	Gives    []string // what the answer holds
	Hides    []string // what it does not
	Finds    []string // exactly the resources of a list, by userName or displayName, or
	Total    *int     // how many
	Fetches  *int     // how often the issuer was asked for its keys by then
	Times    int      // how often it is sent; once if 0
	Changes  bool     // what is stored may change; otherwise it must not
	Save     string   // a name for the id in the answer
}

// attacked is a server with two tenants for one file of vectors.
type attacked struct {
	*running
	*testing.T
	names map[string]string
	token map[string]string
	mint  *mint
	// recorded counts the changes that were ever recorded.
	recorded func() int
}

// canary is in every value of the other tenant.
const canary = "canary-of-b"

func attack(t *testing.T) *attacked {
	t.Helper()
	m, cfg := newMint(t), settings(t)
	m.trust(&cfg)
	s := start(t, cfg)
	a := &attacked{running: s, T: t, mint: m, names: map[string]string{"nobody": "00000000-0000-7000-8000-000000000000",
		"secret": secret, "secret half": secret[:len(secret)/2], "secret less one": secret[:len(secret)-1], "SECRET": strings.ToUpper(secret)}}
	a.token = map[string]string{"": secret, "a": secret, "b": s.tenant(t, "b"), "none": ""}
	var made struct{ Secret string }
	s.control(t, "PUT", "/connections/reader", `{"organization":"default","scopes":["users:read"],"dialect":"tolerant"}`, &struct{}{})
	s.control(t, "POST", "/tokens", `{"connection":"reader"}`, &made)
	a.token["reader"] = made.Secret
	for _, f := range []struct{ name, as, path, body string }{
		{"ada", "a", "/Users", `{"userName":"ada","externalId":"e-ada","displayName":"Ada","name":{"familyName":"Byron"},"emails":[{"value":"ada@a.example","type":"work","primary":true}]}`},
		{"bob", "a", "/Users", `{"userName":"bob","displayName":"Bob","emails":[{"value":"bob@a.example","type":"work"}]}`},
		{"eve", "a", "/Users", `{"userName":"eve","active":false}`},
		{"staff", "a", "/Groups", `{"displayName":"staff","members":[{"value":"{ada}"},{"value":"{bob}"},{"value":"{eve}"}]}`},
		{"theirs", "b", "/Users", `{"userName":"` + canary + `","displayName":"` + canary + `","emails":[{"value":"` + canary + `@b.example"}]}`},
		{"others", "b", "/Users", `{"userName":"` + canary + `-2","externalId":"e-ada"}`},
		{"crew", "b", "/Groups", `{"displayName":"` + canary + `","members":[{"value":"{theirs}"}]}`},
	} {
		data := s.want(t, 201, "POST", f.path, a.token[f.as], a.expand(f.body))
		a.names[f.name] = decoded[struct{ ID string }](t, data).ID
	}
	a.recorded = recorded(t, s)
	return a
}

var repeats = regexp.MustCompile(`<<(\d+)\|((?s:.+?))>>`)

func (a *attacked) expand(text string) string {
	for name, value := range a.names {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return repeats.ReplaceAllStringFunc(text, func(s string) string {
		m := repeats.FindStringSubmatch(s)
		n, err := strconv.Atoi(m[1])
		if err != nil {
			a.Fatal(err)
		}
		return strings.Repeat(m[2], n)
	})
}

// stored is everything that clients of both tenants can see, and how many
// changes were ever recorded.
func (a *attacked) stored() string {
	a.Helper()
	var b strings.Builder
	for _, who := range []string{"a", "b"} {
		for _, path := range []string{"/Users?count=200", "/Groups?count=200"} {
			b.WriteString(a.want(a.T, 200, "GET", path, a.token[who], "") + "\n")
		}
	}
	return b.String() + strconv.Itoa(a.recorded())
}

// recorded counts the records of the audit of all organizations.
func recorded(t *testing.T, s *running) func() int {
	t.Helper()
	if uri := s.cfg.Store.URI; uri != "" {
		client, err := mongo.Connect(options.Client().ApplyURI(uri))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
		name := uri[strings.LastIndex(uri, "/")+1 : strings.Index(uri, "?")]
		return func() int {
			n, err := client.Database(name).Collection("event").CountDocuments(t.Context(), bson.D{})
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.cfg.Data, "usher.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return func() (n int) {
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM audit").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// request builds what the vector sends.
func (a *attacked) request(v vector) *http.Request {
	a.Helper()
	target := "http://" + a.cfg.Listen + "/scim/v2" + a.expand(v.Path)
	if len(v.Query) > 0 {
		q := url.Values{}
		for name, value := range v.Query {
			q.Set(name, a.expand(value))
		}
		target += "?" + q.Encode()
	}
	body := a.expand(v.Raw)
	if v.Body != nil {
		body = a.expand(string(v.Body))
	}
	method := v.Method
	if method == "" {
		method = "GET"
	}
	r, err := http.NewRequestWithContext(a.Context(), method, target, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	token := a.token[v.As]
	if v.Token != nil {
		a.mint.becomes(a.T, v.Issuer)
		token = a.expand(a.mint.token(a.T, v.Token))
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for name, value := range v.Header {
		r.Header.Set(name, a.expand(value))
		if name == "Host" {
			r.Host = value
		}
	}
	return r
}

func (a *attacked) try(v vector) {
	a.Helper()
	before := a.stored()
	answer, err := a.client.Do(a.request(v))
	if err != nil {
		a.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		a.Fatal(err)
	}
	text := string(data)
	if answer.StatusCode != v.Status {
		a.Errorf("the status is %d, want %d: %.500s", answer.StatusCode, v.Status, text)
	}
	if v.Status >= 400 {
		a.isError(answer, text, v.ScimType)
	}
	if challenge := answer.Header.Get("WWW-Authenticate"); v.Status == 401 && !strings.HasPrefix(challenge, "Bearer") {
		a.Errorf("the challenge is %q", challenge)
	}
	if got := a.mint.Fetches(); v.Fetches != nil && got != *v.Fetches {
		a.Errorf("the keys were asked for %d times, want %d", got, *v.Fetches)
	}
	if v.As != "b" && strings.Contains(text, canary) {
		a.Errorf("the other tenant shows in %s", text)
	}
	for _, part := range v.Gives {
		if !strings.Contains(text, a.expand(part)) {
			a.Errorf("%q is not in %.2000s", a.expand(part), text)
		}
	}
	for _, part := range v.Hides {
		if strings.Contains(text, a.expand(part)) {
			a.Errorf("%q is in %.2000s", a.expand(part), text)
		}
	}
	a.found(v, text)
	if v.Save != "" {
		a.names[v.Save] = decoded[struct{ ID string }](a.T, text).ID
	}
	if after := a.stored(); after != before && !v.Changes {
		was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
		for i := range was {
			if was[i] != is[i] {
				a.Errorf("what is stored changed from\n%.3000s\nto\n%.3000s", was[i], is[i])
			}
		}
	}
}

func (a *attacked) found(v vector, text string) {
	a.Helper()
	if v.Finds == nil && v.Total == nil {
		return
	}
	page := decoded[list](a.T, text)
	if v.Total != nil && page.TotalResults != *v.Total {
		a.Errorf("there are %d results, want %d", page.TotalResults, *v.Total)
	}
	if v.Finds == nil {
		return
	}
	names := []string{}
	for _, r := range page.Resources {
		if r.UserName == "" {
			r.UserName = r.DisplayName
		}
		names = append(names, r.UserName)
	}
	slices.Sort(names)
	if !slices.Equal(names, v.Finds) || page.TotalResults != len(names) {
		a.Errorf("found %q of %d, want %q", names, page.TotalResults, v.Finds)
	}
}

// isError wants the shape of RFC 7644 section 3.12, one sentence, and nothing of
// what is inside the server (K76).
func (a *attacked) isError(answer *http.Response, text, scimType string) {
	a.Helper()
	got := decoded[struct {
		Schemas                  []string
		Status, ScimType, Detail string
	}](a.T, text)
	if got.Status != strconv.Itoa(answer.StatusCode) || got.ScimType != scimType || !slices.Equal(got.Schemas, []string{"urn:ietf:params:scim:api:messages:2.0:Error"}) ||
		answer.Header.Get("Content-Type") != "application/scim+json" || !strings.HasSuffix(got.Detail, ".") || strings.Contains(got.Detail, "\n") {
		a.Errorf("want an error %d %q, got %s %s", answer.StatusCode, scimType, answer.Header.Get("Content-Type"), text)
	}
	for _, inner := range []string{"SQL", "sqlite", "panic", "goroutine", ".go:", "/tmp", "constraint", "directory.", "scim."} {
		if strings.Contains(got.Detail, inner) {
			a.Errorf("K76: %q shows in %s", inner, text)
		}
	}
	if len(got.Detail) > 400 {
		a.Errorf("the detail has %d bytes", len(got.Detail))
	}
}

// TestSecurityVectors sends every request of testdata/security over HTTP. Each
// file has a server of its own, on which its cases run in order.
func TestSecurityVectors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/security/K*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no vectors: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var all vectors
			d := json.NewDecoder(strings.NewReader(string(data)))
			d.DisallowUnknownFields()
			if err := d.Decode(&all); err != nil || len(all.Cases) == 0 {
				t.Fatalf("%s holds no vectors: %v", file, err)
			}
			a := attack(t)
			for i, v := range all.Cases {
				t.Run(fmt.Sprintf("%d %s", i, v.Name), func(t *testing.T) {
					one := *a
					one.T, one.names = t, maps.Clone(a.names)
					for range max(1, v.Times) {
						one.try(v)
					}
					a.names = one.names
				})
			}
			a.stop(t, 20*time.Second)
		})
	}
}
