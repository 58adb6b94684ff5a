package token_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
)

// Nothing that is kept, returned or said holds the secret, and what may be shown
// does not hold its digest either.
func TestK16_SecretIsNowhere(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, tok := f.create(t, "a", token.CreateOptions{})
	own := "usher_" + strings.Repeat("4d3c2b1a", 6)
	adopted, err := f.Manager.Adopt(t.Context(), "a", own, token.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, q := f.accepts(t, plain), f.accepts(t, own)
	_, bad := f.Verify(t.Context(), plain[:72]+string(plain[72]^1))
	_, again := f.Manager.Adopt(t.Context(), "b", own, token.CreateOptions{})
	shown := fmt.Sprintf("%+v %+v %v %v %+v", p, q, bad, bad.(*auth.Error).Cause, again)
	kept := fmt.Sprintf("%+v %#v %s", f.tokens, f.tokens, asJSON(t, tok, adopted))
	secret := strings.Split(plain, "_")[2]
	for _, canary := range []string{plain, secret, own, own[len("usher_"):], base64.StdEncoding.EncodeToString([]byte(plain)), hex.EncodeToString([]byte(own))} {
		if strings.Contains(shown+kept, canary) {
			t.Errorf("%s was found", canary)
		}
	}
	if strings.Contains(asJSON(t, tok, adopted), base64.StdEncoding.EncodeToString(tok.Hash)) {
		t.Error("the digest is in the JSON")
	}
}

func asJSON(t *testing.T, v ...any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
