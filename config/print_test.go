package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/usher-scim/usher/config"
)

func TestExampleIsDefault(t *testing.T) {
	t.Parallel()
	_, path := setup(t, string(config.Example()))
	got := load(t, config.Sources{File: path})
	if diff := cmp.Diff(config.Default(), got, same); diff != "" {
		t.Error(diff)
	}
	for line := range strings.SplitSeq(string(config.Example()), "\n") {
		if len(line) > 80 {
			t.Errorf("longer than 80: %s", line)
		}
	}
}

// TestExampleIssuer loads the part of the example that is commented out.
func TestExampleIssuer(t *testing.T) {
	t.Parallel()
	example := string(config.Example())
	start := strings.Index(example, "issuers: []\n") + len("issuers: []\n")
	sample, _, _ := strings.Cut(example[start:], "\n\n")
	_, path := setup(t, strings.ReplaceAll("\n"+sample, "\n# ", "\n"))
	got := load(t, config.Sources{File: path}).Issuers
	if len(got) != 1 || got[0].Connection != "example-idp" || got[0].Claims["tid"] == "" {
		t.Errorf("issuers %+v", got)
	}
}

func TestExampleAndKeysAgree(t *testing.T) {
	t.Parallel()
	keys := config.Keys()
	if len(keys) < 40 {
		t.Fatalf("only %d keys", len(keys))
	}
	example := string(config.Example())
	for _, k := range keys {
		name := k.Name[strings.LastIndex(k.Name, ".")+1:]
		if !strings.Contains(example, name+":") || k.Doc == "" || !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s is not in the example or has no sentence", k.Name)
		}
		if strings.Contains(k.Name, "[]") != (k.Env == "") {
			t.Errorf("%s has variable %q", k.Name, k.Env)
		}
	}
}

// TestKeysAreDistinct changes one key at a time and expects one changed line.
func TestKeysAreDistinct(t *testing.T) {
	t.Parallel()
	before := strings.Split(config.Default().String(), "\n")
	for _, k := range config.Keys() {
		value := map[string]string{
			"data": "elsewhere", "dns_server": "192.0.2.53:53", "listen": ":1", "ops_listen": ":1", "base_url": "https://x.example",
			"log.level": "debug", "log.format": "text", "limits.body_bytes": "2MiB", "limits.bulk_body_bytes": "5MiB",
			"limits.page_size": "101", "limits.max_page_size": "201",
			"limits.header_bytes": "2KiB", "limits.read_header_timeout": "6s", "limits.read_timeout": "31s",
			"limits.write_timeout": "61s", "limits.request_timeout": "29s", "limits.queue_wait": "51ms",
			"limits.idle_timeout": "3s", "limits.drain": "3s", "cursor.lifetime": "3s", "outbox.poll": "3s", "store.uri": "mongodb://db/usher",
		}[k.Name]
		switch {
		case strings.HasSuffix(k.Name, "_file"), k.Default == "[]", k.Env == "":
			continue
		case value == "":
			value = "7"
		}
		got := load(t, config.Sources{Flags: map[string]string{k.Name: value}})
		var changed []string
		for i, line := range strings.Split(got.String(), "\n") {
			if line != before[i] {
				changed = append(changed, strings.TrimSpace(line))
			}
		}
		if len(changed) != 1 || !strings.HasPrefix(changed[0], k.Name[strings.Index(k.Name, ".")+1:]+": ") {
			t.Errorf("%s=%s changed %q", k.Name, value, changed)
		}
	}
}

const printedIssuer = `
issuers:
  - issuer: https://login.example.com
    jwks_url: https://login.example.com/keys
    audience: [api]
    subjects: []
    claims: {a: "1", b: "true"}
    algorithms: [RS256]
    organization: "null"
    connection: c
    allow_private: false
    scope_claim: scope
    subject_claim: sub
    allow_unmarked: false
`

func TestString(t *testing.T) {
	t.Parallel()
	folder, path := setup(t, `
bootstrap_token_file: token
schemas: ["*.json"]
issuers:
- issuer: https://login.example.com
  jwks_url: https://login.example.com/keys
  audience: [api]
  claims: {b: "true", a: "1"}
  organization: "null"
  connection: c
`)
	c := load(t, config.Sources{File: path, Env: []string{"USHER_CURSOR_LIFETIME=90m"}})
	got := strings.ReplaceAll(c.String(), folder+string(filepath.Separator), "")
	for _, want := range []string{
		"\nbootstrap_token_file: token # ***\n",
		"\nschemas: [a.json, b.json]\n",
		printedIssuer,
		"\n  lifetime: 1h30m\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	again := write(t, folder, "again.yaml", c.String())
	if diff := cmp.Diff(c, load(t, config.Sources{File: again}), same); diff != "" {
		t.Error("printed settings load differently:", diff)
	}
}

// TestSecretNeverPrinted is the configured part of K16 and K72.
func TestSecretNeverPrinted(t *testing.T) {
	t.Parallel()
	_, path := setup(t, "bootstrap_token_file: token\n")
	c := load(t, config.Sources{File: path})
	if c.BootstrapToken.Reveal() != canary {
		t.Fatal("the secret was not read")
	}
	type private struct {
		secret config.Secret
		config config.Config
	}
	var out bytes.Buffer
	for _, v := range []any{
		c, &c, c.BootstrapToken, &c.BootstrapToken,
		private{c.BootstrapToken, c},
		&private{c.BootstrapToken, c},
		[]any{c.BootstrapToken},
		map[string]any{"secret": c.BootstrapToken},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "k", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "k", v)
		_ = json.NewEncoder(&out).Encode(v)
		_ = yaml.NewEncoder(&out).Encode(v)
	}
	hex := fmt.Sprintf("%x", canary)
	if strings.Contains(out.String(), canary) || strings.Contains(out.String(), hex) {
		t.Error("the secret was printed")
	}
	if got := fmt.Sprint(c.BootstrapToken, config.Secret{}, config.NewSecret("")); got != "***  " {
		t.Errorf("printed %q", got)
	}
}

// TestCanaryInEveryKey writes a secret where it does not belong.
func TestCanaryInEveryKey(t *testing.T) {
	t.Parallel()
	url := "https://user:" + canary + "@login.example.com"
	for _, k := range config.Keys() {
		if k.Env == "" {
			continue
		}
		for _, value := range []string{canary, "[" + canary + "]", url, "{" + canary, "*" + canary, "a\n" + canary, "/none/" + canary} {
			for _, src := range []config.Sources{
				{Env: []string{k.Env + "=" + value}}, {Flags: map[string]string{k.Name: value}},
			} {
				_, err := config.Load(src)
				if err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("%s repeats its value: %v", k.Name, err)
				}
			}
		}
	}
	c := config.Default()
	c.BaseURL = url
	c.Issuers = []config.Issuer{{Issuer: url, JWKSURL: "x://" + canary + "%zz@:/"}}
	c.BootstrapToken = config.NewSecret(canary)
	if strings.Contains(c.String(), canary) || strings.Contains(c.Validate().Error(), canary) {
		t.Errorf("canary in\n%v\n%v", c, c.Validate())
	}
}
