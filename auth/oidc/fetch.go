package oidc

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What is taken from an issuer, which may be hostile or broken (K21).
const (
	maxDocument  = 1 << 20
	maxKeys      = 100
	fetchTimeout = 5 * time.Second
)

// source is where the keys of an issuer come from.
type source struct {
	issuer string
	url    string // of the keys; empty until discovered
	found  bool   // url came from the metadata
	reach  reach
	client *http.Client
}

func newSource(b *binding, r reach) *source {
	dialer := &net.Dialer{Timeout: fetchTimeout, Control: r.control}
	return &source{
		issuer: b.Issuer, url: b.JWKSURL, reach: r,
		client: &http.Client{
			Timeout: fetchTimeout,
			// A redirect would lead where nobody looked.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSHandshakeTimeout: fetchTimeout,
				MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
				// Fetches are minutes apart.
				DisableKeepAlives: true,
			},
		},
	}
}

// fetch returns the keys that the issuer publishes now. After a failure the
// address is discovered anew the next time.
func (s *source) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	if s.url == "" {
		if err := s.discover(ctx); err != nil {
			return nil, err
		}
	}
	body, err := s.get(ctx, s.url)
	if err == nil {
		var keys []jose.JSONWebKey
		if keys, err = parseKeys(body); err == nil {
			return keys, nil
		}
	}
	if s.found {
		s.url, s.found = "", false
	}
	return nil, err
}

// discover finds the keys through the metadata, which must be of this very issuer
// (OpenID Connect Discovery section 4.3).
func (s *source) discover(ctx context.Context) error {
	body, err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return err
	}
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &metadata); err != nil {
		return fmt.Errorf("metadata of %s: %w", s.issuer, err)
	}
	if metadata.Issuer != s.issuer {
		return fmt.Errorf("the metadata of %s is that of another issuer", s.issuer)
	}
	if err := checkURL(metadata.JWKSURI, s.reach); err != nil {
		return fmt.Errorf("metadata of %s: %w", s.issuer, err)
	}
	s.url, s.found = metadata.JWKSURI, true
	return nil
}

func (s *source) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: status %d", url, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("get %s: %w", url, err)
	case len(body) > maxDocument:
		return nil, fmt.Errorf("get %s: the answer is larger than 1 MiB", url)
	}
	return body, nil
}

// parseKeys reads a JWK set and leaves out what cannot verify a signature: keys of
// other kinds, of other use, weak or private ones.
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set: more than %d keys", maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && k.IsPublic() && k.Valid() && (k.Use == "" || k.Use == "sig") && strong(k.Key) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no usable key")
	}
	return keys, nil
}

// strong leaves out RSA keys that are too short to trust or so long that a
// signature takes its time.
func strong(key any) bool {
	k, ok := key.(*rsa.PublicKey)
	return !ok || k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192
}
