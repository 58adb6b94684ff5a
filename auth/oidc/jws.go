package oidc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The sizes beyond which nothing is parsed (K20, K22).
const (
	maxToken = 8 << 10
	maxKeyID = 256
)

// compact reports whether s is a signed JWT in the compact form: three parts of
// base64url with two dots between, none empty, and no more than 8 KiB. It is the
// first look at what a stranger sent, so it allocates nothing (K22).
func compact(s string) bool {
	if len(s) > maxToken {
		return false
	}
	dots, last := 0, -1
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if dots++; dots > 2 || i == last+1 {
				return false
			}
			last = i
		case !base64url[c]:
			return false
		}
	}
	return dots == 2 && last != len(s)-1
}

var base64url = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		t[c] = true
	}
	return t
}()

// header is what is used of a JOSE header.
type header struct {
	algorithm string
	keyID     string
	typ       string
}

// dangerous headers bring along a key, the address of one, another encoding of
// what is signed, or demands we would have to understand. No access token needs
// them (RFC 8725 sections 3.6 and 3.10).
var dangerous = []string{"crit", "jku", "x5u", "jwk", "b64", "zip", "enc"}

var errKeyID = errors.New("the kid header is empty, too long or not printable")

// parseHeader reads a JOSE header. Names given twice are refused: two readers
// could each see another one.
func parseHeader(part string) (header, error) {
	m, err := parseObject(part)
	if err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	for _, name := range dangerous {
		if _, ok := m[name]; ok {
			return header{}, fmt.Errorf("the %s header is not accepted", name)
		}
	}
	var h header
	for name, at := range map[string]*string{"alg": &h.algorithm, "kid": &h.keyID, "typ": &h.typ} {
		if _, ok := m[name]; !ok {
			continue
		}
		s, ok := m.text(name)
		if !ok {
			return header{}, fmt.Errorf("the %s header is not a text", name)
		}
		*at = s
	}
	if _, ok := m["kid"]; ok && !validKeyID(h.keyID) {
		return header{}, errKeyID
	}
	if !slices.Contains(allAlgorithms, h.algorithm) {
		return header{}, errors.New("the alg header is not one that is ever accepted")
	}
	return h, nil
}

func validKeyID(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxKeyID
}

// parseObject decodes a part that holds a JSON object.
func parseObject(part string) (object, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, errors.New("not a JSON object with each name once")
	}
	if o == nil {
		return nil, errors.New("null")
	}
	return o, nil
}

// object is a JSON object whose members are read one by one, without any
// conversion from one type to another (K28).
type object map[string]jsontext.Value

// text returns a member that is a text.
func (o object) text(name string) (string, bool) {
	v, ok := o[name]
	if !ok || v.Kind() != '"' {
		return "", false
	}
	var s string
	return s, json.Unmarshal(v, &s) == nil
}

// texts returns a member that is a text or a list of texts.
func (o object) texts(name string) ([]string, bool) {
	v, ok := o[name]
	if !ok || v.Kind() != '[' {
		s, ok := o.text(name)
		return []string{s}, ok
	}
	var list []string
	return list, json.Unmarshal(v, &list) == nil
}
