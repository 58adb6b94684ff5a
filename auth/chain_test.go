package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/usher-scim/usher/auth"
)

type named string

func (n named) Verify(context.Context, string) (auth.Principal, error) {
	return auth.Principal{Credential: string(n)}, nil
}

func TestChain(t *testing.T) {
	t.Parallel()
	both := auth.Chain{Tokens: named("token"), Issuers: named("jwt")}
	for _, tt := range []struct {
		name, header string
		chain        auth.Chain
		want         string
	}{
		{"prefix", "Bearer usher_abc", both, "token"},
		{"prefix with dots", "Bearer usher_a.b.c", both, "token"},
		{"JWT", "Bearer eyJ.e30.AA", both, "jwt"},
		{"JWE", "Bearer eyJ.e30.AA.BB.CC", both, "token"},
		{"any other", "Bearer null", both, "token"},
		{"JWT without issuers", "Bearer eyJ.e30.AA", auth.Chain{Tokens: named("token")}, ""},
		{"token without tokens", "Bearer usher_abc", auth.Chain{Issuers: named("jwt")}, ""},
		{"nobody", "Bearer usher_abc", auth.Chain{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", tt.header)
			p, err := tt.chain.Authenticate(r)
			if p.Credential != tt.want {
				t.Fatalf("got %q, %v", p.Credential, err)
			}
			if tt.want == "" {
				refused(t, err, http.StatusUnauthorized, "invalid_token")
			}
		})
	}
	_, err := both.Authenticate(httptest.NewRequest(http.MethodGet, "/", nil))
	refused(t, err, http.StatusUnauthorized, "")
}

func TestErrorHidesItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("the precise reason")
	for _, e := range []*auth.Error{auth.Missing(cause), auth.Malformed(cause), auth.Invalid(cause), auth.Unavailable(cause)} {
		if !errors.Is(e, cause) {
			t.Errorf("%v does not wrap its cause", e)
		}
		if want := http.StatusText(e.Status); want == "" || e.Error() == e.Cause.Error() {
			t.Errorf("bad error %v", e)
		}
	}
	if auth.Unavailable(cause).Challenge != "" {
		t.Error("a challenge where another credential would not help")
	}
}
