package oidc

import (
	"encoding/base64"
	"net"
	"strings"
	"testing"
)

var addresses = []struct {
	ip                        string
	public, loopback, private bool
}{
	{"1.1.1.1", true, true, true},
	{"2606:4700:4700::1111", true, true, true},
	{"64:ff9b::101:101", true, true, true}, // 1.1.1.1 behind NAT64
	{"127.0.0.1", false, true, true},
	{"127.8.9.10", false, true, true},
	{"::1", false, true, true},
	{"::ffff:127.0.0.1", false, true, true},
	{"64:ff9b::7f00:1", false, true, true},
	{"10.1.2.3", false, false, true},
	{"172.31.0.1", false, false, true},
	{"192.168.1.1", false, false, true},
	{"100.64.0.1", false, false, true},
	{"fd12::1", false, false, true},
	{"::ffff:10.0.0.1", false, false, true},
	{"198.18.0.1", false, false, true},
	{"169.254.169.254", false, false, false},
	{"::ffff:169.254.169.254", false, false, false},
	{"64:ff9b::a9fe:a9fe", false, false, false},
	{"2002:a9fe:a9fe::1", false, false, false},
	{"fe80::1%eth0", false, false, false},
	{"fd00:ec2::254", false, false, false},
	{"100.100.100.200", false, false, false},
	{"0.0.0.0", false, false, false},
	{"::", false, false, false},
	{"224.0.0.1", false, false, false},
	{"255.255.255.255", false, false, false},
	{"ff02::1", false, false, false},
}

// What the dialer is told, whatever name led there.
func TestK21_DialledAddresses(t *testing.T) {
	t.Parallel()
	public, loopback, private := reachOf(false, false), reachOf(false, true), reachOf(true, false)
	for _, tt := range addresses {
		for _, c := range []struct {
			name string
			r    reach
			want bool
		}{{"public", public, tt.public}, {"loopback", loopback, tt.loopback}, {"private", private, tt.private}} {
			if err := c.r.control("tcp", net.JoinHostPort(tt.ip, "443"), nil); (err == nil) != c.want {
				t.Errorf("%s with reach %s: %v", tt.ip, c.name, err)
			}
		}
	}
	if public.control("tcp", "login.example.com:443", nil) == nil {
		t.Error("a name passed as an address")
	}
}

func FuzzParts(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.e30.AA")
	f.Add("eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJleHAiOjF9.AA")
	f.Fuzz(func(t *testing.T, s string) {
		if !compact(s) {
			return
		}
		parts := strings.Split(s, ".")
		if len(parts) != 3 || len(s) > maxToken {
			t.Fatalf("%q passed as compact", s)
		}
		_, _ = parseHeader(parts[0])
		if o, err := parseObject(parts[1]); err == nil {
			_ = o.access()
			_, _ = o.texts("aud")
			_, _ = o.date("exp")
		}
	})
}

// The issuers of Entra cannot be played by a test server, so this is within.
func TestK07_EntraTenant(t *testing.T) {
	t.Parallel()
	const tenant, other = "72f988bf-86f1-41af-91ab-2d7cd011db47", "0c5e4a1e-0000-4000-8000-000000000000"
	b, err := Binding{
		Issuer: "https://sts.windows.net/" + tenant + "/", Audience: []string{"usher"}, Org: "A", Connection: "a",
	}.check(false)
	if err != nil {
		t.Fatal(err)
	}
	for claims, good := range map[string]bool{
		`{"aud":"usher"}`:                                         true,
		`{"aud":"usher","tid":"` + tenant + `"}`:                  true,
		`{"aud":"usher","tid":"` + strings.ToUpper(tenant) + `"}`: true,
		`{"aud":"usher","tid":"` + other + `"}`:                   false,
		`{"aud":"usher","tid":["` + tenant + `"]}`:                false,
		`{"aud":"usher","tid":""}`:                                false,
		`{"aud":"usher","tid":null}`:                              false,
	} {
		o, err := parseObject(base64.RawURLEncoding.EncodeToString([]byte(claims)))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.match(header{algorithm: "RS256", typ: "JWT"}, o); (err == nil) != good {
			t.Errorf("%s: %v", claims, err)
		}
	}
}
