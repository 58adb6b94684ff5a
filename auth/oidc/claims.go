package oidc

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// skew is how far the clock of an issuer may be from ours.
const skew = time.Minute

// maxSubject is what OpenID Connect Core section 2 allows a sub to have.
const maxSubject = 255

// current checks the times of a token: exp must be there, nbf and iat may be. It
// returns exp.
func (o object) current(now time.Time) (time.Time, error) {
	exp, ok := o.date("exp")
	switch {
	case !ok:
		return exp, errors.New("the exp claim is missing or not a number")
	case !now.Before(exp.Add(skew)):
		return exp, errors.New("the token has expired")
	}
	for _, name := range []string{"nbf", "iat"} {
		if _, present := o[name]; !present {
			continue
		}
		at, ok := o.date(name)
		switch {
		case !ok:
			return exp, fmt.Errorf("the %s claim is not a number", name)
		case now.Add(skew).Before(at):
			return exp, fmt.Errorf("the %s claim is in the future", name)
		}
	}
	return exp, nil
}

// date returns a NumericDate: a JSON number of seconds, never a text (RFC 7519
// section 2).
func (o object) date(name string) (time.Time, bool) {
	v, ok := o[name]
	if !ok || v.Kind() != '0' {
		return time.Time{}, false
	}
	const year10000 = 253402300800
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f < 0 || f >= year10000 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

// foreign claims are those of ID tokens and logout tokens (OpenID Connect Core
// sections 2 and 3.1.3.6, Back-Channel Logout section 2.4).
var foreign = []string{"nonce", "at_hash", "c_hash", "s_hash", "events"}

// accessKinds are what issuers call an access token in the claims typ, token_use
// and token_type, in lower case. Anything else there, such as ID, Refresh or RT, is
// another kind of token.
var accessKinds = []string{"bearer", "access", "access_token", "access-token", "at", "jwt", "at+jwt"}

// access refuses what is recognisably not an access token (RFC 8725 section 3.12).
func (o object) access() error {
	for _, name := range foreign {
		if _, ok := o[name]; ok {
			return fmt.Errorf("the %s claim shows that this is not an access token", name)
		}
	}
	for _, name := range []string{"typ", "token_use", "token_type"} {
		if _, present := o[name]; !present {
			continue
		}
		if kind, ok := o.text(name); !ok || !slices.Contains(accessKinds, strings.ToLower(kind)) {
			return fmt.Errorf("the %s claim shows that this is not an access token", name)
		}
	}
	return nil
}

// subject returns a claim that says whose the token is: sub, which every access token
// has (RFC 9068 section 2.2), or another. It goes into logs, so it must be one line.
func (o object) subject(claim string) (string, error) {
	sub, ok := o.text(claim)
	if !ok || sub == "" || len(sub) > maxSubject || !utf8.ValidString(sub) || strings.ContainsFunc(sub, unicode.IsControl) {
		return "", fmt.Errorf("the %s claim is missing, too long or not a line of text", claim)
	}
	return sub, nil
}
