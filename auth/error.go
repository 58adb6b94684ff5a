package auth

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is a request that was turned away. A client sees Status, Challenge and
// Detail; Cause is for the log alone. Neither holds a secret.
type Error struct {
	// Status is 401, 403 or 503.
	Status int
	// Challenge is the value of the WWW-Authenticate header (RFC 6750 section
	// 3), empty when there is none to send.
	Challenge string
	// Detail is one sentence. It is the same for every credential that is not
	// accepted, so that it tells nothing about which exist.
	Detail string
	// Cause is what precisely was wrong.
	Cause error
}

// Error returns the status and the detail, without the cause.
func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Detail) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

const challenge = `Bearer realm="usher"`

// Missing is the answer to a request without a bearer credential. RFC 6750
// section 3.1 asks for a challenge without an error code then.
func Missing(cause error) *Error {
	return &Error{
		Status: http.StatusUnauthorized, Challenge: challenge, Cause: cause,
		Detail: "This needs a bearer token; send it in an Authorization header.",
	}
}

// Malformed is the answer to credentials that were sent in a way that is not
// allowed.
func Malformed(cause error) *Error {
	return &Error{
		Status: http.StatusUnauthorized, Challenge: challenge + `, error="invalid_request"`, Cause: cause,
		Detail: "The token was not sent as it must be: in one Authorization header, as the word Bearer, one space and the token.",
	}
}

// Invalid is the answer to every credential that is not accepted: unknown,
// wrong, expired, revoked or meant for somebody else.
func Invalid(cause error) *Error {
	return &Error{
		Status: http.StatusUnauthorized, Challenge: challenge + `, error="invalid_token"`, Cause: cause,
		Detail: "The bearer token is not accepted; check that it is complete, current and meant for this server.",
	}
}

// Nameless is the answer to an access token that is good, but without the claim by
// which its binding knows people.
func Nameless(claim string) *Error {
	return &Error{
		Status: http.StatusUnauthorized, Challenge: challenge + `, error="invalid_token"`, Cause: errors.New("the claim for people is missing or not a line of text"),
		Detail: fmt.Sprintf("The access token is without the claim %s, by which people are known here, and does not say that it is a machine's; "+
			"have its issuer put that claim into it.", claim),
	}
}

// Unavailable is the answer when a credential cannot be judged now: the store or
// the keys of an issuer are out of reach. The caller may try again.
func Unavailable(cause error) *Error {
	return &Error{
		Status: http.StatusServiceUnavailable, Cause: cause,
		Detail: "The bearer token cannot be checked at the moment; try again shortly.",
	}
}

// Insufficient is the answer to a known caller without the scope that a request
// needs.
func Insufficient(scope string) *Error {
	return &Error{
		Status:    http.StatusForbidden,
		Challenge: fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, challenge, scope),
		Detail: fmt.Sprintf("The credential does not have the scope %s, which this request needs; "+
			"use one that has it, or add it to the connection and its token.", scope),
	}
}

// Unmarked is the answer to an access token that states no scopes and tells nothing of
// whose it is, where a request needs a scope.
func Unmarked(scope string) *Error {
	e := Insufficient(scope)
	e.Detail = fmt.Sprintf("The access token states no scopes and does not say that it is a machine's, so it does not have the scope %s, which this request needs; "+
		"have its issuer state scopes, or name its subject in the configuration of the issuer.", scope)
	return e
}
