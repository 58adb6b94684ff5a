package config_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/config"
)

func TestLoadNothing(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(config.Default(), load(t, config.Sources{}), same); diff != "" {
		t.Error(diff)
	}
}

func TestLoadAcceptsSparseFiles(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "\n", "# nothing\n", "---\n", "limits:\n  # none\ntls: ~\nschemas:\nissuers:\n", "\ufefflisten: 127.0.0.1:8080\n"} {
		_, path := setup(t, in)
		if diff := cmp.Diff(config.Default(), load(t, config.Sources{File: path}), same); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

const everyKind = `
data: /var/lib/usher
listen: "[::1]:0"
base_url: https://scim.example.com/tenant/
bootstrap_token_file: token
log: {level: warn, format: text}
limits:
  body_bytes: 2 MiB
  bulk_body_bytes: 8388608
  queue: 0
  queue_wait: 1.5s
schemas: [b.json, "*.json"]
resource_types: a.json
issuers:
  - issuer: https://login.example.com/tenant
    audience: api
    subjects: [0123, no]
    claims: {tid: 1e3}
    algorithms: [ES256, EdDSA]
    organization: acme
    connection: entra
    subject_claim: oid
  - issuer: http://10.1.2.3
    audience: [api]
    organization: acme
    connection: inside
    allow_private: true
    scope_claim: roles
    allow_unmarked: true
`

func TestLoadEveryKind(t *testing.T) {
	t.Parallel()
	folder, path := setup(t, everyKind)
	want := config.Default()
	want.Data, want.Listen, want.BaseURL = "/var/lib/usher", "[::1]:0", "https://scim.example.com/tenant/"
	want.Log = config.Log{Level: slog.LevelWarn, Format: "text"}
	want.Limits.BodyBytes, want.Limits.BulkBodyBytes = 2<<20, 8<<20
	want.Limits.Queue, want.Limits.QueueWait = 0, 1500*time.Millisecond
	a := config.Document{Path: filepath.Join(folder, "a.json"), Data: []byte(`{"a":1}`)}
	b := config.Document{Path: filepath.Join(folder, "b.json"), Data: []byte(`{"b":1}`)}
	want.Schemas, want.ResourceTypes = []config.Document{b, a}, []config.Document{a}
	want.Issuers = []config.Issuer{{
		Issuer: "https://login.example.com/tenant", Audience: []string{"api"}, Subjects: []string{"0123", "no"},
		Claims: map[string]string{"tid": "1e3"}, Algorithms: []string{"ES256", "EdDSA"},
		Organization: "acme", Connection: "entra", ScopeClaim: "scope", SubjectClaim: "oid",
	}, {
		Issuer: "http://10.1.2.3", Audience: []string{"api"}, Algorithms: []string{"RS256"},
		Organization: "acme", Connection: "inside", AllowPrivate: true, ScopeClaim: "roles", SubjectClaim: "sub", AllowUnmarked: true,
	}}
	got := load(t, config.Sources{File: path})
	if got.BootstrapToken.Reveal() != canary || got.BootstrapToken.File() != filepath.Join(folder, "token") {
		t.Error("bootstrap token is not the first line of its file")
	}
	got.BootstrapToken = config.Secret{}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Error(diff)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	const file = "limits: {page_size: 50}\nschemas: [missing.json]\n"
	tests := []struct {
		name string
		src  config.Sources
		want int
	}{
		{"file over default", config.Sources{}, 50},
		{"variable over file", config.Sources{Env: []string{"USHER_LIMITS_PAGE_SIZE=60"}}, 60},
		{"last variable", config.Sources{Env: []string{"USHER_LIMITS_PAGE_SIZE=60", "USHER_LIMITS_PAGE_SIZE=61"}}, 61},
		{"empty variable is not set", config.Sources{Env: []string{"USHER_LIMITS_PAGE_SIZE="}}, 50},
		{"flag over variable", config.Sources{
			Env: []string{"USHER_LIMITS_PAGE_SIZE=60"}, Flags: map[string]string{"limits.page_size": "70"},
		}, 70},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, tt.src.File = setup(t, file)
			if tt.src.Flags == nil {
				tt.src.Flags = map[string]string{}
			}
			tt.src.Flags["schemas"] = "" // an overridden file is not even looked for
			if got := load(t, tt.src).Limits.PageSize; got != tt.want {
				t.Errorf("page size %d, want %d", got, tt.want)
			}
		})
	}
}

