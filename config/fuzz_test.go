package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usher-scim/usher/config"
)

// FuzzLoad looks for inputs that crash, are refused without a reason, or are
// accepted and then fail their own check.
func FuzzLoad(f *testing.F) {
	f.Add(string(config.Example()), "USHER_LIMITS_QUEUE", "1", "listen", ":0")
	f.Add("a: &a [*a]\n", "USHER_", "", "", "")
	f.Add("issuers: [{issuer: https://a.example, claims: {a: b}}, x, ~]", "USHER_ISSUERS", "[{audience: x}]", "issuers", "")
	f.Add("limits: {body_bytes: 9223372036854775807GiB, drain: -1h}", "USHER_PORT", "tcp://x", "limits", "{}")
	f.Add("? [a]\n: b\n<<: c\n", "USHER_SCHEMAS", ",,", "schemas", "[")
	f.Add("--- !!binary x\n...\n---\n", "USHER_TLS_CERT_FILE", "\x00", "tls.key_file", ".")
	f.Add("\t", "USHER_BASE_URL", "http://%zz", "base_url", "://@")
	f.Fuzz(func(t *testing.T, file, name, value, key, flag string) {
		if strings.ContainsAny(file+value+flag, "*?") {
			t.Skip("could read every file of the machine")
		}
		c, err := config.Load(config.Sources{
			File: write(t, t.TempDir(), "usher.yaml", file), Env: []string{name + "=" + value}, Flags: map[string]string{key: flag},
		})
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Error("loaded, but not valid:", err)
			}
			_ = c.String()
			return
		}
		list, ok := errors.AsType[config.Problems](err)
		if !ok || len(list) == 0 {
			t.Fatalf("error is %T of length %d", err, len(list))
		}
		for _, p := range list {
			if strings.ContainsAny(p.Message, "\n\r\x00") {
				t.Errorf("message of several lines: %q", p.Message)
			}
		}
	})
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"0", "1", "1MiB", "2 KiB", "-3GiB", "9223372036854775807B", "MiB", "1.5MiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := config.Load(config.Sources{Flags: map[string]string{"limits.bulk_body_bytes": text}})
		if err != nil {
			return
		}
		b := load(t, config.Sources{Flags: map[string]string{"limits.bulk_body_bytes": a.Limits.BulkBodyBytes.String()}})
		if a.Limits.BulkBodyBytes != b.Limits.BulkBodyBytes {
			t.Errorf("%q is %v, printed and read %v", text, a.Limits.BulkBodyBytes, b.Limits.BulkBodyBytes)
		}
	})
}
