package app_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-scim/usher/auth/oidc/oidctest"
	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/config"
)

// forged is a token that the issuer of the vectors signs, and what is wrong with it.
// In its texts {issuer} and {collector} are addresses, {good} is a token with nothing
// wrong; a claim such as "now+90" is a time.
type forged struct {
	Header, Claims       map[string]any // to add or to replace; null leaves out
	RawHeader, RawClaims string         // as they are; {claims} are the usual ones
	Signature            string         // instead of its own: of a stranger, of another token, empty, zeroes, or HMAC over a form of the public key
	Text                 string         // no token of the issuer at all
}

// mint is the issuer of a file of vectors, with somebody whose addresses may be in a
// token and whom nobody may ask for keys.
type mint struct {
	*oidctest.Issuer
	stranger  *oidctest.Issuer
	collector *httptest.Server
	asked     atomic.Int64
}

func newMint(t *testing.T) *mint {
	t.Helper()
	m := &mint{Issuer: oidctest.New(), stranger: oidctest.New()}
	m.collector = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { m.asked.Add(1) }))
	t.Cleanup(func() {
		m.Close()
		m.stranger.Close()
		m.collector.Close()
		if n := m.asked.Load(); n != 0 {
			t.Errorf("K20: %d requests went where a token says that the keys are", n)
		}
	})
	return m
}

// trust makes a server take the tokens of the issuer.
func (m *mint) trust(cfg *config.Config) {
	cfg.Issuers = []config.Issuer{{Issuer: m.URL, JWKSURL: m.JWKSURL(), Audience: []string{"usher"}, Algorithms: []string{"RS256"},
		Organization: "default", Connection: "default", ScopeClaim: "scope", AllowPrivate: true}}
}

// becomes is what happens to the issuer before a request.
func (m *mint) becomes(t *testing.T, what string) {
	t.Helper()
	switch what {
	case "":
	case "down":
		m.SetDown(true)
	case "rotated":
		m.Rotate()
	case "large":
		answer, err := http.Get(m.JWKSURL())
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		good, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		m.SetDocument([]byte(string(good[:len(good)-1]) + `,"x":"` + strings.Repeat("x", 10<<20) + `"}`))
	default:
		t.Fatalf("an issuer cannot become %s", what)
	}
}

// token makes the token.
func (m *mint) token(t *testing.T, f *forged) string {
	t.Helper()
	good := m.Token(nil)
	names := strings.NewReplacer("{issuer}", m.URL, "{collector}", m.collector.URL, "{good}", good, "{head}", strings.SplitAfter(good, ".")[0])
	if f.Text != "" {
		return names.Replace(f.Text)
	}
	token := m.Sign(told(names, f.Header), told(names, f.Claims))
	if f.Signature == "stranger" {
		return m.stranger.Token(map[string]any{"iss": m.URL})
	}
	if f.RawHeader != "" || f.RawClaims != "" {
		claims := decodedPart(t, good, 1)
		header := f.RawHeader
		if header == "" {
			header = decodedPart(t, good, 0)
		}
		if f.RawClaims != "" {
			claims = strings.ReplaceAll(f.RawClaims, "{claims}", strings.Trim(claims, "{}"))
		}
		token = m.SignRaw("RS256", []byte(header), []byte(claims))
	}
	input := token[:strings.LastIndex(token, ".")]
	if kind, is := strings.CutPrefix(f.Signature, "hmac "); is {
		mac := hmac.New(sha256.New, m.publicKey(t, kind))
		mac.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	switch f.Signature {
	case "":
		return token
	case "empty":
		return input + "."
	case "zeroes":
		return input + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	case "of another token":
		return input + good[strings.LastIndex(good, "."):]
	}
	t.Fatalf("there is no signature %s", f.Signature)
	return ""
}

// told replaces names and times in the members of a header or of claims.
func told(names *strings.Replacer, members map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range members {
		if text, is := value.(string); is {
			value = names.Replace(text)
			if after, timed := strings.CutPrefix(text, "now"); timed {
				n, _ := strconv.ParseInt(after, 10, 64) // "now" itself is 0 from now
				value = time.Now().Unix() + n
			}
		}
		out[name] = value
	}
	return out
}

func decodedPart(t *testing.T, token string, n int) string {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// publicKey is the key of the issuer as somebody may take it for a secret.
func (m *mint) publicKey(t *testing.T, form string) []byte {
	t.Helper()
	key := m.PublicKey()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "rsa-1"})
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string][]byte{"der": der, "pem": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "pkcs1": x509.MarshalPKCS1PublicKey(key), "modulus": key.N.Bytes(), "jwk": jwk}
	if forms[form] == nil {
		t.Fatalf("there is no form %s", form)
	}
	return forms[form]
}

// K21: an issuer at an address that leads into the machine or its cloud is refused
// when the server is put together.
func TestK21IssuerOutOfReach(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://169.254.169.254", "https://169.254.169.254", "https://[fd00:ec2::254]", "http://127.0.0.1:1", "file:///etc/passwd"} {
		cfg := settings(t)
		cfg.Issuers = []config.Issuer{{Issuer: url, Audience: []string{"usher"}, Algorithms: []string{"RS256"}, Organization: "default", Connection: "default", ScopeClaim: "scope"}}
		if a, err := app.New(t.Context(), cfg, io.Discard); err == nil {
			t.Errorf("the issuer %s is accepted", url)
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
