package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/usher-scim/usher/config"
)

const adminSecret = "an-administrator-token-of-the-operators-own-0002"

// house is a server with its rules, and short ways to ask it.
type house struct {
	*testing.T
	*running
}

// newHouse starts a server with a provisioning and an administrator token.
func newHouse(t *testing.T, change ...func(*config.Config)) *house {
	t.Helper()
	cfg := housing(t, t.TempDir())
	for _, fn := range change {
		fn(&cfg)
	}
	return &house{T: t, running: start(t, cfg)}
}

func housing(t *testing.T, folder string) config.Config {
	t.Helper()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg, err := config.Load(config.Sources{Flags: stored(t, folder, map[string]string{"data": filepath.Join(folder, "data"), "listen": freePort(t), "ops_listen": freePort(t),
		"bootstrap_token_file": file("token", secret), "bootstrap_admin_token_file": file("admin", adminSecret)})})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Limits.Concurrency, cfg.Limits.QueueWait = 128, 10e9
	return cfg
}

// answer is what came back: the status, the headers and the body as JSON.
type reply struct {
	status int
	header http.Header
	text   string
	doc    any
}

// at is the value at a path such as Resources.0.id, as text; "" when there is
// none.
func (r reply) at(path string) string {
	v := r.doc
	for part := range strings.SplitSeq(path, "/") {
		switch node := v.(type) {
		case map[string]any:
			v = node[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(node) {
				return ""
			}
			v = node[i]
		default:
			return ""
		}
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	out, _ := json.Marshal(v)
	return string(out)
}

// call sends one request. Headers are "Name: value".
func (h *house) call(method, url, token, body string, headers ...string) (reply, error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, one := range headers {
		name, value, _ := strings.Cut(one, ": ")
		r.Header.Set(name, value)
	}
	got, err := h.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer got.Body.Close()
	data, err := io.ReadAll(got.Body)
	out := reply{status: got.StatusCode, header: got.Header, text: string(data)}
	if len(data) > 0 {
		_ = json.Unmarshal(data, &out.doc) // who looks into it sees
	}
	return out, err
}

// api asks the admin API and wants a status.
func (h *house) api(status int, method, path, body string, headers ...string) reply {
	h.Helper()
	return h.wanted(status, method, "/api/v1"+path, adminSecret, body, headers...)
}

// prov asks the SCIM protocol and wants a status.
func (h *house) prov(status int, method, path, body string, headers ...string) reply {
	h.Helper()
	return h.wanted(status, method, "/scim/v2"+path, secret, body, headers...)
}

func (h *house) wanted(status int, method, path, token, body string, headers ...string) reply {
	h.Helper()
	got, err := h.call(method, "http://"+h.cfg.Listen+path, token, body, headers...)
	if err != nil || got.status != status {
		h.Fatalf("%s %s %s: %d %s %v, want %d", method, path, body, got.status, got.text, err, status)
	}
	return got
}

// same wants a value at a path of an answer.
func (h *house) same(r reply, path, want string) {
	h.Helper()
	if got := r.at(path); got != want {
		h.Errorf("%s is %q, want %q, in %s", path, got, want, r.text)
	}
}

const usherUser = "urn:ietf:params:scim:schemas:extension:usher:2.0:User"

// person provisions somebody over SCIM and returns the id.
func (h *house) person(name string, more ...string) string {
	h.Helper()
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"emails":[{"value":%q,"primary":true}]%s}`, name, name, strings.Join(more, ""))
	return h.prov(201, "POST", "/Users", body).at("id")
}

// setActive is what an identity provider sends to let somebody in or out.
func (h *house) setActive(status int, id string, on bool, headers ...string) reply {
	h.Helper()
	return h.prov(status, "PATCH", "/Users/"+id, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":%t}]}`, on), headers...)
}

// user reads somebody over SCIM.
func (h *house) user(id string) reply {
	h.Helper()
	return h.prov(200, "GET", "/Users/"+id, "")
}

// status is where somebody stands.
func (h *house) standing(id string) string {
	h.Helper()
	return h.user(id).at(usherUser + "/status")
}

// audited counts the events of one kind about a resource.
func (h *house) audited(action, resource string) int {
	h.Helper()
	got := h.api(200, "GET", "/audit?limit=200&action="+action+"&resource="+resource, "")
	items, _ := got.doc.(map[string]any)["items"].([]any)
	return len(items)
}
