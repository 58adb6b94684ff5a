package token_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-scim/usher/auth/token"
)

func generate(t testing.TB) (plain, id string) {
	t.Helper()
	plain, id, hash, err := token.Generate(rand.Reader)
	if err != nil || !bytes.Equal(hash, token.Hash(plain)) {
		t.Fatalf("%v, hash %x", err, hash)
	}
	return plain, id
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^usher_[a-z2-7]{16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$`)
	seen := map[string]bool{}
	for range 1000 {
		plain, id := generate(t)
		if !shape.MatchString(plain) || seen[plain] || seen[id] {
			t.Fatalf("bad token %s", plain)
		}
		seen[plain], seen[id] = true, true
		if got, ok := token.Parse(plain); !ok || got != id {
			t.Fatalf("parsed %s as %q, %t", plain, got, ok)
		}
		if strings.Contains(plain[len("usher_")+len(id):], id) {
			t.Fatal("the id tells about the secret")
		}
	}
	if _, _, _, err := token.Generate(strings.NewReader("too few bytes")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v from a source that ends", err)
	}
	// The extremes of the secret still have 43 digits.
	for _, b := range []byte{0, 255} {
		plain, _, _, err := token.Generate(bytes.NewReader(bytes.Repeat([]byte{b}, 42)))
		if _, ok := token.Parse(plain); err != nil || !ok {
			t.Errorf("%s does not parse, %v", plain, err)
		}
	}
}

// Any one character changed is noticed before the store is asked.
func TestK14_Checksum(t *testing.T) {
	t.Parallel()
	plain, _ := generate(t)
	for i := range plain {
		for _, c := range []byte("aZ0_-. ") {
			if changed := plain[:i] + string(c) + plain[i+1:]; changed != plain {
				if _, ok := token.Parse(changed); ok {
					t.Fatalf("%s parses, with %q at %d", changed, c, i)
				}
			}
		}
	}
}

type adoption struct {
	name, plain string
	want        error
}

func adoptions(made string) []adoption {
	long := strings.Repeat("ab12", 64)
	return []adoption{
		{"empty", "", token.ErrBlank},
		{"blank", strings.Repeat(" ", 40), token.ErrBlank},
		{"blank lines", strings.Repeat("\r\n\t", 20), token.ErrBlank},
		{"31", long[:31], token.ErrShort},
		{"32", long[:32], nil},
		{"hexadecimal", "usher_" + long[:48], nil},
		{"base64", long[:42] + "+/==", nil},
		{"512", long + long, nil},
		{"513", long + long + "a", token.ErrLong},
		{"line break at the end", long + "\n", token.ErrAlphabet},
		{"space", long + " " + long[:4], token.ErrAlphabet},
		{"not ASCII", long + "é", token.ErrAlphabet},
		{"= inside", long[:32] + "=" + long[:4], token.ErrAlphabet},
		{"all =", strings.Repeat("=", 40), token.ErrAlphabet},
		{"JWT", long[:32] + "." + long[:32] + "." + long[:32], token.ErrJWT},
		{"generated", made, nil},
		{"generated, mistyped", made[:len(made)-1] + "!", token.ErrAlphabet},
		{"generated, changed", flip(made, 30), token.ErrChecksum},
		{"generated, cut", made[:len(made)-1], nil}, // just another text
	}
}

func TestK13_Adopt(t *testing.T) {
	t.Parallel()
	made, madeID := generate(t)
	for _, tt := range adoptions(made) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id, hash, err := token.Adopt(tt.plain)
			if !errors.Is(err, tt.want) || (err == nil) != (len(id) == 16 && len(hash) == 32) {
				t.Fatalf("got %q, %x, %v", id, hash, err)
			}
			if err != nil && tt.plain != "" && strings.Contains(err.Error(), tt.plain) {
				t.Error("the error quotes the token")
			}
		})
	}
	if id, _, _ := token.Adopt(made); id != madeID {
		t.Errorf("a generated token got the id %s in place of %s", id, madeID)
	}
	id, hash, err := token.Adopt("usher_0123456789abcdef0123456789abcdef0123456789abcdef")
	if want := "bedbe73cca8a9330"; id != want || hex.EncodeToString(hash[:8]) != "da645cb34c5336ea" || err != nil {
		t.Errorf("got %s and %x, %v; ids must not change from one release to the next", id, hash[:8], err)
	}
}

// flip changes the character at i to another of the same alphabet.
func flip(s string, i int) string {
	c := byte('a')
	if s[i] == c {
		c = 'b'
	}
	return s[:i] + string(c) + s[i+1:]
}

func FuzzParse(f *testing.F) {
	plain, _ := generate(f)
	f.Add(plain)
	f.Add("usher_")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := token.Parse(s); ok && (len(id) != 16 || !strings.HasPrefix(s, "usher_"+id+"_")) {
			t.Errorf("%q parses as %q", s, id)
		}
		_, _, _ = token.Adopt(s)
	})
}
