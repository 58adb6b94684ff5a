package auth

import (
	"errors"
	"net/http"
	"strings"
)

// TokenPrefix starts every token the server makes, so that scanners for leaked
// secrets can find them.
const TokenPrefix = "usher_"

// Chain authenticates requests by whichever verifier understands the credential:
// what is shaped as a signed JWT goes to Issuers and everything else to Tokens.
// Nothing is tried twice. The verifiers may be nil, and then accept nothing.
type Chain struct {
	Tokens  Verifier
	Issuers Verifier
}

var errNoVerifier = errors.New("nothing here accepts credentials of this kind")

// Authenticate returns the principal of the request's bearer credential. Its
// errors are those of Bearer and of the verifier that was asked.
func (c Chain) Authenticate(r *http.Request) (Principal, error) {
	credential, err := Bearer(r)
	if err != nil {
		return Principal{}, err
	}
	v := c.Tokens
	if JWTShaped(credential) {
		v = c.Issuers
	}
	if v == nil {
		return Principal{}, Invalid(errNoVerifier)
	}
	return v.Verify(r.Context(), credential)
}

// JWTShaped reports whether a credential is taken for a signed JWT: three parts
// with dots between (RFC 7515 section 7.1), without the prefix of our own tokens.
func JWTShaped(credential string) bool {
	return !strings.HasPrefix(credential, TokenPrefix) && strings.Count(credential, ".") == 2
}
