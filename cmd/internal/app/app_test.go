package app_test

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/usher-scim/usher/auth/oidc/oidctest"
	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/chosen"
)

func TestFirstStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := start(t, load(t, folder, ""))
	out := s.out.String()
	token := tokenShape.FindString(out)
	for _, want := range []string{"SCIM base URL: http://" + s.cfg.Listen + "/scim/v2\n", "curl ", "Bearer " + token + "'"} {
		if token == "" || !strings.Contains(out, want) {
			t.Fatalf("the first start says %q, which lacks %q", out, want)
		}
	}
	s.want(t, 201, "POST", "/Users", token, `{"userName":"ada"}`)
	s.want(t, 401, "GET", "/Users", "nonsense", "")
	s.stop(t, 10*time.Second)
	if strings.Contains(s.logs.text(), token) {
		t.Error("the token is in the log")
	}

	again := start(t, load(t, folder, ""))
	if out := again.out.String(); tokenShape.MatchString(out) {
		t.Errorf("the second start says %q", out)
	}
	again.want(t, 200, "GET", "/Users", token, "")
	again.stop(t, 10*time.Second)
}

func TestBootstrapTokenIsReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	one, two := secret, strings.Replace(secret, "0001", "0002", 1)
	for _, step := range []struct {
		name      string
		file      string
		good, bad string
		log       string
	}{
		{"first", one, one, two, ""},
		{"unchanged", one, one, two, ""},
		{"changed", two, two, one, ""},
		{"changed back to one that was revoked", one, two, one, "was revoked"},
	} {
		s := start(t, load(t, folder, step.file))
		s.want(t, 200, "GET", "/Users", step.good, "")
		s.want(t, 401, "GET", "/Users", step.bad, "")
		s.stop(t, 10*time.Second)
		if out, logs := s.out.String(), s.logs.text(); strings.Contains(out+logs, step.file) || !strings.Contains(logs, step.log) {
			t.Errorf("%s: says %q and logs %q", step.name, out, logs)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, settings(t))
	s.want(t, 201, "POST", "/Users", secret, `{"userName":"ada","displayName":"Canary Person"}`)
	s.want(t, 200, "GET", "/Users?filter=displayName+eq+%22Canary+Person%22", secret, "")
	data := s.metrics(t)
	problems, err := promlint.New(strings.NewReader(data)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	commits := "usher_store_commit_changes_count"
	if chosen.Mongo() {
		commits = "usher_store_commit_tries_count"
	}
	for _, want := range []string{commits, "usher_store_queries_total", "usher_outbox_lag_seconds", "go_goroutines", "process_resident_memory_bytes", "usher_ready 1"} {
		if !strings.Contains(data, "\n"+want) {
			t.Errorf("there is no metric %s", want)
		}
	}
	s.stop(t, 10*time.Second)
	if all := data + s.logs.text(); strings.Contains(all, "Canary") || strings.Contains(all, secret) {
		t.Error("personal data or a secret is in the metrics or the log (K72)")
	}
}

// An operator who asks sees at once that a token was used.
func TestTokensTellTheirLastUse(t *testing.T) {
	t.Parallel()
	s := start(t, settings(t))
	s.want(t, 200, "GET", "/Users", secret, "")
	var all []directory.Token
	s.control(t, "GET", "/tokens?connection=default", "", &all)
	if len(all) != 1 || time.Since(all[0].LastUsed) > time.Minute {
		t.Errorf("the tokens are %+v", all)
	}
}

// What is only for the operator is not on the address of the clients.
func TestDoorsAreApart(t *testing.T) {
	t.Parallel()
	s := start(t, settings(t))
	for _, path := range []string{"/metrics", "/debug/pprof/", "/organizations", "/tokens", "/livez"} {
		answer, err := s.client.Get("http://" + s.cfg.Listen + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode < 400 {
			t.Errorf("%s answers %d on the address of the clients", path, answer.StatusCode)
		}
	}
	if got := s.ops("/debug/pprof/"); got != http.StatusOK {
		t.Errorf("the profiles answer %d on the operator's address", got)
	}
	if got := s.ops("/scim/v2/Users"); got != http.StatusNotFound {
		t.Errorf("the protocol answers %d on the operator's address", got)
	}
	socket := filepath.Join(s.cfg.Data, "control.sock")
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != fs.ModeSocket {
		t.Errorf("the control socket: %v %v", info, err)
	}
	s.stop(t, 10*time.Second)
	if _, err := os.Stat(socket); err == nil {
		t.Error("the control socket is still there after the end")
	}
}

// The path of a socket has a limit that paths of folders do not have.
func TestSocketUnderALongPath(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("needs /proc")
	}
	s := start(t, load(t, filepath.Join(t.TempDir(), strings.Repeat("x", 120)), secret))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return app.Dial(ctx, s.cfg)
	}}}
	answer, err := client.Get("http://usher/organizations")
	if err != nil {
		t.Fatal(err)
	}
	data, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if !strings.Contains(string(data), `"id":"default"`) {
		t.Errorf("organizations: %s", data)
	}
	s.stop(t, 10*time.Second)
}

