package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// published is an attribute as /Schemas shows it.
type published struct {
	Name, Type, Mutability string
	MultiValued            bool
	SubAttributes          []published
}

// guarded is an attribute that clients may not change, of one resource.
type guarded struct {
	published
	urn   string     // of its extension; "" in the core
	above *published // whose part it is
}

// path is how a PATCH names it.
func (g guarded) path() string {
	path := g.Name
	if g.above != nil {
		path = g.above.Name + "." + g.Name
	}
	if g.urn != "" {
		path = g.urn + ":" + path
	}
	return path
}

// paths are all the ways to name it.
func (g guarded) paths(core string) []string {
	all := []string{g.path()}
	if g.urn == "" && g.Name != "id" && (g.above == nil || g.above.Name != "meta") && g.Name != "meta" {
		all = append(all, core+":"+g.path())
	}
	if g.above != nil && g.above.MultiValued {
		all = append(all, g.above.Name+`[value pr].`+g.Name)
	}
	return all
}

// sample is a value of the type that nobody has.
func (p published) sample() any {
	var v any = "mutated"
	switch p.Type {
	case "boolean":
		v = true
	case "integer":
		v = 77
	case "dateTime":
		v = "1999-01-01T00:00:00Z"
	case "complex":
		parts := map[string]any{}
		for _, sub := range p.SubAttributes {
			parts[sub.Name] = sub.sample()
		}
		v = parts
	}
	if p.MultiValued {
		return []any{v}
	}
	return v
}

// keyed is an object that gives it a value.
func (g guarded) keyed() map[string]any {
	out := map[string]any{g.Name: g.sample()}
	if g.above != nil {
		out = map[string]any{g.above.Name: out}
	}
	if g.urn != "" {
		out = map[string]any{g.urn: out}
	}
	return out
}

// isElement reports whether it is part of each element of a list: then it can be
// given only together with another element.
func (g guarded) isElement() bool { return g.above != nil && g.above.MultiValued }

// guardedOf reads from /ResourceTypes and /Schemas what clients may not change.
func (h *house) guardedOf(kind string) (core string, all []guarded) {
	h.Helper()
	var rt struct {
		Schema           string
		SchemaExtensions []struct{ Schema string }
	}
	h.into(h.prov(200, "GET", "/ResourceTypes/"+kind, ""), &rt)
	read := func(urn, extension string) {
		var s struct{ Attributes []published }
		h.into(h.prov(200, "GET", "/Schemas/"+urn, ""), &s)
		if extension == "" {
			meta := published{Name: "meta", Type: "complex", Mutability: "readOnly"}
			for _, name := range []string{"resourceType", "created", "lastModified", "location", "version"} {
				meta.SubAttributes = append(meta.SubAttributes, published{Name: name, Type: "string", Mutability: "readOnly"})
			}
			if !slices.ContainsFunc(s.Attributes, func(p published) bool { return p.Name == "meta" }) {
				s.Attributes = append(s.Attributes, published{Name: "id", Type: "string", Mutability: "readOnly"}, meta)
			}
		}
		for _, p := range s.Attributes {
			if p.Mutability == "readOnly" || p.Mutability == "immutable" {
				all = append(all, guarded{p, extension, nil})
			}
			for _, sub := range p.SubAttributes {
				if sub.Mutability == "readOnly" || sub.Mutability == "immutable" {
					all = append(all, guarded{sub, extension, &p})
				}
			}
		}
	}
	read(rt.Schema, "")
	for _, e := range rt.SchemaExtensions {
		read(e.Schema, e.Schema)
	}
	return rt.Schema, all
}

func (h *house) into(r reply, v any) {
	h.Helper()
	if err := json.Unmarshal([]byte(r.text), v); err != nil {
		h.Fatalf("%s: %v", r.text, err)
	}
}

func asText(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // of the test's own making
	}
	return string(out)
}

// stays wants that a request is refused as one that changes what clients may not,
// or, where that is allowed, is taken without effect.
func (h *house) stays(what, path string, got reply, mayIgnore bool, before reply) {
	h.Helper()
	refused := got.status == 400 && got.at("scimType") == "mutability"
	if got.at("Operations/0/status") != "" { // of Bulk
		refused = got.at("Operations/0/status") == "400" && got.at("Operations/0/response/scimType") == "mutability"
		got.status = map[string]int{"200": 200, "204": 204}[got.at("Operations/0/status")]
	}
	if !refused && (!mayIgnore || got.status != 200 && got.status != 204) {
		h.Errorf("%s: %d %s", what, got.status, got.text)
	}
	if after := h.prov(200, "GET", path, ""); after.text != before.text || after.header.Get("ETag") != before.header.Get("ETag") {
		h.Errorf("%s changed\n%s to\n%s", what, before.text, after.text)
	}
}