func TestEveryKeyHasVariableAndFlag(t *testing.T) {
	t.Parallel()
	for _, k := range config.Keys() {
		if k.Env == "" {
			continue
		}
		want := config.Default()
		for _, src := range []config.Sources{
			{Env: []string{k.Env + "=" + k.Default}}, {Flags: map[string]string{k.Name: k.Default}},
		} {
			if k.Default == "[]" && k.Name != "issuers" {
				src = config.Sources{Flags: map[string]string{k.Name: ""}}
			}
			if diff := cmp.Diff(want, load(t, src), same); diff != "" {
				t.Errorf("%s: %s", k.Name, diff)
			}
		}
	}
}

func TestListsFromVariables(t *testing.T) {
	t.Parallel()
	folder, path := setup(t, "schemas: [missing.json]\n")
	a, b := filepath.Join(folder, "a.json"), filepath.Join(folder, "b.json")
	got := load(t, config.Sources{File: path, Env: []string{
		"USHER_SCHEMAS=" + a + ", " + b + ",",
		`USHER_ISSUERS=[{"issuer": "https://login.example.com", "audience": ["api"], "organization": "acme", "connection": "c"}]`,
	}})
	if len(got.Schemas) != 2 || got.Schemas[1].Path != b {
		t.Errorf("schemas %v", got.Schemas)
	}
	if len(got.Issuers) != 1 || got.Issuers[0].Organization != "acme" {
		t.Errorf("issuers %v", got.Issuers)
	}
}

func TestRelativePathsOfVariables(t *testing.T) {
	_, path := setup(t, "")
	elsewhere := t.TempDir()
	write(t, elsewhere, "c.json", "{}")
	t.Chdir(elsewhere)
	got := load(t, config.Sources{File: path, Env: []string{"USHER_SCHEMAS=c.json"}})
	if len(got.Schemas) != 1 || got.Schemas[0].Path != "c.json" {
		t.Errorf("schemas %v, want c.json of the working directory", got.Schemas)
	}
}

func TestGlobInOddFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a[b]*")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Skip(err)
	}
	write(t, folder, "one.json", "{}")
	path := write(t, folder, "usher.yaml", "schemas: ['*.json']\n")
	if got := load(t, config.Sources{File: path}).Schemas; len(got) != 1 {
		t.Errorf("schemas %v, want one", got)
	}
}

func TestKubernetesServiceVariables(t *testing.T) {
	t.Parallel()
	load(t, config.Sources{Env: []string{
		"USHER_SERVICE_HOST=10.0.0.1", "USHER_SERVICE_PORT=8080", "USHER_SERVICE_PORT_HTTP=8080",
		"USHER_PORT=tcp://10.0.0.1:8080", "USHER_PORT_8080_TCP=tcp://10.0.0.1:8080", "USHER_PORT_8080_TCP_PROTO=tcp",
		"USHER_PORT_8080_TCP_PORT=8080", "USHER_PORT_8080_TCP_ADDR=10.0.0.1",
		"USHER_OPS_SERVICE_HOST=10.0.0.2", "USHER_OPS_PORT=tcp://10.0.0.2:9090", "OTHER=1", "=C:=C:\\", "plain",
	}})
}

func TestPublicURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   config.Config
		want string
	}{
		{"listen address", config.Config{Listen: "127.0.0.1:8080"}, "http://127.0.0.1:8080"},
		{"TLS", config.Config{Listen: "[::1]:8443", TLS: config.TLS{CertFile: "c", KeyFile: "k"}}, "https://[::1]:8443"},
		{"every address", config.Config{Listen: ":8080"}, "http://localhost:8080"},
		{"every address, spelled out", config.Config{Listen: "[::]:8080"}, "http://localhost:8080"},
		{"base_url wins", config.Config{Listen: ":8080", BaseURL: "https://scim.example.com/x/"}, "https://scim.example.com/x"},
		{"not valid", config.Config{Listen: "nonsense"}, "http://nonsense"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.in.PublicURL(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
