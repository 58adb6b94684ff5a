package auth

import (
	"errors"
	"net/http"
	"strings"
)

// maxCredential bounds what is looked at, so that no parser sees more (K22).
const maxCredential = 8 << 10

var (
	errNoHeader   = errors.New("there is no Authorization header")
	errNotBearer  = errors.New("the Authorization header is not of the Bearer scheme")
	errHeaders    = errors.New("there is more than one Authorization header")
	errNotToken68 = errors.New("what follows the scheme is not a single token of the allowed characters")
	errTooLong    = errors.New("the credential is too long")
	errInQuery    = errors.New("the query holds access_token")
)

// Bearer returns the credential of a request: exactly one Authorization header
// with the scheme in any case, one space and a token68 (RFC 6750 section 2.1,
// RFC 9110 section 11.2). A token in the query is refused even beside a good
// header, because by then it is in somebody's log (RFC 7644 section 7.4). The
// error is an *Error with status 401.
func Bearer(r *http.Request) (string, error) {
	if strings.Contains(r.URL.RawQuery, "access_token") && r.URL.Query().Has("access_token") {
		return "", Malformed(errInQuery)
	}
	headers := r.Header["Authorization"]
	switch len(headers) {
	case 0:
		return "", Missing(errNoHeader)
	case 1:
	default:
		return "", Malformed(errHeaders)
	}
	const scheme = "bearer"
	h := headers[0]
	if len(h) < len(scheme) || !strings.EqualFold(h[:len(scheme)], scheme) {
		return "", Missing(errNotBearer)
	}
	h = h[len(scheme):]
	switch {
	case len(h) > maxCredential:
		return "", Malformed(errTooLong)
	case !strings.HasPrefix(h, " ") || !Token68(h[1:]):
		return "", Malformed(errNotToken68)
	}
	return h[1:], nil
}

// Token68 reports whether s can stand in an Authorization header: one or more of
// the characters A-Z a-z 0-9 - . _ ~ + / and then any number of = (RFC 9110
// section 11.2).
func Token68(s string) bool {
	end := len(s)
	for end > 0 && s[end-1] == '=' {
		end--
	}
	for i := range end {
		if !token68[s[i]] {
			return false
		}
	}
	return end > 0
}

var token68 = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") {
		t[c] = true
	}
	return t
}()
