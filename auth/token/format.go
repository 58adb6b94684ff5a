package token

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"strings"

	"github.com/usher-scim/usher/auth"
)

// The format: usher_ id _ secret _ checksum, each part of fixed width and without
// an underscore of its own, for example
//
//	usher_<16 of a-z 2-7>_<43 of 0-9 A-Z a-z>_<6 of 0-9 A-Z a-z>
const (
	idBytes     = 10 // 80 bits, 16 letters of base 32
	secretBytes = 32 // 256 bits, 43 digits of base 62

	idStart       = len(auth.TokenPrefix)
	idEnd         = idStart + 16
	secretStart   = idEnd + 1
	secretEnd     = secretStart + 43
	checksumStart = secretEnd + 1
	length        = checksumStart + 6
)

const (
	base32Digits = "abcdefghijklmnopqrstuvwxyz234567"
	base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

var idEncoding = base32.NewEncoding(base32Digits).WithPadding(base32.NoPadding)

// Generate makes a token from 42 bytes of the reader. The plain token is for its
// owner alone; id and hash are what to keep. It fails when the reader does.
func Generate(random io.Reader) (plain, id string, hash []byte, err error) {
	var b [idBytes + secretBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", "", nil, fmt.Errorf("make a token: %w", err)
	}
	id = idEncoding.EncodeToString(b[:idBytes])
	body := auth.TokenPrefix + id + "_" + base62(new(big.Int).SetBytes(b[idBytes:]), secretEnd-secretStart)
	plain = body + "_" + checksum(body)
	return plain, id, Hash(plain), nil
}

// Hash returns what is kept of a token: the SHA-256 of all of it. With 256 random
// bits there is nothing to guess, so a slow hash would only slow down requests.
func Hash(plain string) []byte {
	sum := sha256.Sum256([]byte(plain))
	return sum[:]
}

// Parse returns the public id of a generated token. It reports false for anything
// that is not shaped as one or whose checksum does not fit, which a typing error
// or a cut line shows without asking the store.
func Parse(plain string) (id string, ok bool) {
	if !generatedShape(plain) || !checksumFits(plain[:secretEnd], plain[checksumStart:]) {
		return "", false
	}
	return plain[idStart:idEnd], true
}

func generatedShape(s string) bool {
	return len(s) == length && strings.HasPrefix(s, auth.TokenPrefix) &&
		s[idEnd] == '_' && s[secretEnd] == '_' &&
		only(s[idStart:idEnd], &isBase32) && only(s[secretStart:secretEnd], &isBase62) &&
		only(s[checksumStart:], &isBase62)
}

// checksum is the CRC-32 of the text in six digits of base 62.
func checksum(body string) string {
	return base62(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(body)))), length-checksumStart)
}

// checksumFits compares without making the checksum's text: it is on the path of
// every request.
func checksumFits(body, digits string) bool {
	var buf [secretEnd]byte
	n := uint64(crc32.ChecksumIEEE(buf[:copy(buf[:], body)]))
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] != base62Digits[n%62] {
			return false
		}
		n /= 62
	}
	return n == 0
}

func base62(n *big.Int, width int) string {
	digits := make([]byte, width)
	base, rest := big.NewInt(62), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, base, rest)
		digits[i] = base62Digits[rest.Int64()]
	}
	return string(digits)
}

var isBase32, isBase62 = set(base32Digits), set(base62Digits)

func set(digits string) (t [256]bool) {
	for _, c := range []byte(digits) {
		t[c] = true
	}
	return t
}

func only(s string, digits *[256]bool) bool {
	for i := range len(s) {
		if !digits[s[i]] {
			return false
		}
	}
	return true
}
