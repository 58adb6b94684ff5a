package token

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/usher-scim/usher/auth"
)

// The lengths of a token that somebody else made. 32 characters of hexadecimal
// digits are 128 bits, the least that cannot be guessed (K13).
const (
	adoptedLeast = 32
	adoptedMost  = 512
)

// Why a token cannot be adopted. None quotes it.
var (
	ErrBlank    = errors.New("the token is empty; put a random one of at least 32 characters in its place")
	ErrShort    = errors.New("the token is shorter than 32 characters; use a longer random one")
	ErrLong     = errors.New("the token is longer than 512 characters; use a shorter one")
	ErrAlphabet = errors.New("the token holds a character that no Authorization header can carry; use letters, digits and - . _ ~ + / with = at the end only")
	ErrJWT      = errors.New("the token has three parts with dots between and would be taken for a JWT; use one without dots")
	ErrChecksum = errors.New("the token looks like one made by this server, but its checksum does not fit; it was cut or mistyped")
)

// Adopt returns the id and the hash of a token that an operator brings along, from
// any random source. It is known by the first 16 hexadecimal digits of the SHA-256
// of "id:" and the token, which tell nothing about the rest. A token that Generate
// made keeps its own id. The error is one of those above.
func Adopt(plain string) (id string, hash []byte, err error) {
	switch {
	case strings.TrimSpace(plain) == "":
		return "", nil, ErrBlank
	case len(plain) < adoptedLeast:
		return "", nil, ErrShort
	case len(plain) > adoptedMost:
		return "", nil, ErrLong
	case !auth.Token68(plain):
		return "", nil, ErrAlphabet
	case auth.JWTShaped(plain):
		return "", nil, ErrJWT
	}
	id, ok := identify(plain)
	if !ok {
		return "", nil, ErrChecksum
	}
	return id, Hash(plain), nil
}

// identify returns the public id of a token, generated or adopted, and false for
// what can be neither.
func identify(plain string) (string, bool) {
	if generatedShape(plain) {
		return Parse(plain)
	}
	if len(plain) < adoptedLeast || len(plain) > adoptedMost || !auth.Token68(plain) {
		return "", false
	}
	var buf [len("id:") + adoptedMost]byte
	n := copy(buf[:], "id:")
	n += copy(buf[n:], plain)
	sum := sha256.Sum256(buf[:n])
	return hex.EncodeToString(sum[:8]), true
}
