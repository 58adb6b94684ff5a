package oidc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/oidc/oidctest"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// body returns the claims part of a good token.
func body(i *oidctest.Issuer) string { return strings.Split(i.Token(nil), ".")[1] }

func TestK18_AlgorithmConfusion(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	f.accepts(t, i.Token(nil))
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS1", "rs256", "RS512", "EdDSA", nil, 256, []string{"RS256"}} {
		header, _ := json.Marshal(claims{"alg": alg, "kid": "rsa-1"})
		for _, signature := range []string{"", "AA", strings.Split(i.Token(nil), ".")[2]} {
			f.refuses(t, b64(header)+"."+body(i)+"."+signature)
		}
	}
	der, _ := x509.MarshalPKIXPublicKey(i.PublicKey())
	jwk, _ := json.Marshal(jose.JSONWebKey{Key: i.PublicKey(), KeyID: "rsa-1"})
	for _, secret := range [][]byte{
		der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		x509.MarshalPKCS1PublicKey(i.PublicKey()), i.PublicKey().N.Bytes(), jwk,
	} {
		input := b64([]byte(`{"alg":"HS256","kid":"rsa-1"}`)) + "." + body(i)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		f.refuses(t, input+"."+b64(mac.Sum(nil)))
	}
	for _, kid := range []string{"ec-1", "rsa-1"} { // an EC signature of zeroes, and under an RSA key
		header, _ := json.Marshal(claims{"alg": "ES256", "kid": kid})
		f.refuses(t, b64(header)+"."+body(i)+"."+b64(make([]byte, 64)))
	}
	f.refuses(t, i.Sign(claims{"alg": "RS256", "kid": "ec-1"}, nil))
}

func TestK18_Headers(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	for name, header := range map[string]claims{
		"crit": {"crit": []string{"exp"}, "exp": 1}, "crit empty": {"crit": []string{}}, "b64": {"b64": false, "crit": []string{"b64"}},
		"b64 alone": {"b64": false}, "jwk": {"jwk": claims{}}, "zip": {"zip": "DEF"}, "enc": {"enc": "A256GCM"},
		"typ of an ID token": {"typ": "id_token+jwt"}, "typ of a logout token": {"typ": "logout+jwt"}, "typ number": {"typ": 1},
	} {
		t.Run(name, func(t *testing.T) { f.refuses(t, i.Sign(header, nil)) })
	}
	payload, _ := base64.RawURLEncoding.DecodeString(body(i))
	for _, header := range []string{
		`{"alg":"RS256","kid":"rsa-1","alg":"RS256"}`, `{"alg":"none","alg":"RS256","kid":"rsa-1"}`,
		`{"kid":"x","alg":"RS256","kid":"rsa-1"}`, `{"\u0061lg":"none","alg":"RS256","kid":"rsa-1"}`,
		`{"ALG":"RS256","kid":"rsa-1"}`, `["RS256"]`, `null`, `"RS256"`, ``, `{`, `{"alg":"RS256","kid":"rsa-1"}x`,
		"{\"alg\":\"RS256\",\"kid\":\"rsa-1\",\"x\":\"\xff\"}",
	} {
		f.refuses(t, i.SignRaw("RS256", []byte(header), payload))
	}
	f.accepts(t, i.SignRaw("RS256", []byte(`{"kid":"rsa-1" , "alg":"RS256"}`), payload))
	for _, twice := range []string{`"sub":"other"`, `"aud":"usher"`, `"exp":9999999999`} {
		f.refuses(t, i.SignRaw("RS256", []byte(`{"alg":"RS256","kid":"rsa-1"}`), []byte("{"+twice+","+string(payload[1:]))))
	}
}

