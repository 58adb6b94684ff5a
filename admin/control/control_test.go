package control_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/chosen"
)

// bundle is an API over a store with one organization and one connection.
func TestMain(m *testing.M) { os.Exit(chosen.Suite{M: m}.Run()) }

type bundle struct {
	http.Handler
	store    chosen.Store
	changed  int      // calls of Changed
	touched  []string // ids of changed tokens
	backedUp string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	store := chosen.Open(t)
	b := &bundle{store: store}
	tokens := token.NewManager(store, store, token.ManagerOptions{Changed: func(id string) { b.touched = append(b.touched, id) }})
	b.Handler = control.Handler(control.Services{Registry: store, Tokens: tokens, Used: func(context.Context) error { return nil },
		Backup:  func(_ context.Context, path string) error { b.backedUp = path; return nil },
		API:     http.NotFoundHandler(),
		SCIM:    http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }),
		Changed: func() { b.changed++ }})
	b.want(t, 200, "POST", "/organizations", `{"id":"acme","name":"Acme"}`)
	b.want(t, 200, "PUT", "/connections/okta", `{"organization":"acme","scopes":["*"],"dialect":"tolerant"}`)
	return b
}

// want sends a request and returns the answer, which has the status and, when
// that is an error, is a problem of one sentence.
func (b *bundle) want(t *testing.T, status int, method, path, body string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	if status < 400 {
		return w.Body.Bytes()
	}
	var p operation.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("%s %s: no problem document but %s", method, path, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s %s: Content-Type %s", method, path, got)
	}
	return w.Body.Bytes()
}

func TestMistakesAreProblems(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"path", "GET", "/nothing", "", 404},
		{"method", "DELETE", "/organizations", "", 404},
		{"no body", "POST", "/organizations", "", 400},
		{"unknown member", "POST", "/organizations", `{"id":"x","nmae":"y"}`, 400},
		{"empty id", "POST", "/organizations", `{"id":""}`, 400},
		{"upper case", "POST", "/organizations", `{"id":"Acme"}`, 400},
		{"long id", "POST", "/organizations", `{"id":"` + strings.Repeat("a", 65) + `"}`, 400},
		{"path as id", "POST", "/organizations", `{"id":"../x"}`, 400},
		{"taken", "POST", "/organizations", `{"id":"acme"}`, 409},
		{"too large", "POST", "/organizations", `{"id":"a","name":"` + strings.Repeat("a", 1<<20) + `"}`, 400},
		{"scope", "PUT", "/connections/a", `{"organization":"acme","scopes":["everything"]}`, 400},
		{"organization", "PUT", "/connections/a", `{"organization":"nosuch","scopes":["*"]}`, 400},
		{"dialect", "PUT", "/connections/a", `{"organization":"acme","dialect":"nosuch"}`, 400},
		{"reserved", "PUT", "/connections/operator", `{"organization":"acme","scopes":["*"]}`, 400},
		{"connection", "POST", "/tokens", `{"connection":"nosuch"}`, 404},
		{"lifetime", "POST", "/tokens", `{"connection":"okta","ttl":"soon"}`, 400},
		{"no lifetime", "POST", "/tokens", `{"connection":"okta","ttl":"0s"}`, 409},
		{"negative lifetime", "POST", "/tokens", `{"connection":"okta","ttl":"-1h"}`, 409},
		{"rotate unknown", "POST", "/tokens/nosuch/rotate", "", 404},
		{"overlap", "POST", "/tokens/nosuch/rotate?overlap=soon", "", 400},
		{"revoke unknown", "DELETE", "/tokens/nosuch", "", 404},
		{"backup", "POST", "/backup", `[]`, 400},
	} {
		t.Run(c.name, func(t *testing.T) { b.want(t, c.want, c.method, c.path, c.body) })
	}
}

func TestConnectionsCannotMove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(t, 200, "POST", "/organizations", `{"id":"other"}`)
	b.want(t, 400, "PUT", "/connections/okta", `{"organization":"other","scopes":["*"]}`)
	before := b.changed
	b.want(t, 200, "PUT", "/connections/okta", `{"organization":"acme","scopes":["users:read"]}`)
	if b.changed == before {
		t.Error("nobody was told that the connection changed")
	}
	c, err := b.store.Connection(t.Context(), "okta")
	if err != nil || c.Created.IsZero() || len(c.Scopes) != 1 || c.Org != "acme" {
		t.Errorf("connection %+v, error %v", c, err)
	}
	for path, want := range map[string]int{"/connections?organization=acme": 1, "/connections?organization=other": 0, "/connections": 1} {
		var list []directory.Connection
		if err := json.Unmarshal(b.want(t, 200, "GET", path, ""), &list); err != nil || len(list) != want {
			t.Errorf("%s: %d connections, want %d (%v)", path, len(list), want, err)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	create := func(method, path, body string) (s control.Secret) {
		t.Helper()
		if err := json.Unmarshal(b.want(t, 200, method, path, body), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := create("POST", "/tokens", `{"connection":"okta","ttl":"48h"}`)
	second := create("POST", "/tokens/"+first.Token.ID+"/rotate?overlap=1h", "")
	b.want(t, 409, "POST", "/tokens", `{"connection":"okta"}`) // two are live
	third := create("POST", "/tokens/"+second.Token.ID+"/rotate?overlap=0s", "")
	list := b.want(t, 200, "GET", "/tokens?connection=okta", "")
	for _, s := range []control.Secret{first, second, third} {
		if strings.Contains(string(list), s.Plain) {
			t.Error("the list shows a secret")
		}
	}
	var all []directory.Token
	if err := json.Unmarshal(list, &all); err != nil || len(all) != 3 {
		t.Fatalf("%d tokens, error %v", len(all), err)
	}
	now := time.Now()
	if !all[0].Live(now) || all[0].Live(now.Add(2*time.Hour)) || all[1].Live(now.Add(time.Second)) || !all[2].Live(now) {
		t.Errorf("wrong tokens are live: %+v", all)
	}
	b.want(t, 200, "DELETE", "/tokens/"+first.Token.ID, "")
	b.want(t, 409, "POST", "/tokens/"+first.Token.ID+"/rotate", "")
	if last := b.touched[len(b.touched)-1]; last != first.Token.ID {
		t.Errorf("the revocation of %s was told as one of %s", first.Token.ID, last)
	}
}

func TestOtherDoors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(t, 200, "POST", "/backup", `{"path":"/somewhere/usher.db"}`)
	if b.backedUp != "/somewhere/usher.db" {
		t.Errorf("backed up to %q", b.backedUp)
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest("GET", "/scim/v2/Users", nil))
	if w.Code != http.StatusTeapot {
		t.Errorf("the protocol was not asked: %d", w.Code)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	b.want(t, 503, "GET", "/organizations", "")
}
