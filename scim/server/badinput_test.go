package server_test

import (
	"slices"
	"strings"
	"testing"
)

// wrongContent are bodies that are JSON and yet not what a route takes, by what
// its pattern ends in and its method.
var wrongContent = map[string][]string{
	"POST /Users":   {`{}`, `{"userName":7}`, `{"userName":["x"]}`, `{"userName":"x","active":"no"}`, `{"userName":"x","emails":{"value":{}}}`},
	"POST /Groups":  {`{}`, `{"displayName":true}`, `{"displayName":"g","members":[{"value":"nobody"}]}`},
	"PUT /{id}":     {`{}`, `{"userName":7,"displayName":7}`},
	"PUT /Me":       {`{}`, `{"userName":7}`},
	"PATCH /{id}":   {`{"Operations":[{"op":"replace","path":"displayName","value":{}}]}`, `{"Operations":[{"op":"replace","value":7}]}`, `{"Operations":7}`, `{"Operations":[{"op":"grow","path":"displayName"}]}`},
	"PATCH /Me":     {`{"Operations":[{"op":"replace","path":"displayName","value":{}}]}`, `{"Operations":{}}`},
	"POST /Bulk":    {`{}`, `{"Operations":7}`, `{"Operations":[7]}`, `{"Operations":[null]}`},
	"POST /.search": {`{"filter":7}`, `{"count":"ten"}`, `{"sortBy":"no attribute"}`, `{"attributes":"userName"}`, `{"sortOrder":"sideways","sortBy":"id"}`},
}

func contentKey(r string, method string) string {
	for _, end := range []string{"/{id}", "/.search", "/Users", "/Groups", "/Bulk", "/Me"} {
		if strings.HasSuffix(r, end) {
			return method + " " + end
		}
	}
	return ""
}

// For every route: the wrong method, media type, JSON, content, path, filter,
// precondition, size and credential each get the right error, and nothing that
// is stored changes.
func TestBadInputEveryRoute(t *testing.T) {
	e := setup(t)
	e.stock()
	bearer := e.issuer()
	group := e.create("Groups", `{"displayName":"g","members":[{"value":"`+e.create("Users", `{"userName":"ada","externalId":"sub"}`)+`"}]}`)
	stored := func() string { return e.send("GET", "Users", "").text + e.send("GET", "Groups", "").text }
	before := stored()
	user := before[strings.Index(before, `"id":"`)+6:][:36]
	known := bearer("sub")
	for _, r := range e.srv.Routes() {
		id, body := user, `{"userName":"x","displayName":"x","Operations":[]}`
		if strings.Contains(r.Pattern, "Groups") {
			id = group
		}
		if strings.Contains(r.Pattern, "Schemas") || strings.Contains(r.Pattern, "ResourceTypes") {
			id = map[bool]string{true: "urn:ietf:params:scim:schemas:core:2.0:User", false: "User"}[strings.Contains(r.Pattern, "Schemas")]
		}
		path := strings.ReplaceAll(r.Pattern, "{id}", id)
		writes := r.Method == "POST" || r.Method == "PUT" || r.Method == "PATCH"
		if !writes {
			body = ""
		}
		refused := func(what string, status int, scimType, method, path, body string, header ...string) {
			t.Helper()
			answer := e.send(method, path, body, append([]string{"Authorization", known}, header...)...)
			if r.Method == "HEAD" && method == "HEAD" { // the error has no body
				if answer.status != status || answer.text != "" {
					t.Errorf("%s of HEAD %s: %d %s", what, r.Pattern, answer.status, answer.text)
				}
				return
			}
			e.wantError(what+" of "+r.Method+" "+r.Pattern, answer, status, scimType)
		}
		refused("method", 405, "", "TRACE", path, "")
		refused("accept", 406, "", r.Method, path, body, "Accept", "text/html")
		refused("no credential", 401, "", r.Method, path, body, "Authorization", "")
		refused("credential", 401, "", r.Method, path, body, "Authorization", "Bearer usher_nonsense")
		refused("path", 404, "", r.Method, path+"/more/and/more", body)
		refused("disguised path", 404, "", r.Method, path+"%2Fx%00", body)
		if writes {
			refused("media type", 415, "", r.Method, path, body, "Content-Type", "text/xml")
			refused("JSON", 400, "invalidSyntax", r.Method, path, `{"x":`)
			refused("no body", 400, "invalidSyntax", r.Method, path, "")
			size := 1<<20 + 1
			if strings.HasSuffix(r.Pattern, "/Bulk") {
				size = 4<<20 + 1
			}
			refused("size", 413, "", r.Method, path, strings.Repeat(" ", size))
			bodies := wrongContent[contentKey(r.Pattern, r.Method)]
			if len(bodies) == 0 {
				t.Errorf("no wrong content for %s %s", r.Method, r.Pattern)
			}
			for _, body := range bodies {
				answer := e.send(r.Method, path, body, "Authorization", known)
				scimType, _ := answer.body["scimType"].(string)
				if !slices.Contains([]string{"invalidSyntax", "invalidValue", "invalidPath"}, scimType) {
					t.Errorf("content %s of %s %s: %s", body, r.Method, r.Pattern, answer.text)
				}
				e.wantError("content "+body+" of "+r.Method+" "+r.Pattern, answer, 400, scimType)
			}
		}
		if strings.HasSuffix(r.Pattern, "/.search") {
			refused("filter", 400, "invalidFilter", r.Method, path, `{"filter":"userName eq"}`)
			refused("cursor", 400, "invalidCursor", r.Method, path, `{"cursor":"AAAA"}`)
		}
		if r.Method == "GET" && (strings.HasSuffix(r.Pattern, "/Users") || strings.HasSuffix(r.Pattern, "/Groups")) {
			refused("filter", 400, "invalidFilter", r.Method, path+"?filter=(id%20pr", "")
			refused("sorting", 400, "invalidPath", r.Method, path+"?sortBy=;", "")
			refused("count", 400, "invalidValue", r.Method, path+"?count=x", "")
			refused("cursor", 400, "invalidCursor", r.Method, path+"?cursor=x", "")
		}
		if r.Method == "GET" && (strings.HasSuffix(r.Pattern, "Schemas") || strings.HasSuffix(r.Pattern, "ResourceTypes")) {
			refused("filter", 403, "", r.Method, path+"?filter=id%20pr", "")
		}
		if r.Method == "PUT" || r.Method == "PATCH" || r.Method == "DELETE" {
			change := map[string]string{"PUT": `{"userName":"x","displayName":"x"}`, "PATCH": `{"Operations":[{"op":"replace","path":"displayName","value":"x"}]}`}[r.Method]
			refused("stale version", 412, "", r.Method, path, change, "If-Match", `W/"9"`)
			refused("precondition", 400, "invalidValue", r.Method, path, change, "If-Match", `9`)
		}
	}
	if after := stored(); after != before {
		t.Errorf("what is stored changed from\n%s\nto\n%s", before, after)
	}
	if n := len(e.srv.Routes()); n < 25 {
		t.Errorf("only %d routes were tried", n)
	}
}
