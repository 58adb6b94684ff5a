// Package oidctest is an issuer of access tokens for tests: a real server on
// loopback with real keys, which can rotate them, go down and misbehave.
package oidctest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"
)

// Issuer serves its metadata and its keys over HTTP and signs tokens. It is safe
// for concurrent use.
type Issuer struct {
	// URL is the iss of its tokens.
	URL string

	server  *httptest.Server
	fetches atomic.Int64
	down    atomic.Bool

	mu       sync.Mutex
	keys     keyPair
	document []byte // instead of the key set
}

// New starts an issuer with an RSA and an EC key. Close it in the end.
func New() *Issuer {
	i := &Issuer{keys: newKeyPair(1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.metadata)
	mux.HandleFunc("GET /keys", i.keySet)
	i.server = httptest.NewServer(mux)
	i.URL = i.server.URL
	return i
}

// Close stops the server.
func (i *Issuer) Close() { i.server.Close() }

// JWKSURL is where the keys are.
func (i *Issuer) JWKSURL() string { return i.URL + "/keys" }

// SetDown makes the issuer answer 503 to everything, or no longer.
func (i *Issuer) SetDown(down bool) { i.down.Store(down) }

// Fetches returns how often the keys were asked for, also while down.
func (i *Issuer) Fetches() int { return int(i.fetches.Load()) }

// Rotate replaces the keys; the old ones are gone at once.
func (i *Issuer) Rotate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = newKeyPair(i.keys.number + 1)
	i.document = nil
}

// SetDocument serves the bytes instead of the key set, until Rotate.
func (i *Issuer) SetDocument(b []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.document = b
}

// Token returns an access token signed with RS256. The claims are added to, or
// replace, these: iss, aud "usher", sub and client_id "client" as of a machine (RFC 9068
// section 2.2), iat, and exp in an hour. A claim that is nil is left out.
func (i *Issuer) Token(claims map[string]any) string {
	return i.Sign(map[string]any{"typ": "at+jwt"}, claims)
}

// Sign is Token with header members to add, to replace, or, when nil, to leave
// out. The member alg chooses the signature: RS256, PS256 or ES256; any other gets
// an empty one. The member kid is by default that of the key.
func (i *Issuer) Sign(header, claims map[string]any) string {
	now := time.Now()
	payload := merge(map[string]any{
		"iss": i.URL, "aud": "usher", "sub": "client", "client_id": "client",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}, claims)
	h := merge(map[string]any{"alg": "RS256"}, header)
	keys := i.current()
	alg, _ := h["alg"].(string)
	if _, given := header["kid"]; !given {
		h["kid"] = keys.id(alg)
	}
	return keys.sign(alg, encode(h), encode(payload))
}

// SignRaw signs any header and claims as they are, with the present key of the
// algorithm.
func (i *Issuer) SignRaw(algorithm string, header, claims []byte) string {
	return i.current().sign(algorithm, header, claims)
}

func (i *Issuer) current() keyPair {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys
}

func merge(base, over map[string]any) map[string]any {
	maps.Copy(base, over)
	maps.DeleteFunc(base, func(_ string, v any) bool { return v == nil })
	return base
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the test gave something that is not JSON
	}
	return b
}

func (i *Issuer) metadata(w http.ResponseWriter, _ *http.Request) {
	i.answer(w, encode(map[string]string{"issuer": i.URL, "jwks_uri": i.JWKSURL()}))
}

func (i *Issuer) keySet(w http.ResponseWriter, _ *http.Request) {
	i.fetches.Add(1)
	i.mu.Lock()
	body := i.document
	if body == nil {
		body = i.keys.public()
	}
	i.mu.Unlock()
	i.answer(w, body)
}

func (i *Issuer) answer(w http.ResponseWriter, body []byte) {
	if i.down.Load() {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