func TestK19_MutatedTokens(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	now := time.Now().Unix()
	for name, c := range map[string]claims{
		"aud wrong": {"aud": "other"}, "aud missing": {"aud": nil}, "aud empty": {"aud": ""}, "aud empty list": {"aud": []string{}},
		"aud list with another": {"aud": []string{"usher", "other"}}, "aud list in list": {"aud": []any{[]string{"usher"}}},
		"aud number": {"aud": 1}, "aud case": {"aud": "Usher"}, "aud prefix": {"aud": "usher/x"},
		"iss slash": {"iss": i.URL + "/"}, "iss missing": {"iss": nil}, "iss case": {"iss": strings.ToUpper(i.URL)}, "iss list": {"iss": []string{i.URL}},
		"exp past": {"exp": now - 61}, "exp missing": {"exp": nil}, "exp text": {"exp": fmt.Sprint(now + 60)}, "exp zero": {"exp": 0},
		"exp negative": {"exp": -1}, "exp huge": {"exp": 1e300}, "exp null": {"exp": json.RawMessage("null")}, "exp true": {"exp": true},
		"nbf future": {"nbf": now + 90}, "nbf text": {"nbf": "0"}, "iat future": {"iat": now + 90}, "iat text": {"iat": fmt.Sprint(now)},
		"sub missing": {"sub": nil}, "sub empty": {"sub": ""}, "sub number": {"sub": 1}, "sub lines": {"sub": "a\nb"}, "sub long": {"sub": strings.Repeat("a", 256)},
		"ID token by nonce": {"nonce": "n"}, "ID token by at_hash": {"at_hash": "h"}, "ID token of Keycloak": {"typ": "ID"}, "ID token of Cognito": {"token_use": "id"},
		"refresh token": {"typ": "Refresh"}, "refresh token RT": {"typ": "RT"}, "offline token": {"typ": "Offline"}, "refresh by type": {"token_type": "refresh"},
		"logout token": {"events": claims{"http://schemas.openid.net/event/backchannel-logout": claims{}}}, "typ list": {"typ": []string{"Bearer"}},
	} {
		t.Run(name, func(t *testing.T) { f.refuses(t, i.Token(c)) })
	}
	stranger := issuer(t)
	f.refuses(t, stranger.Sign(claims{"kid": "rsa-1"}, claims{"iss": i.URL}))
	f.refuses(t, stranger.Sign(claims{"kid": nil}, claims{"iss": i.URL}))
	good := strings.Split(i.Token(nil), ".")
	other := strings.Split(i.Token(claims{"sub": "other"}), ".")
	f.refuses(t, good[0]+"."+other[1]+"."+good[2])
}

func TestK20_HeaderDoesNotChooseTheKey(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(collector.Close)
	i := issuer(t)
	f := setup(t, bind(i))
	f.accepts(t, i.Token(nil))
	for _, kid := range []any{"../../x", "' or 1=1", strings.Repeat("k", 10<<10), strings.Repeat("k", 257), "a\x00b", "é", "", 1, []string{"rsa-1"}, collector.URL} {
		token := i.Sign(claims{"kid": kid}, nil)
		f.refuses(t, token)
		_, err := f.Verify(t.Context(), token)
		if e := err.(*auth.Error); strings.Contains(fmt.Sprint(e, e.Cause), fmt.Sprint(kid)) && kid != "" && kid != 1 {
			t.Errorf("the kid is in %v, %v", e, e.Cause)
		}
	}
	// None of what follows may even lead to a look at the issuer's keys.
	f.clock.advance(2 * time.Minute)
	for _, kid := range []any{strings.Repeat("k", 257), "a\x00b", "é", "", 1, []string{"rsa-1"}} {
		f.refuses(t, i.Sign(claims{"kid": kid}, nil))
	}
	for _, name := range []string{"jku", "x5u"} {
		f.refuses(t, i.Sign(claims{name: collector.URL}, nil))
	}
	f.refuses(t, i.Sign(claims{"jwk": jose.JSONWebKey{Key: i.PublicKey()}}, nil))
	if hits.Load() != 0 || i.Fetches() != 1 {
		t.Errorf("%d connects to the collector, %d fetches", hits.Load(), i.Fetches())
	}
}

func TestK22_LargeAndForeignForms(t *testing.T) {
	i := issuer(t)
	f := setup(t, bind(i))
	good := i.Token(nil)
	f.accepts(t, good)
	dots := strings.Repeat(".", 64<<10)
	for name, token := range map[string]string{
		"dots": dots, "few dots": strings.Repeat(".", 8<<10), "JWE": "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AA.AA.AA.AA",
		"two parts": "eyJ.e30", "no signature": good[:strings.LastIndex(good, ".")+1], "empty claims": "eyJ..AA", "empty header": ".e30.AA",
		"padding": good + "=", "space": good[:10] + " " + good[10:], "line": good + "\n", "JSON form": `{"payload":"","signatures":[]}`,
		"large": i.Token(claims{"x": strings.Repeat("x", 8<<10)}), "zip": i.Sign(claims{"zip": "DEF"}, nil), "empty": "",
		"deep": i.SignRaw("RS256", []byte(strings.Repeat(`{"a":`, 1000)), []byte("{}")),
	} {
		t.Run(name, func(t *testing.T) { f.refuses(t, token) })
	}
	start := time.Now()
	if n := testing.AllocsPerRun(100, func() { _, _ = f.Verify(t.Context(), dots) }); n > 0 {
		t.Errorf("%v allocations for 64 KB of dots", n)
	}
	if took := time.Since(start) / 101; took > 5*time.Millisecond {
		t.Errorf("64 KB of dots take %v", took)
	}
}
