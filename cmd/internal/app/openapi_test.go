package app_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is the OpenAPI document of a house and its schemas.
type document struct {
	*house
	doc      reply
	compiler *jsonschema.Compiler
}

const documentURL = "https://usher.test/openapi.json"

func readDocument(h *house) *document {
	h.Helper()
	d := &document{h, h.wanted(200, "GET", "/api/v1/openapi.json", "", ""), jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(documentURL, d.doc.doc); err != nil {
		h.Fatal(err)
	}
	return d
}

// node is a part of the document, by its path.
func (d *document) node(path ...string) map[string]any {
	var v any = d.doc.doc
	for _, part := range path {
		m, _ := v.(map[string]any)
		v = m[part]
	}
	m, _ := v.(map[string]any)
	return m
}

// checked wants an answer to be one that the document describes: with its status,
// its content type and a body that its schema accepts.
func (d *document) checked(method, path string, r reply) {
	d.Helper()
	status := strconv.Itoa(r.status)
	answer := d.node("paths", path, strings.ToLower(method), "responses", status)
	if answer == nil {
		d.Errorf("%s %s answers %s, which the document does not know", method, path, status)
		return
	}
	content, _ := answer["content"].(map[string]any)
	kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	if content == nil {
		if r.text != "" {
			d.Errorf("%s %s answers %s with a body, which the document does not know: %s", method, path, status, r.text)
		}
		return
	}
	if content[kind] == nil {
		d.Errorf("%s %s answers %s with %s; the document has %v", method, path, status, kind, slices.Collect(maps.Keys(content)))
		return
	}
	pointer := "/paths/" + escaped(path) + "/" + strings.ToLower(method) + "/responses/" + status + "/content/" + escaped(kind) + "/schema"
	schema, err := d.compiler.Compile(documentURL + "#" + pointer)
	if err != nil {
		d.Fatal(err)
	}
	if err := schema.Validate(r.doc); err != nil {
		d.Errorf("%s %s: %s is not as the document says: %v", method, path, r.text, err)
	}
}

func escaped(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(s)
}

// The document is OpenAPI 3.1, and whole: every reference leads somewhere, every
// schema compiles, every operation has a name, a summary, a tag, its parameters,
// an answer and, unless it is for everybody, a credential.
func TestOpenAPIDocument(t *testing.T) {
	t.Parallel()
	d := readDocument(newHouse(t))
	d.same(d.doc, "openapi", "3.1.0")
	d.same(d.doc, "servers/0/url", "/api/v1")
	d.same(d.doc, "components/securitySchemes/bearer/scheme", "bearer")
	for name := range d.node("components", "schemas") {
		if _, err := d.compiler.Compile(documentURL + "#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(d.doc.text, -1) {
		if d.node("components", "schemas", ref[1]) == nil {
			t.Errorf("there is no schema %s", ref[1])
		}
	}
	for id, op := range d.operations() {
		node := d.node("paths", op[1], strings.ToLower(op[0]))
		tags, _ := node["tags"].([]any)
		answers, _ := node["responses"].(map[string]any)
		if node["summary"] == "" || len(tags) != 1 || answers["200"] == nil && answers["201"] == nil && answers["202"] == nil && answers["204"] == nil {
			t.Errorf("%s lacks a summary, a tag or an answer: %v", id, node)
		}
		if secured := node["security"] != nil; secured == slices.Contains([]string{"accept-invitation", "forgot-password", "complete-reset"}, id) {
			t.Errorf("%s needs a credential: %t", id, secured)
		}
		for _, status := range []string{"400", "403", "500"} {
			if answers[status] == nil {
				t.Errorf("%s does not tell of %s", id, status)
			}
		}
		var named []string
		parameters, _ := node["parameters"].([]any)
		for _, p := range parameters {
			if p, _ := p.(map[string]any); p["in"] == "path" {
				name, _ := p["name"].(string)
				named = append(named, "{"+name+"}")
			}
		}
		want := regexp.MustCompile(`\{[a-z]+\}`).FindAllString(op[1], -1)
		slices.Sort(want)
		if slices.Sort(named); !slices.Equal(named, want) {
			t.Errorf("%s has the parameters %v, its path %v", id, named, want)
		}
	}
}

// Every route of the admin API is in the document, and every operation of the
// document is answered; there is nothing beside them.
func TestOpenAPIListsEveryRoute(t *testing.T) {
	t.Parallel()
	d := readDocument(newHouse(t))
	known := map[string]bool{}
	for _, op := range d.operations() {
		known[op[1]] = true
		path := strings.NewReplacer("{id}", "x", "{user}", "x", "{app}", "x", "{domain}", "x.example", "{departure}", "x").Replace(op[1])
		got, err := d.call(op[0], "http://"+d.cfg.Listen+"/api/v1"+path, "", "")
		if err != nil || got.status == 405 || strings.Contains(got.text, "no such endpoint") {
			t.Errorf("%s %s: %d %s %v", op[0], op[1], got.status, got.text, err)
		}
	}
	sources, err := filepath.Glob("../../../admin/*.go")
	below, berr := filepath.Glob("../../../admin/*/*.go")
	if sources = append(sources, below...); errors.Join(err, berr) != nil || len(sources) < 30 {
		t.Fatalf("%d sources, %v", len(sources), errors.Join(err, berr))
	}
	routes := 0
	route := regexp.MustCompile(`\bPath: "(/[^"]+)"`)
	for _, file := range sources {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range route.FindAllStringSubmatch(string(data), -1) {
			routes++
			if path := m[1]; !known[path] && !strings.HasSuffix(path, "/") {
				t.Errorf("%s has the route %s, which the document lacks", filepath.Base(file), path)
			}
		}
	}
	if routes < 80 {
		t.Errorf("only %d routes were found in the sources", routes)
	}
	missing := d.api(404, "GET", "/nothing", "")
	d.same(missing, "detail", "There is no such endpoint; /api/v1/openapi.json lists them all.")
	wrong := d.api(405, "DELETE", "/users", "")
	d.same(wrong, "detail", "This endpoint does not have that method; it has GET, POST.")
	if got := wrong.header.Get("Allow"); got != "GET, POST" {
		t.Errorf("Allow: %s", got)
	}
}

// What the server really answers is what the document says.
func TestOpenAPIAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	d := readDocument(newHouse(t))
	ids := map[string]string{}
	fill := func(text string) string {
		for name, value := range ids {
			text = strings.ReplaceAll(text, "<"+name+">", value)
		}
		return text
	}
	for _, step := range []struct {
		status                   int
		method, path, at, body   string // path of the document, and what is in its place
		header, save, from, note string
	}{
		{status: 200, method: "PUT", path: "/licences/{id}", at: "/licences/core", body: `{"purchased":3}`},
		{status: 201, method: "POST", path: "/users", body: `{"givenName":"Ada","familyName":"Byron","email":"ada@corp.example"}`, save: "ada", from: "person/id"},
		{status: 201, method: "POST", path: "/users", body: `{"givenName":"Bob","familyName":"Day","email":"bob@corp.example"}`, save: "bob", from: "person/id"},
		{status: 409, method: "POST", path: "/users", body: `{"email":"ada@corp.example"}`},
		{status: 400, method: "POST", path: "/users", body: `{"nonsense":1}`},
		{status: 400, method: "POST", path: "/users", body: `{`},
		{status: 400, method: "POST", path: "/password-resets/complete", body: `{"organization":"default","token":"x","password":"a-secret-of-mine","nonsense":1}`},
		{status: 202, method: "POST", path: "/password-resets", body: `{"organization":"default","email":"ada@corp.example"}`},
		{status: 403, method: "POST", path: "/password-resets/complete", body: `{"organization":"default","token":"x","password":"a-secret-of-mine"}`},
		{status: 200, method: "GET", path: "/users"},
		{status: 400, method: "GET", path: "/users", at: "/users?status=gone"},
		{status: 400, method: "GET", path: "/users", at: "/users?filter=nonsense"},
		{status: 200, method: "GET", path: "/users/{id}", at: "/users/<ada>"},
		{status: 404, method: "GET", path: "/users/{id}", at: "/users/nobody"},
		{status: 200, method: "PATCH", path: "/users/{id}", at: "/users/<ada>", body: `{"title":"Countess"}`},
		{status: 412, method: "PATCH", path: "/users/{id}", at: "/users/<ada>", body: `{"title":"Lady"}`, header: `If-Match: W/"1"`},
		{status: 200, method: "POST", path: "/users/{id}/invite", at: "/users/<ada>/invite", save: "token", from: "token"},
		{status: 403, method: "POST", path: "/invitations/accept", body: `{"token":"nonsense","organization":"default"}`},
		{status: 200, method: "POST", path: "/invitations/accept", body: `{"token":"<token>","organization":"default"}`},
		{status: 200, method: "GET", path: "/invitations"},
		{status: 200, method: "POST", path: "/users/invite", body: `{"ids":["<bob>","nobody"]}`},
		{status: 201, method: "POST", path: "/teams", body: `{"name":"Sales","leader":"<ada>","rank":1,"members":["<ada>","<bob>"]}`, save: "team", from: "id"},
		{status: 200, method: "GET", path: "/teams"},
		{status: 200, method: "GET", path: "/teams/{id}", at: "/teams/<team>"},
		{status: 204, method: "DELETE", path: "/teams/{id}/members/{user}", at: "/teams/<team>/members/<bob>"},
		{status: 409, method: "POST", path: "/users/{id}/deactivate", at: "/users/<ada>/deactivate", body: `{}`},
		{status: 200, method: "POST", path: "/users/{id}/deactivate", at: "/users/<ada>/deactivate?preview=true", body: `{}`},
		{status: 200, method: "PUT", path: "/applications/{id}", at: "/applications/books", body: `{"name":"Books","minAdmins":1}`},
		{status: 200, method: "PUT", path: "/applications/{app}/assignments/{user}", at: "/applications/books/assignments/<bob>", body: `{"role":"admin"}`},
		{status: 409, method: "POST", path: "/users/{id}/deactivate", at: "/users/<bob>/deactivate", body: `{}`},
		{status: 200, method: "PUT", path: "/applications/{app}/assignments/{user}", at: "/applications/books/assignments/<ada>", body: `{"role":"admin"}`},
		{status: 201, method: "POST", path: "/integrations", body: `{"app":"books","peerApp":"crm","owner":"<bob>","enabled":true}`, save: "i", from: "id"},
		{status: 409, method: "POST", path: "/users/{id}/deactivate", at: "/users/<bob>/deactivate", body: `{}`},
		{status: 200, method: "POST", path: "/integrations/{id}/disable", at: "/integrations/<i>/disable", body: `{}`},
		{status: 201, method: "POST", path: "/records", body: `{"type":"deal","owner":"<bob>","open":true}`},
		{status: 201, method: "POST", path: "/subscriptions", body: `{"user":"<bob>","plan":"gold","active":true}`},
		{status: 400, method: "POST", path: "/subscriptions", body: `{"user":"nobody","plan":"gold","active":true}`},
		{status: 201, method: "POST", path: "/users/{id}/credentials", at: "/users/<bob>/credentials", body: `{"kind":"session"}`},
		{status: 200, method: "POST", path: "/users/{id}/deactivate", at: "/users/<bob>/deactivate", body: `{"transferTo":"<ada>"}`},
		{status: 200, method: "GET", path: "/users/{id}/departures", at: "/users/<bob>/departures"},
		{status: 200, method: "GET", path: "/transfers", at: "/transfers?user=<bob>", save: "transfer", from: "items/0/id"},
		{status: 400, method: "GET", path: "/transfers", at: "/transfers?state=gone"},
		{status: 200, method: "GET", path: "/transfers/{id}", at: "/transfers/<transfer>"},
		{status: 404, method: "GET", path: "/transfers/{id}", at: "/transfers/nothing"},
		{status: 403, method: "POST", path: "/transfers/{id}/accept", at: "/transfers/<transfer>/accept"},
		{status: 403, method: "POST", path: "/transfers/{id}/decline", at: "/transfers/<transfer>/decline"},
		{status: 409, method: "POST", path: "/transfers/{id}/give", at: "/transfers/<transfer>/give", body: `{"to":"nobody"}`},
		{status: 400, method: "POST", path: "/transfers/{id}/give", at: "/transfers/<transfer>/give", body: `{}`},
		{status: 200, method: "POST", path: "/transfers/{id}/give", at: "/transfers/<transfer>/give?preview=true", body: `{"to":"<ada>"}`},
		{status: 200, method: "POST", path: "/transfers/{id}/give", at: "/transfers/<transfer>/give", body: `{"to":"<ada>"}`},
		{status: 200, method: "GET", path: "/freeze-requests"},
		{status: 403, method: "PUT", path: "/users/{id}/freeze-request", at: "/users/<ada>/freeze-request"},
		{status: 404, method: "POST", path: "/users/{id}/freeze-request/approve", at: "/users/<ada>/freeze-request/approve"},
		{status: 404, method: "POST", path: "/users/{id}/freeze-request/refuse", at: "/users/<ada>/freeze-request/refuse"},
		{status: 200, method: "GET", path: "/users", at: "/users?view=inactive"},
		{status: 200, method: "POST", path: "/users/activate", body: `{"ids":["<bob>","nobody"]}`},
		{status: 403, method: "PUT", path: "/users/{id}/standing", at: "/users/<ada>/standing", body: `{"rank":1}`, note: "provisioning"},
		{status: 401, method: "GET", path: "/settings", note: "nobody"},
		{status: 200, method: "GET", path: "/settings"},
		{status: 200, method: "PUT", path: "/users/{id}/standing", at: "/users/<ada>/standing", body: `{"role":"admin","rank":1}`},
		{status: 201, method: "POST", path: "/reservations", body: `{"seats":1}`},
		{status: 403, method: "POST", path: "/reservations", body: `{"seats":100}`},
		{status: 200, method: "GET", path: "/licences"},
		{status: 409, method: "PUT", path: "/licences/{id}", at: "/licences/core", body: `{"purchased":0}`},
		{status: 201, method: "POST", path: "/domains", body: `{"domain":"corp.example"}`},
		{status: 200, method: "GET", path: "/domains"},
		{status: 201, method: "POST", path: "/purchases", body: `{"id":"p1","email":"new@corp.example"}`},
		{status: 200, method: "POST", path: "/addresses/block", body: `{"email":"evil@corp.example"}`},
		{status: 403, method: "POST", path: "/purchases", body: `{"id":"p2","email":"evil@corp.example"}`},
		{status: 200, method: "POST", path: "/addresses/approve", body: `{"email":"evil@corp.example"}`},
		{status: 404, method: "POST", path: "/addresses/approve", body: `{"email":"good@corp.example"}`},
		{status: 200, method: "PUT", path: "/users/{id}/approval", at: "/users/<ada>/approval?for=hold"},
		{status: 200, method: "PUT", path: "/settings/approval", body: `{"twoPeople":true}`},
		{status: 400, method: "PUT", path: "/settings/approval", body: `{}`},
		{status: 404, method: "POST", path: "/addresses/lift", body: `{"email":"good@corp.example"}`},
		{status: 200, method: "GET", path: "/addresses"},
		{status: 200, method: "GET", path: "/users/{id}/export", at: "/users/<bob>/export"},
		{status: 200, method: "DELETE", path: "/users/{id}", at: "/users/<bob>"},
		{status: 201, method: "POST", path: "/plans", body: `{"verb":"suspend","ids":["<ada>","nobody"]}`, save: "plan", from: "id"},
		{status: 200, method: "GET", path: "/plans/{id}", at: "/plans/<plan>"},
		{status: 412, method: "POST", path: "/plans/{id}/commit", at: "/plans/<plan>/commit", header: `If-Match: W/"9"`},
		{status: 200, method: "POST", path: "/plans/{id}/commit", at: "/plans/<plan>/commit", header: `If-Match: *`},
		{status: 200, method: "GET", path: "/tombstones"},
		{status: 200, method: "GET", path: "/consents"},
		{status: 403, method: "PUT", path: "/users/{id}/consent", at: "/users/<ada>/consent"},
		{status: 200, method: "GET", path: "/audit", at: "/audit?limit=200"},
		{status: 200, method: "GET", path: "/outbox"},
		{status: 422, method: "POST", path: "/users", body: `{"email":"cyd@corp.example"}`, header: "Idempotency-Key: k", note: "twice"},
	} {
		at, token := step.at, adminSecret
		if at == "" {
			at = step.path
		}
		var headers []string
		if step.header != "" {
			headers = append(headers, step.header)
		}
		switch step.note {
		case "provisioning":
			token = secret
		case "nobody":
			token = ""
		case "twice":
			d.wanted(201, step.method, "/api/v1"+at, token, `{"email":"dan@corp.example"}`, headers...)
		}
		got := d.wanted(step.status, step.method, "/api/v1"+fill(at), token, fill(step.body), headers...)
		d.checked(step.method, step.path, got)
		if strings.Contains(got.text, "a-secret-of-mine") {
			t.Errorf("%s %s tells a secret again: %s", step.method, step.path, got.text)
		}
		if step.status >= 400 && (got.at("status") != strconv.Itoa(step.status) || got.at("title") == "" || got.at("detail") == "" || got.at("requestId") != got.header.Get("X-Request-Id")) {
			t.Errorf("%s %s: %s is not a whole problem", step.method, step.path, got.text)
		}
		if step.save != "" {
			ids[step.save] = got.at(step.from)
		}
	}
}
