package config_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/config"
)

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

var validations = []struct {
	name string
	in   func(*config.Config)
	want []string
}{
	{"default", func(*config.Config) {}, nil},
	{"no folder", func(c *config.Config) { c.Data = "" }, []string{"default: data is empty; name the folder of the database."}},
	{"log", func(c *config.Config) { c.Log.Level, c.Log.Format = 3, "" }, []string{
		"default: log.level is not known; write debug, info, warn or error.",
		"default: log.format is not known; write json or text.",
	}},
	{"ranges", func(c *config.Config) { c.Limits.BodyBytes, c.Limits.PageSize, c.Limits.Drain = 0, -1, 2*time.Hour }, []string{
		"default: limits.body_bytes is out of range; choose from 1KiB to 1GiB.",
		"default: limits.page_size is out of range; choose from 1 to 1000.",
		"default: limits.drain is out of range; choose from 0s to 1h.",
	}},
	{"ports", func(c *config.Config) { c.Listen, c.OpsListen = "127.0.0.1:80800", "localhost:http" }, []string{
		"default: listen has no valid port; write a number from 0 to 65535 after the colon.",
		"default: ops_listen has no valid port; write a number from 0 to 65535 after the colon.",
	}},
	{"no address", func(c *config.Config) { c.OpsListen = "" }, []string{
		"default: ops_listen is not an address with a port; write one such as 127.0.0.1:8080, or :8080 for every address.",
	}},
	{"one port for both", func(c *config.Config) { c.Listen, c.OpsListen = ":9090", "10.0.0.1:9090" }, []string{
		"default: ops_listen takes the same port as the other listener; give listen and ops_listen different ports.",
	}},
	{"DNS without a port", func(c *config.Config) { c.DNSServer = "192.0.2.53" }, []string{
		"default: dns_server is not an address with a port; write one such as 192.0.2.53:53.",
	}},
	{"DNS nowhere", func(c *config.Config) { c.DNSServer = ":53" }, []string{
		"default: dns_server is not an address with a port; write one such as 192.0.2.53:53.",
	}},
	{"DNS", func(c *config.Config) { c.DNSServer = "[2001:db8::53]:53" }, nil},
	{"any free port for both", func(c *config.Config) { c.Listen, c.OpsListen = "127.0.0.1:0", "127.0.0.1:0" }, nil},
	{"half of TLS", func(c *config.Config) { c.TLS.CertFile = "c" }, []string{
		"default: tls.cert_file is set without tls.key_file; set both, or neither for plain HTTP.",
	}},
	{"other half of TLS", func(c *config.Config) { c.TLS.KeyFile = "k" }, []string{
		"default: tls.key_file is set without tls.cert_file; set both, or neither for plain HTTP.",
	}},
	{"short token", func(c *config.Config) { c.BootstrapToken = config.NewSecret(canary[:31]) }, []string{
		"default: bootstrap_token_file holds a token that is too short; use at least 32 random bytes, such as openssl rand -hex 32 prints.",
	}},
	{"store", func(c *config.Config) { c.Store.URI = "postgres://db/usher" }, []string{
		"default: store.uri is not the address of a MongoDB; write one such as mongodb://db1,db2,db3/usher?replicaSet=rs0.",
	}},
	{"store with a password", func(c *config.Config) { c.Store.URI = "mongodb://usher:" + canary + "@db1,db2/usher" }, []string{
		"default: store.uri holds a password, which would show in lists of processes and in logs; put the whole address into a file and name that in store.uri_file.",
	}},
	{"store with a name", func(c *config.Config) { c.Store.URI = "mongodb://usher@db1,db2/usher?authMechanism=MONGODB-X509" }, nil},
	{"store from a file", func(c *config.Config) { c.Store.URIFile = config.NewSecret("usher:" + canary) }, []string{
		"default: store.uri_file names a file whose text is not the address of a MongoDB; write one such as mongodb://db1,db2,db3/usher?replicaSet=rs0.",
	}},
	{"good token", func(c *config.Config) { c.BootstrapToken = config.NewSecret(canary) }, nil},
	{"order", func(c *config.Config) {
		l := &c.Limits
		l.BodyBytes, l.ReadHeaderTimeout, l.RequestTimeout = 5<<20, time.Minute, 2*time.Minute
	}, []string{
		"default: limits.body_bytes is larger than limits.bulk_body_bytes, but a Bulk request carries other requests; lower it or raise limits.bulk_body_bytes.",
		"default: limits.read_header_timeout is larger than limits.read_timeout, but the header is part of the request; lower it or raise limits.read_timeout.",
		"default: limits.request_timeout is larger than limits.write_timeout, but the answer to a request that took too long must still be written; lower it or raise limits.write_timeout.",
	}},
}