// K51: made from the schemas that the server shows, every attribute that clients may
// not change, by every verb, by path, without one, in Bulk and by PUT: it is refused,
// or ignored where that is allowed, and what is stored stays as it is to the letter.
func TestK51MutabilityOverHTTP(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	boss := h.person("boss@example.com")
	ada := h.person("ada@example.com", `,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"`+boss+`"}}`)
	staff := h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"staff","members":[{"value":"`+ada+`"}]}`).at("id")
	tried := 0
	for kind, path := range map[string]string{"User": "/Users/" + ada, "Group": "/Groups/" + staff} {
		core, all := h.guardedOf(kind)
		before := h.prov(200, "GET", path, "")
		bulk := func(method, data string) reply {
			return h.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"`+method+`","path":"`+path+`","data":`+data+`}]}`)
		}
		patch := func(what, operation string, mayIgnore bool) {
			body := patchHead + "[" + operation + "]}"
			h.stays("PATCH "+what, path, h.try("PATCH", "/scim/v2"+path, secret, body), mayIgnore, before)
			h.stays("Bulk PATCH "+what, path, bulk("PATCH", body), mayIgnore, before)
		}
		for _, g := range all {
			tried++
			value := asText(g.sample())
			for _, verb := range []string{"add", "replace", "remove"} {
				for _, name := range g.paths(core) {
					op := map[string]any{"op": verb, "path": name}
					if verb != "remove" {
						op["value"] = json.RawMessage(value)
					}
					patch(verb+" "+name, asText(op), false)
				}
				if verb != "remove" && !g.isElement() {
					patch(verb+" "+asText(g.keyed()), `{"op":"`+verb+`","value":`+asText(g.keyed())+`}`, true)
					patch(verb+" by a dotted key "+g.path(), `{"op":"`+verb+`","value":{"`+g.path()+`":`+value+`}}`, true)
				}
			}
			if g.isElement() {
				continue
			}
			whole := maps.Clone(before.doc.(map[string]any))
			overlay(whole, g.keyed())
			h.stays("PUT "+g.path(), path, h.try("PUT", "/scim/v2"+path, secret, asText(whole)), true, before)
			h.stays("Bulk PUT "+g.path(), path, bulk("PUT", asText(whole)), true, before)
		}
	}
	if tried < 30 {
		t.Errorf("only %d attributes were tried", tried)
	}
}

// overlay puts the members of over into those of doc.
func overlay(doc, over map[string]any) {
	for name, v := range over {
		below, both := doc[name].(map[string]any)
		if part, is := v.(map[string]any); is && both {
			below = maps.Clone(below)
			overlay(below, part)
			doc[name] = below
			continue
		}
		doc[name] = v
	}
}

// K51, K52: who is created with a value for everything that clients may not write is
// as somebody created without.
func TestK51CreatedWithWhatIsReadOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, all := h.guardedOf("User")
	plain := h.user(h.person("plain@example.com")).text
	for i, g := range all {
		if g.isElement() || g.Name == "id" && g.above == nil {
			continue
		}
		name := fmt.Sprintf("made%d@example.com", i)
		body := map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": name,
			"emails": []any{map[string]any{"value": name, "primary": true}}}
		overlay(body, g.keyed())
		if g.urn != "" {
			body["schemas"] = append(body["schemas"].([]string), g.urn)
		}
		got := h.try("POST", "/scim/v2/Users", secret, asText(body))
		if got.status == 400 && got.at("scimType") == "mutability" {
			continue
		}
		if got.status != 201 {
			h.Errorf("%s: %d %s", g.path(), got.status, got.text)
			continue
		}
		made := h.user(got.at("id"))
		if is, want := like(made.text), like(strings.ReplaceAll(plain, "plain@example.com", name)); is != want {
			t.Errorf("%s was given by a client: %s, want %s", g.path(), is, want)
		}
	}
}

// like is a record without what differs between any two.
func like(text string) string {
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return fmt.Sprint(err)
	}
	delete(doc, "id")
	delete(doc, "meta")
	delete(doc, "schemas")
	return asText(doc)
}

