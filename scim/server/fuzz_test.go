package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are the requests of the security vectors.
func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("../../cmd/internal/app/testdata/security/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("there are no vectors: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var all struct {
			Cases []struct {
				Method, Path, Raw string
				Query, Header     map[string]string
				Body              json.RawMessage
			}
		}
		if err := json.Unmarshal(data, &all); err != nil {
			f.Fatal(err)
		}
		for _, c := range all.Cases {
			query := url.Values{}
			for name, value := range c.Query {
				query.Set(name, value)
			}
			path, more, _ := strings.Cut(c.Path, "?")
			f.Add(c.Method, path, query.Encode()+more, c.Raw+string(c.Body), c.Header["If-Match"])
		}
	}
}

// R17: whatever is asked for, the answer is one of the protocol's and never that
// something went wrong in the server.
func FuzzRequest(f *testing.F) {
	e := setup(f)
	ids := strings.NewReplacer("{ada}", e.create("Users", `{"userName":"ada","emails":[{"value":"a@a.example","type":"work"}]}`),
		"{bob}", e.create("Users", `{"userName":"bob"}`), "{staff}", e.create("Groups", `{"displayName":"staff"}`))
	seeds(f)
	f.Fuzz(func(t *testing.T, method, path, query, body, match string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: "/scim/v2" + ids.Replace(path), RawQuery: ids.Replace(query)},
			Header: http.Header{"Authorization": {"Bearer " + e.token["a"]}, "If-Match": {match}}}
		text := ids.Replace(body)
		r.Body, r.ContentLength = http.NoBody, 0
		if text != "" {
			r = r.WithContext(t.Context())
			r.Body, r.ContentLength = httptest.NewRequest("POST", "/", strings.NewReader(text)).Body, int64(len(text))
		}
		if match == "" {
			delete(r.Header, "If-Match")
		}
		w := httptest.NewRecorder()
		e.srv.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 {
			t.Fatalf("%s %s?%s %s: %d %s", method, path, query, text, w.Code, w.Body)
		}
		if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %s?%s %s: the answer is not JSON: %s", method, path, query, text, w.Body)
		}
	})
}
