package scimtest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
	"github.com/usher-scim/usher/scim/scimtest"
	"github.com/usher-scim/usher/scim/server"
)

func TestMain(m *testing.M) { os.Exit(chosen.Suite{M: m}.Run()) }

// newServer is a real server, and a token for it.
func newServer(t *testing.T) (http.Handler, string) {
	t.Helper()
	s := chosen.Open(t)
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutConnection(t.Context(), directory.Connection{ID: "a", Org: "a", Dialect: scim.Tolerant, Scopes: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	plain, _, err := token.NewManager(s, s, token.ManagerOptions{}).Create(t.Context(), "a", token.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := directory.New(s, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves})
	return server.New(dir, schemas.Default, auth.Chain{Tokens: token.New(s, s, token.Options{})}, server.Options{CursorKey: []byte("k")}), plain
}

// failures runs the suite and lists the checks that fail.
func failures(t *testing.T, h http.Handler, plain string) map[string]string {
	t.Helper()
	hs := httptest.NewServer(h)
	defer hs.Close()
	failed, n := map[string]string{}, 0
	err := scimtest.Run(t.Context(), scimtest.Target{BaseURL: hs.URL + server.Prefix, Token: plain}, func(r scimtest.Result) {
		n++
		if r.Outcome == scimtest.Failed {
			failed[r.ID] = r.Detail
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 30 {
		t.Errorf("only %d checks ran", n)
	}
	return failed
}

func TestUsherConforms(t *testing.T) {
	h, plain := newServer(t)
	for id, detail := range failures(t, h, plain) {
		t.Errorf("%s: %s", id, detail)
	}
	r := httptest.NewRequest("GET", server.Prefix+"/Users", nil)
	r.Header.Set("Authorization", "Bearer "+plain)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), `"totalResults":0`) {
		t.Errorf("the suite left something behind: %s", w.Body)
	}
}

// fault makes a right server wrong.
type fault struct {
	check    string // that must find it
	request  func(*http.Request)
	response func(*http.Response)
}

// replace changes the text of answers.
func replace(old, new string) func(*http.Response) {
	return func(r *http.Response) {
		data, _ := io.ReadAll(r.Body) // from memory
		data = bytes.ReplaceAll(data, []byte(old), []byte(new))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
		r.Header.Del("Content-Length")
	}
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range []fault{
		{"paging/index", nil, replace(`"totalResults":3`, `"totalResults":1`)},
		{"errors/unauthenticated", nil, func(r *http.Response) { r.Header.Del("WWW-Authenticate") }},
		{"errors/unknown resource", nil, func(r *http.Response) {
			if r.StatusCode == 404 {
				r.StatusCode = 500
			}
		}},
		{"errors/syntax", nil, replace(`"status":"400"`, `"status":400`)},
		{"users/create", nil, replace(`"meta":{`, `"password":"Secret-1-secret","meta":{`)},
		{"users/unique in any letter case", nil, replace(`"scimType":"uniqueness",`, ``)},
		{"filter/operators", func(r *http.Request) { r.URL.RawQuery = "" }, nil},
		{"patch/one member", func(r *http.Request) { r.URL.RawQuery = "" }, replace(`"members":[{`, `"others":[{`)},
		{"etag/conditions", func(r *http.Request) { r.Header.Del("If-Match") }, nil},
		{"media type/plain JSON", nil, func(r *http.Response) { r.Header.Set("Content-Type", "text/html") }},
		{"discovery/no filter", func(r *http.Request) { r.URL.RawQuery = "" }, nil},
		{"sort/order", func(r *http.Request) { r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "sortBy", "x") }, nil},
		{"bulk/references", nil, replace(`"status":"201"`, `"status":"400"`)},
	} {
		t.Run(f.check, func(t *testing.T) {
			h, plain := newServer(t)
			wrong := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if f.request != nil {
					f.request(r)
				}
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, r)
				answer := rec.Result()
				if f.response != nil {
					f.response(answer)
				}
				for name, values := range answer.Header {
					w.Header()[name] = values
				}
				w.WriteHeader(answer.StatusCode)
				_, _ = io.Copy(w, answer.Body) // the client may have gone
			})
			if failed := failures(t, wrong, plain); failed[f.check] == "" {
				t.Errorf("the fault was not found; these failed: %v", failed)
			}
		})
	}
}