// TestValidate holds the wording of everything a Config can get wrong.
func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range validations {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config.Default()
			tt.in(&c)
			if diff := cmp.Diff(tt.want, problems(t, "", c.Validate())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrderBlamesTheKeyThatWasSet(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Sources{Env: []string{"USHER_LIMITS_MAX_PAGE_SIZE=50", "USHER_LISTEN=:9090"}})
	want := []string{
		"USHER_LIMITS_MAX_PAGE_SIZE: limits.max_page_size is smaller than limits.page_size, but the default page must be an allowed one; raise it or lower limits.page_size.",
		"USHER_LISTEN: listen takes the same port as the other listener; give listen and ops_listen different ports.",
	}
	if diff := cmp.Diff(want, sorted(problems(t, "", err))); diff != "" {
		t.Error(diff)
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	const (
		relative = "default: base_url is not an absolute URL; write one such as https://scim.example.com."
		extra    = "default: base_url has a user, query or fragment, which would show in every meta.location; remove that part."
		suffix   = "default: base_url ends in /scim/v2, which the server adds itself; leave that part out."
	)
	for in, want := range map[string]string{
		"":                                 "",
		"https://scim.example.com":         "",
		"http://[::1]:8080/a/b/":           "",
		"scim.example.com":                 relative,
		"/scim":                            relative,
		"https://":                         relative,
		"https://:8080":                    relative,
		"ftp://scim.example.com":           relative,
		"https://a b":                      relative,
		"https://u:p@scim.example.com":     extra,
		"https://scim.example.com?x=1":     extra,
		"https://scim.example.com?":        extra,
		"https://scim.example.com#":        extra,
		"https://scim.example.com/x#f":     extra,
		"https://scim.example.com/scim/v2": suffix,
		"https://a.example/x/SCIM/v2/":     suffix,
	} {
		c := config.Default()
		c.BaseURL = in
		var wants []string
		if want != "" {
			wants = []string{want}
		}
		if diff := cmp.Diff(wants, problems(t, "", c.Validate())); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
}

// What is said about the URL of an issuer.
const (
	urlFine      = ""
	urlPlain     = "issuers[0].issuer is not https; use https, or set allow_private for an issuer inside the network."
	urlPrivate   = "issuers[0].issuer points to a private address; use a public one, or set allow_private for an issuer inside the network."
	urlForbidden = "issuers[0].issuer points to a link-local or otherwise special address, which is never fetched; use the issuer's real name."
	urlRelative  = "issuers[0].issuer is not an absolute URL; write one such as https://login.example.com/tenant."
	urlExtra     = "issuers[0].issuer has a user, query or fragment, which does not belong in it; remove that part."
	urlEmpty     = "issuers[0].issuer is empty; write the iss claim of the tokens, an https URL."
)

var issuerURLs = []struct{ in, want, wantPrivate string }{
	{"https://login.example.com/tenant", urlFine, urlFine},
	{"https://8.8.8.8", urlFine, urlFine},
	{"http://login.example.com", urlPlain, urlFine},
	{"http://169.254.169.254", urlForbidden, urlForbidden},
	{"https://169.254.169.254/latest", urlForbidden, urlForbidden},
	{"https://[::ffff:169.254.169.254]", urlForbidden, urlForbidden},
	{"https://[fe80::1%25eth0]", urlForbidden, urlForbidden},
	{"https://[fd00:ec2::254]", urlForbidden, urlForbidden},
	{"https://0.0.0.0", urlForbidden, urlForbidden},
	{"https://0.1.2.3", urlForbidden, urlForbidden},
	{"https://224.0.0.1", urlForbidden, urlForbidden},
	{"https://127.0.0.1:8443", urlPrivate, urlFine},
	{"https://[::1]", urlPrivate, urlFine},
	{"https://localhost", urlPrivate, urlFine},
	{"https://LOCALHOST.", urlPrivate, urlFine},
	{"https://a.localhost", urlPrivate, urlFine},
	{"https://10.0.0.1", urlPrivate, urlFine},
	{"https://192.168.1.1", urlPrivate, urlFine},
	{"https://100.64.0.1", urlPrivate, urlFine},
	{"https://[fc00::1]", urlPrivate, urlFine},
	{"login.example.com", urlRelative, urlRelative},
	{"file:///etc/passwd", urlRelative, urlRelative},
	{"https://u:p@login.example.com", urlExtra, urlExtra},
	{"https://login.example.com?x", urlExtra, urlExtra},
	{"", urlEmpty, urlEmpty},
}

// TestIssuerURLs is the configured half of K21.
func TestIssuerURLs(t *testing.T) {
	t.Parallel()
	for _, tt := range issuerURLs {
		for _, allow := range []bool{false, true} {
			c := config.Default()
			c.Issuers = []config.Issuer{{
				Issuer: tt.in, Audience: []string{"a"}, Algorithms: []string{"RS256"},
				Organization: "o", Connection: "c", ScopeClaim: "scope", SubjectClaim: "sub", AllowPrivate: allow,
			}}
			var want []string
			if text := map[bool]string{false: tt.want, true: tt.wantPrivate}[allow]; text != "" {
				want = []string{"default: " + text}
			}
			if diff := cmp.Diff(want, problems(t, "", c.Validate())); diff != "" {
				t.Errorf("%s, private %v: %s", tt.in, allow, diff)
			}
		}
	}
}

const badIssuers = `
issuers:
  - issuer: https://a.example
    jwks_url: https://169.254.169.254/keys
    audience: [""]
    subjects: [""]
    algorithms: [RS256, HS256, none]
  - issuer: https://b.example
    jwks_url: https://b.example/keys?policy=x
    audience: [x, y]
    claims: {tid: "1"}
    algorithms: []
    organization: o
    connection: c
    scope_claim: ""
    subject_claim: ""
  - issuer: https://b.example
    audience: [y, x, y]
    claims: {tid: "1"}
    organization: o2
    connection: c2
  - issuer: https://b.example
    audience: [x, y]
    claims: {tid: "2"}
    organization: o3
    connection: c3
`

// TestSubjectClaims is the configured half of K28: what people can change, or many have
// alike, says nobody's name.
func TestSubjectClaims(t *testing.T) {
	t.Parallel()
	for claim, good := range map[string]bool{
		"sub": true, "oid": true, "uid": true, "https://corp.example/employee_id": true,
		"email": false, "Email": false, "emails": false, "verified_primary_email": false, "upn": false, "preferred_username": false, "unique_name": false, "name": false,
		"phone_number": false, "login_hint": false, "tid": false, "azp": false, "appid": false, "client_id": false, "clientId": false, "aud": false, "groups": false, "sid": false,
	} {
		c := config.Default()
		c.Issuers = []config.Issuer{{
			Issuer: "https://login.example.com", Audience: []string{"a"}, Algorithms: []string{"RS256"},
			Organization: "o", Connection: "c", ScopeClaim: "scope", SubjectClaim: claim,
		}}
		var want []string
		if !good {
			want = []string{"default: issuers[0].subject_claim names a claim that people can change, that goes from one to another, or that many have alike; " +
				"use one that the issuer gives to one person and never again, such as sub or Entra's oid."}
		}
		if diff := cmp.Diff(want, problems(t, "", c.Validate())); diff != "" {
			t.Errorf("%s: %s", claim, diff)
		}
	}
}

func TestIssuers(t *testing.T) {
	t.Parallel()
	_, path := setup(t, badIssuers)
	_, err := config.Load(config.Sources{File: path})
	want := []string{
		path + ":4: issuers[0].jwks_url points to a link-local or otherwise special address, which is never fetched; use the issuer's real name.",
		path + ":5: issuers[0].audience holds an empty text; remove it or write the value.",
		path + ":6: issuers[0].subjects holds an empty text; remove it or write the value.",
		path + ":3: issuers[0].organization is empty; name the organization that the token acts in.",
		path + ":3: issuers[0].connection is empty; name the connection that the token acts as.",
		path + ":7: issuers[0].algorithms holds one that is not accepted; use only RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA.",
		path + ":15: issuers[1].scope_claim is empty; name the claim that lists the scopes, such as scope.",
		path + ":16: issuers[1].subject_claim is empty; name the claim that says which person a token is about, such as sub.",
		path + ":12: issuers[1].algorithms is empty; list at least one, such as RS256.",
		path + ":17: issuers[2] matches the same tokens as issuers[1]; tell the two apart by audience, subjects or claims, or remove one.",
	}
	if diff := cmp.Diff(want, problems(t, "", err)); diff != "" {
		t.Error(diff)
	}
}