func TestAnAddressInUse(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(cfg *config.Config, taken string){
		"listen":     func(cfg *config.Config, taken string) { cfg.Listen = taken },
		"ops_listen": func(cfg *config.Config, taken string) { cfg.OpsListen = taken },
	} {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg := settings(t)
		spoil(&cfg, taken.Addr().String())
		a, err := app.New(t.Context(), cfg, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot listen on "+taken.Addr().String()) {
			t.Errorf("%s: %v", name, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		taken.Close()
	}
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	issuer := oidctest.New()
	defer issuer.Close()
	cfg := settings(t)
	cfg.Issuers = []config.Issuer{{Issuer: issuer.URL, JWKSURL: issuer.JWKSURL(), Audience: []string{"usher"}, Algorithms: []string{"RS256"},
		Organization: "default", Connection: "default", ScopeClaim: "scope", AllowPrivate: true}}
	s := start(t, cfg)
	claims := map[string]any{"iss": issuer.URL, "aud": "usher", "sub": "robot", "exp": time.Now().Add(time.Hour).Unix(), "scope": "users:read"}
	s.want(t, 200, "GET", "/Users", issuer.Token(claims), "")
	s.want(t, 403, "POST", "/Users", issuer.Token(claims), `{"userName":"ada"}`)
	claims["aud"] = "somebody else"
	s.want(t, 401, "GET", "/Users", issuer.Token(claims), "")
	s.stop(t, 10*time.Second)
}

func TestLogWriter(t *testing.T) {
	t.Parallel()
	var to safeBuffer
	l := app.NewLogWriter(&to)
	write := func(line string) {
		t.Helper()
		if _, err := io.WriteString(l, line); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	for range 300 {
		if to.text() != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := to.text(); got != "one\n" {
		t.Errorf("after a while %q was written", got)
	}
	write("two\n")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := to.text(); got != "one\ntwo\n" {
		t.Errorf("in the end %q was written", got)
	}
}

// Every request to the admin API has its line in the log, as those of SCIM have: with
// the id that the client was given, why a credential was refused, and no person (K72).
func TestAdminRequestsAreLogged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("canary@corp.example")
	for _, c := range []struct {
		status               int
		token, path          string
		route, cause, holder string
	}{
		{200, adminSecret, "/users/" + ada, "/api/v1/users/{id}", "", "admin"},
		{404, adminSecret, "/users/nobody", "/api/v1/users/{id}", "", "admin"},
		{404, adminSecret, "/canary", "other", "", ""},
		{401, "usher_canary", "/users", "/api/v1/users", "the credential is not shaped as a token", ""},
		{403, secret, "/users", "/api/v1/users", "", "default"},
	} {
		answer := h.wanted(c.status, "GET", "/api/v1"+c.path, c.token, "")
		var line struct {
			Msg, Route, Request, Cause, Connection string
			Status                                 int
		}
		for text := range strings.Lines(h.logs.text()) {
			if strings.Contains(text, answer.header.Get("X-Request-Id")) {
				if err := json.Unmarshal([]byte(text), &line); err != nil {
					t.Fatal(err)
				}
			}
		}
		if line.Msg != "request" || line.Status != c.status || line.Route != c.route || line.Cause != c.cause || line.Connection != c.holder {
			t.Errorf("GET %s is logged as %+v", c.path, line)
		}
	}
	if logs := h.logs.text(); strings.Contains(logs, "canary") || strings.Contains(logs, ada) {
		t.Errorf("a person or a secret is in the log: %s", logs)
	}
}
