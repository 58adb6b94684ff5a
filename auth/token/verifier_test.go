package token_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, tok := f.create(t, "a", token.CreateOptions{Scopes: []string{"users:read", "users:write"}})
	want := auth.Principal{
		Org: "A", Connection: f.conns["a"], Credential: tok.ID, Scopes: auth.Scopes{"users:read", "users:write"},
	}
	for range 3 {
		if diff := cmp.Diff(want, f.accepts(t, plain)); diff != "" {
			t.Error(diff)
		}
	}
	if got := f.readCount(); got != 1 {
		t.Errorf("the store was asked %d times", got)
	}
	// Scopes of the connection bound those of the token.
	other, _ := f.create(t, "b", token.CreateOptions{Scopes: []string{"users:read", "users:write"}})
	if p := f.accepts(t, other); p.Org != "B" || cmp.Diff(p.Scopes, auth.Scopes{"users:read"}) != "" {
		t.Errorf("got %+v", p)
	}
}

// variants of a live token that must not be taken for it.
func variants(plain string) []string {
	list := []string{plain + "a", plain + "=", plain + " ", " " + plain, plain + "\n", plain + "\x00", plain + plain, strings.ToUpper(plain)}
	for i := range len(plain) {
		list = append(list, plain[:i])
		c := rune(plain[i])
		for _, other := range []rune{unicode.ToUpper(c), unicode.ToLower(c)} {
			if other != c {
				list = append(list, plain[:i]+string(other)+plain[i+1:])
			}
		}
	}
	return list
}

func TestK14_PartsOfATokenAreRefused(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, _ := f.create(t, "a", token.CreateOptions{})
	own := "usher_" + strings.Repeat("0a1b2c3d", 6)
	if _, err := f.Manager.Adopt(t.Context(), "a", own, token.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, live := range []string{plain, own} {
		f.accepts(t, live)
		for _, v := range variants(live) {
			f.refuses(t, v)
		}
	}
}

func TestK14_Beyond72Bytes(t *testing.T) {
	t.Parallel()
	f := setup(t)
	common := strings.Repeat("c", 72)
	for i, conn := range []directory.ConnectionID{"a", "b"} {
		if _, err := f.Manager.Adopt(t.Context(), conn, common+[]string{"1", "2"}[i], token.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if p, q := f.accepts(t, common+"1"), f.accepts(t, common+"2"); p.Org != "A" || q.Org != "B" {
		t.Errorf("got %s and %s", p.Org, q.Org)
	}
	f.refuses(t, common)
	f.refuses(t, common+"3")
	plain, _ := f.create(t, "a", token.CreateOptions{})
	f.refuses(t, plain[:72]+string(plain[72]^1))
}

func TestK13_WordsThatAreNoTokens(t *testing.T) {
	t.Parallel()
	f := setup(t)
	// A record without a hash must not be matched by anything.
	f.tokens["aaaaaaaaaaaaaaaa"] = directory.Token{ID: "aaaaaaaaaaaaaaaa", Org: "A", Connection: "a"}
	for _, word := range []string{"", "null", "undefined", "usher_", "a.b.c", strings.Repeat(".", 64<<10), strings.Repeat("a", 513)} {
		f.refuses(t, word)
	}
	if got := f.readCount(); got != 0 {
		t.Errorf("the store was asked %d times", got)
	}
	f.refuses(t, strings.Repeat("0", 64))
}

// The right id with another secret, which has a checksum that fits.
func TestK15_DigestsAreCompared(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, tok := f.create(t, "a", token.CreateOptions{})
	_, other := f.create(t, "b", token.CreateOptions{})
	stored := f.tokens[tok.ID]
	for name, hash := range map[string][]byte{
		"of another token": other.Hash, "empty": nil, "cut": tok.Hash[:16], "longer": append(tok.Hash[:32:32], 0), "zero": make([]byte, 32),
	} {
		stored.Hash = hash
		f.tokens[tok.ID] = stored
		f.InvalidateAll()
		t.Log(name)
		f.refuses(t, plain)
	}
}

func TestK07_ConnectionOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*directory.Token){
		"other organization": func(t *directory.Token) { t.Org = "B" },
		"no organization":    func(t *directory.Token) { t.Org = "" },
		"other connection":   func(t *directory.Token) { t.Connection = "b" },
		"no connection":      func(t *directory.Token) { t.Connection = "gone" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			plain, tok := f.create(t, "a", token.CreateOptions{})
			spoil(&tok)
			f.tokens[tok.ID] = tok
			f.refuses(t, plain)
		})
	}
}

func TestExpiryAndRevocation(t *testing.T) {
	t.Parallel()
	f := setup(t)
	short, _ := f.create(t, "a", token.CreateOptions{TTL: time.Hour})
	long, tok := f.create(t, "a", token.CreateOptions{})
	f.clock.advance(time.Hour - time.Nanosecond)
	f.accepts(t, short)
	f.accepts(t, long)
	f.clock.advance(time.Nanosecond)
	f.refuses(t, short) // though it is in the cache
	if err := f.Revoke(t.Context(), tok.ID); err != nil {
		t.Fatal(err)
	}
	f.refuses(t, long)
}

// A change by another process acts within a second.
func TestK08_RecordsAge(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, tok := f.create(t, "a", token.CreateOptions{})
	f.accepts(t, plain)
	tok.Revoked = f.clock.now()
	f.tokens[tok.ID] = tok
	f.clock.advance(999 * time.Millisecond)
	f.accepts(t, plain)
	f.clock.advance(time.Millisecond)
	f.refuses(t, plain)
	tok.Revoked = time.Time{}
	f.tokens[tok.ID] = tok
	f.Invalidate(tok.ID)
	f.accepts(t, plain)
	delete(f.tokens, tok.ID)
	f.clock.advance(time.Second)
	f.refuses(t, plain)
	f.refuses(t, plain)
}

func TestStoreOutage(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, _ := f.create(t, "a", token.CreateOptions{})
	f.accepts(t, plain)
	f.fail(errors.New("disk on fire"))
	f.accepts(t, plain) // still fresh
	f.clock.advance(time.Second)
	p, err := f.Verify(t.Context(), plain)
	if e, ok := err.(*auth.Error); !ok || e.Status != http.StatusServiceUnavailable || p.Org != "" || strings.Contains(e.Error(), "disk") {
		t.Errorf("got %+v, %v", p, err)
	}
	f.fail(nil)
	f.accepts(t, plain)
}
