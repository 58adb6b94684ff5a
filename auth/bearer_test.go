package auth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-scim/usher/auth"
)

var bearers = []struct {
	name    string
	query   string
	headers []string
	want    string // empty: 401
	code    string // of the challenge
}{
	{"good", "", []string{"Bearer abc.def-_~+/=="}, "abc.def-_~+/==", ""},
	{"lower case", "", []string{"bearer abc"}, "abc", ""},
	{"upper case", "", []string{"BEARER abc"}, "abc", ""},
	{"none", "", nil, "", ""},
	{"empty", "", []string{""}, "", ""},
	{"scheme alone", "", []string{"Bearer"}, "", "invalid_request"},
	{"scheme and space", "", []string{"Bearer "}, "", "invalid_request"},
	{"two headers", "", []string{"Bearer abc", "Bearer abc"}, "", "invalid_request"},
	{"two headers, one empty", "", []string{"Bearer abc", ""}, "", "invalid_request"},
	{"tab", "", []string{"Bearer\tabc"}, "", "invalid_request"},
	{"two spaces", "", []string{"Bearer  abc"}, "", "invalid_request"},
	{"trailing space", "", []string{"Bearer abc "}, "", "invalid_request"},
	{"two tokens", "", []string{"Bearer abc def"}, "", "invalid_request"},
	{"list", "", []string{"Bearer abc, Bearer def"}, "", "invalid_request"},
	{"no space", "", []string{"Bearerabc"}, "", "invalid_request"},
	{"padding alone", "", []string{"Bearer =="}, "", "invalid_request"},
	{"padding inside", "", []string{"Bearer a=b"}, "", "invalid_request"},
	{"not ASCII", "", []string{"Bearer é"}, "", "invalid_request"},
	{"NUL", "", []string{"Bearer a\x00"}, "", "invalid_request"},
	{"too long", "", []string{"Bearer " + strings.Repeat("a", 64<<10)}, "", "invalid_request"},
	{"basic", "", []string{"Basic dTpw"}, "", ""},
	{"leading space", "", []string{" Bearer abc"}, "", ""},
	{"query alone", "access_token=abc", nil, "", "invalid_request"},
	{"query and header", "access_token=abc", []string{"Bearer abc"}, "", "invalid_request"},
	{"query spelled otherwise", "%61ccess_token=abc", nil, "", ""},
	{"query about it", "filter=displayName+eq+%22access_token%22&x=access_token", []string{"Bearer abc"}, "abc", ""},
}

func TestK13_Bearer(t *testing.T) {
	t.Parallel()
	for _, tt := range bearers {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/scim/v2/Users?"+tt.query, nil)
			r.Header["Authorization"] = tt.headers
			if tt.headers == nil {
				r.Header.Del("Authorization")
			}
			got, err := auth.Bearer(r)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Fatalf("got %q, %v", got, err)
			}
			if tt.want == "" {
				refused(t, err, http.StatusUnauthorized, tt.code)
			}
		})
	}
}

// refused checks the error a client gets.
func refused(t *testing.T, err error, status int, code string) {
	t.Helper()
	e, ok := err.(*auth.Error)
	if !ok {
		t.Fatalf("got %T %v, want *auth.Error", err, err)
	}
	if e.Status != status || e.Detail == "" || !strings.HasSuffix(e.Detail, ".") {
		t.Errorf("got %d %q", e.Status, e.Detail)
	}
	if !strings.HasPrefix(e.Challenge, `Bearer realm="usher"`) {
		t.Errorf("challenge %q", e.Challenge)
	}
	if has := strings.Contains(e.Challenge, "error="); has != (code != "") || !strings.Contains(e.Challenge, code) {
		t.Errorf("challenge %q, want error %q", e.Challenge, code)
	}
}
