package oidc_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

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

func TestK21_BadDocuments(t *testing.T) {
	t.Parallel()
	good := issuer(t)
	huge := append([]byte(`{"keys":[],"x":"`), bytes.Repeat([]byte("x"), 10<<20)...)
	for name, document := range map[string][]byte{
		"10 MB": append(huge, `"}`...), "empty": {}, "no keys": []byte(`{"keys":[]}`), "not JSON": []byte("<html>"),
		"a secret key":  []byte(`{"keys":[{"kty":"oct","kid":"rsa-1","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`),
		"a weak key":    []byte(`{"keys":[{"kty":"RSA","kid":"rsa-1","e":"AQAB","n":"` + string(bytes.Repeat([]byte("q"), 171)) + `"}]}`),
		"too many keys": []byte(`{"keys":[` + string(bytes.Repeat([]byte("{},"), 100)) + `{}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			i := issuer(t)
			i.SetDocument(document)
			f := setup(t, bind(i), bind(good))
			f.unavailable(t, i.Token(nil))
			f.accepts(t, good.Token(nil)) // others are not concerned
			i.Rotate()
			f.clock.advance(5 * time.Second)
			f.accepts(t, i.Token(nil))
			i.SetDocument(document)
			f.clock.advance(time.Hour - time.Minute)
			f.accepts(t, i.Token(nil)) // the keys it had
		})
	}
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
	for name, metadata := range map[string]func(self string) string{
		"other issuer": func(self string) string { return `{"issuer":"` + self + `/","jwks_uri":"` + self + `"}` },
		"link-local":   func(self string) string { return `{"issuer":"` + self + `","jwks_uri":"http://169.254.169.254/"}` },
		"file":         func(self string) string { return `{"issuer":"` + self + `","jwks_uri":"file:///etc/passwd"}` },
		"none":         func(self string) string { return `{"issuer":"` + self + `"}` },
		"not JSON":     func(string) string { return "no" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(metadata(server.URL)))
			}))
			t.Cleanup(server.Close)
			b := bind(&oidctest.Issuer{URL: server.URL})
			f := setup(t, b)
			f.unavailable(t, issuer(t).Token(claims{"iss": server.URL}))
		})
	}
}
