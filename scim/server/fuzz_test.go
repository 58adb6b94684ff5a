package server_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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
			f.Add(c.Method, path, query.Encode()+more, c.Raw+string(c.Body), c.Header["If-Match"], []byte(nil))
		}
	}
}

// signed adds to a query a cursor with any content, as the server itself would sign
// it: otherwise nothing but its mark would be looked at.
func signed(path, query string, content []byte) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return query
	}
	kind := map[string]string{"/Users": "User", "/Groups": "Group"}[path]
	mac := hmac.New(sha256.New, []byte(cursorKey))
	for _, part := range []string{"a", kind, values.Get("filter"), values.Get("sortBy"), values.Get("sortOrder")} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	mac.Write(content)
	values.Set("cursor", base64.RawURLEncoding.EncodeToString(append(mac.Sum(nil)[:16], content...)))
	return values.Encode()
}

// positions are contents of cursors: where one is, and what is like it.
func positions(f *testing.F, e *env) {
	f.Helper()
	for _, query := range []string{"", "&sortBy=userName", "&sortBy=userName&sortOrder=descending", "&filter=userName+pr", "&sortBy=active"} {
		first := e.send("GET", "Users?count=1&cursor="+query, "")
		cursor, _ := first.body["nextCursor"].(string)
		data, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || len(data) < 21 {
			f.Fatalf("no cursor in %s", first.text)
		}
		content := data[16:]
		again := e.send("GET", "Users?"+signed("/Users", "count=1"+query, content), "")
		if again.status != http.StatusOK || len(again.body["Resources"].([]any)) != 1 {
			f.Fatalf("a cursor that the test signs is answered %d %s", again.status, again.text)
		}
		back := slices.Clone(content)
		back[0] = 'b'
		huge := append(slices.Clone(content[:5]), bytes.Repeat([]byte{0xff}, 300)...)
		for _, one := range [][]byte{content, back, content[:5], content[:6], content[:len(content)-1], huge, {'a'}, append(slices.Clone(content), 0), {'a', 0, 0, 0, 0, 1}, {'z', 0xff, 0xff, 0xff, 0xff, 0}} {
			f.Add("GET", "/Users", "count=1"+query, "", "", one)
			f.Add("GET", "/Groups", "count=1"+query, "", "", one)
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
	positions(f, e)
	f.Fuzz(func(t *testing.T, method, path, query, body, match string, cursor []byte) {
		if len(cursor) > 0 {
			query = signed(path, query, cursor)
		}
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
