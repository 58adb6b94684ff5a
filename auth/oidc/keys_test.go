package oidc_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth/oidc"
	"github.com/usher-scim/usher/auth/oidc/oidctest"
)

func TestK21_OneFetchForManyUnknownKeys(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := range 250 {
				f.refuses(t, i.Sign(claims{"kid": fmt.Sprint("unknown-", worker, "-", n)}, nil))
			}
		})
	}
	wg.Wait()
	if got := i.Fetches(); got != 1 {
		t.Fatalf("%d fetches", got)
	}
	f.clock.advance(time.Minute)
	f.refuses(t, i.Sign(claims{"kid": "unknown"}, nil))
	f.refuses(t, i.Sign(claims{"kid": "unknown again"}, nil))
	if got := i.Fetches(); got != 2 {
		t.Fatalf("%d fetches after a minute", got)
	}
}

func TestK21_Rotation(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	before := i.Token(nil)
	f.accepts(t, before)
	i.Rotate()
	after := i.Token(nil)
	f.refuses(t, after) // too early to ask again
	f.clock.advance(time.Minute)
	f.accepts(t, after)
	f.refuses(t, before)
}

func TestK21_Outage(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	year := claims{"exp": time.Now().Add(365 * 24 * time.Hour).Unix()}
	token := i.Token(year)
	f.accepts(t, token)
	i.SetDown(true)
	f.clock.advance(23 * time.Hour)
	f.accepts(t, token)
	f.unavailable(t, i.Sign(claims{"kid": "new"}, year)) // who knows
	f.clock.advance(time.Hour)
	f.unavailable(t, token)
	f.refuses(t, i.Token(claims{"aud": "other"}))
	i.SetDown(false)
	f.unavailable(t, token) // asked a moment ago
	f.clock.advance(5 * time.Second)
	f.accepts(t, token)
}

func TestK21_DownFromTheStart(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	i.SetDown(true)
	f := setup(t, bind(i))
	f.unavailable(t, i.Token(nil))
	i.SetDown(false)
	f.clock.advance(5 * time.Second)
	f.accepts(t, i.Token(nil))
}

func TestK21_KeysAreFetchedAgain(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	b := bind(i)
	b.JWKSURL = i.JWKSURL()
	f := setup(t, b)
	f.accepts(t, i.Token(nil))
	i.Rotate()
	f.clock.advance(15 * time.Minute)
	f.accepts(t, i.Sign(claims{"kid": nil}, nil)) // a key without a name is noticed as well
	if got := i.Fetches(); got != 2 {
		t.Errorf("%d fetches", got)
	}
}

// badDocuments are answers in place of a key set. Where it matters they hold the
// good keys as well, so that nothing but the defect can be the reason.
func badDocuments(good string) map[string]string {
	keys := strings.TrimSuffix(good, "]}")
	return map[string]string{
		"10 MB": good[:len(good)-1] + `,"x":"` + strings.Repeat("x", 10<<20) + `"}`, "empty": "", "no keys": `{"keys":[]}`, "not JSON": "<html>",
		"a secret key":         `{"keys":[{"kty":"oct","kid":"rsa-1","k":"` + strings.Repeat("A", 43) + `"}]}`,
		"a weak key":           `{"keys":[{"kty":"RSA","kid":"rsa-1","e":"AQAB","n":"` + strings.Repeat("q", 171) + `"}]}`,
		"too many keys":        keys + strings.Repeat(",{}", 99) + "]}",
		"a key for encryption": strings.ReplaceAll(good, `"sig"`, `"enc"`),
	}
}

func TestK21_BadDocuments(t *testing.T) {
	t.Parallel()
	good := issuer(t)
	for name := range badDocuments("{}]}") {
		t.Run(name, func(t *testing.T) {
			i := issuer(t)
			bad := func() { i.SetDocument([]byte(badDocuments(get(t, i.JWKSURL()))[name])) }
			bad()
			f := setup(t, bind(i), bind(good))
			f.unavailable(t, i.Token(nil))
			f.accepts(t, good.Token(nil)) // others are not concerned
			i.Rotate()
			f.clock.advance(5 * time.Second)
			f.accepts(t, i.Token(nil))
			bad()
			f.clock.advance(time.Hour - time.Minute)
			f.accepts(t, i.Token(nil)) // the keys it had
		})
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestK21_NoRedirects(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	redirect := httptest.NewServer(http.RedirectHandler(i.JWKSURL(), http.StatusFound))
	t.Cleanup(redirect.Close)
	b := bind(i)
	b.JWKSURL = redirect.URL
	f := setup(t, b)
	f.unavailable(t, i.Token(nil))
	if got := i.Fetches(); got != 0 {
		t.Errorf("the redirect was followed %d times", got)
	}
}

// Metadata of another issuer, or that leads to an address out of reach.
func TestK21_Metadata(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	good := i.JWKSURL()
	for name, metadata := range map[string]struct{ issuer, keys string }{
		"good": {"", good}, "other issuer": {"/", good}, "link-local": {"", "http://169.254.169.254/"},
		"file": {"", "file:///etc/passwd"}, "none": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, server.URL+metadata.issuer, metadata.keys)
			}))
			t.Cleanup(server.Close)
			f := setup(t, bind(&oidctest.Issuer{URL: server.URL}))
			if token := i.Token(claims{"iss": server.URL}); name == "good" {
				f.accepts(t, token)
			} else {
				f.unavailable(t, token)
			}
		})
	}
}

// A name that leads to an address out of reach is found out when it is dialled,
// before any connection.
func TestK21_NamesAreCheckedWhenDialled(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var connects atomic.Int64
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			connects.Add(1)
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	b := bind(&oidctest.Issuer{URL: "https://localhost:" + port})
	v, err := oidc.New([]oidc.Binding{b}, setup(t).conns, oidc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Verifier: v}
	f.unavailable(t, issuer(t).Token(claims{"iss": b.Issuer}))
	if got := connects.Load(); got != 0 {
		t.Errorf("%d connects", got)
	}
}