// K52: a client makes nobody the owner or an administrator, gives no groups, seats,
// applications or licences that it has no scope for, and what it tries is audited as
// refused where a rule refuses it.
func TestK52MassAssignment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "example.com")
	boss := h.person("boss@example.com")
	h.api(200, "POST", "/organization/owner", `{"to":"`+boss+`"}`)
	h.api(200, "PUT", "/applications/books", `{"name":"Books","minAdmins":0}`)
	h.api(200, "PUT", "/licences/core", `{"purchased":5}`)
	h.api(200, "PUT", "/licences/mail", `{"purchased":5}`)
	staff := h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"staff"}`).at("id")
	h.control(t, "PUT", "/connections/narrow", `{"organization":"default","scopes":["users:read","users:write","groups:read","groups:write"],"dialect":"tolerant"}`, &struct{}{})
	var made struct{ Secret string }
	h.control(t, "POST", "/tokens", `{"connection":"narrow"}`, &made)
	ada := h.person("ada@example.com", `,"active":false`)
	const entry = `[{"type":"app","value":"books.admin","primary":true}]`
	for _, c := range []struct {
		name, member string
		withheld     bool // refused by a rule
	}{
		{"roles", `"roles":` + entry, true},
		{"entitlements", `"entitlements":[{"type":"extension","value":"mail"}]`, true},
		{"groups", `"groups":[{"value":"` + staff + `"}]`, false},
		{"an owner flag", `"owner":true,"isOwner":true,"admin":true`, false},
		{"a standing", `"role":"owner","rank":1,"standing":{"role":"owner"}`, false},
		{"a seat", `"` + usherUser + `":{"seatState":"held","status":"active"}`, false},
		{"where they stand", `"` + usherUser + `":{"classification":"confirmed","invitationState":"joined","homeOrganizationId":"b"}`, false},
		{"an organization", `"organizationId":"b","tenantId":"b","org":"b"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := h.user(ada).text
			for _, sent := range []struct{ method, path, body string }{
				{"PATCH", "/Users/" + ada, patchHead + `[{"op":"add","value":{` + c.member + `}}]}`},
				{"PATCH", "/Users/" + ada, patchHead + `[{"op":"replace","value":{` + c.member + `}}]}`},
				{"PUT", "/Users/" + ada, `{` + userSchema + `,"userName":"ada@example.com","emails":[{"value":"ada@example.com","primary":true}],"active":false,` + c.member + `}`},
			} {
				got := h.try(sent.method, "/scim/v2"+sent.path, made.Secret, sent.body)
				if taken := got.status < 300; taken && c.withheld || !taken && got.status != 400 && got.status != 403 {
					t.Errorf("%s %s: %d %s", sent.method, sent.body, got.status, got.text)
				}
				if after := h.user(ada).text; after != before {
					t.Errorf("%s %s made of\n%s\n%s", sent.method, sent.body, before, after)
				}
			}
			name := strings.ReplaceAll(c.name, " ", "") + "@example.com"
			create := func(name, more string) reply {
				return h.try("POST", "/scim/v2/Users", made.Secret, `{`+userSchema+`,"userName":"`+name+`","active":false`+more+`}`)
			}
			got := create(name, ","+c.member)
			if c.withheld != (got.status == 403) || c.withheld != (got.header.Get("Usher-Error") == "scope.withheld") {
				t.Errorf("POST: %d %s", got.status, got.text)
			}
			if plain := create("plain"+name, ""); got.status == 201 {
				if is, want := like(h.user(got.at("id")).text), like(strings.ReplaceAll(h.user(plain.at("id")).text, "plain"+name, name)); is != want {
					t.Errorf("who is created with it is %s, without %s", is, want)
				}
			}
		})
	}
	for _, id := range []string{ada, boss} {
		want := map[string]string{ada: "", boss: "owner"}[id]
		h.same(h.api(200, "GET", "/users/"+id+"/standing", ""), "role", want)
	}
	h.same(h.api(200, "GET", "/assignments?user="+ada, ""), "items", "[]")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")
	h.same(h.api(200, "GET", "/licences/mail", ""), "seats/used", "0")
	if got := h.prov(200, "GET", "/Groups/"+staff, "").at("members"); got != "" {
		t.Errorf("the group has %s", got)
	}
	if n := h.audited("user.update.refused", ada); n == 0 {
		t.Error("no refusal is audited")
	}
}
