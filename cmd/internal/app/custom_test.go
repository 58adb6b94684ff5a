package app_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-scim/usher/config"
)

// engines is a custom resource type, and an extension of users, with characteristics
// that the schemas of RFC 7643 do not use.
func engines(cfg *config.Config) {
	cfg.Schemas = []config.Document{{Path: "machine.json", Data: []byte(`{"id":"urn:example:Machine","name":"Machine","attributes":[
		{"name":"serial","type":"string","required":true,"caseExact":true,"uniqueness":"server"},
		{"name":"weight","type":"decimal"},{"name":"built","type":"dateTime"},{"name":"note","type":"string","returned":"request"},
		{"name":"place","type":"complex","subAttributes":[{"name":"room","type":"string"},{"name":"code","type":"string","mutability":"immutable"}]},
		{"name":"parts","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"string"},{"name":"size","type":"integer"},
			{"name":"cost","type":"decimal"},{"name":"marks","type":"string","multiValued":true}]}]}`)},
		{Path: "desk.json", Data: []byte(`{"id":"urn:example:Desk","name":"Desk","attributes":[
			{"name":"number","type":"string","returned":"always"},{"name":"side","type":"string"}]}`)}}
	cfg.ResourceTypes = []config.Document{{Path: "type.json", Data: []byte(`{"name":"Machine","endpoint":"/Machines","schema":"urn:example:Machine"}`)},
		{Path: "user.json", Data: []byte(`{"name":"User","endpoint":"/Users","schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[{"schema":"urn:example:Desk","required":false}]}`)}}
}

// machine makes one and returns its path.
func (h *house) machine(members string) string {
	h.Helper()
	return "/Machines/" + h.prov(201, "POST", "/Machines", `{"schemas":["urn:example:Machine"],`+members+`}`).at("id")
}

// find wants so many resources that fulfil a filter.
func (h *house) find(endpoint, filter, want string) {
	h.Helper()
	h.same(h.prov(200, "GET", endpoint+"?filter="+url.QueryEscape(filter), ""), "totalResults", want)
}

// K42, K46, rule 2 of the dialects: whatever a client can store can be read again, and
// what it cannot be is refused. A record that nobody can read cannot be deactivated
// either, and every filter that comes upon it fails.
func TestWhatIsStoredCanBeRead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, engines)
	for digits, shown := range map[string]string{"1.": "1", ".5": "0.5", "+5": "5", "01.50": "1.5", "2.50": "2.50", "1e2": "1e2"} {
		path := h.machine(`"serial":"` + digits + `","weight":"` + digits + `"`)
		if got := h.prov(200, "GET", path, ""); !json.Valid([]byte(got.text)) || !strings.Contains(got.text, `"weight":`+shown+`,`) {
			t.Errorf("a weight of %q is shown as %s", digits, got.text)
		}
		h.prov(200, "PATCH", path, patchOp(`{"op":"add","path":"note","value":"x"}`))
	}
	for _, at := range []string{"2024-02-28T1:00:00Z", "2024-02-28T10:00:00,5Z", "2024-02-28T10:00:00+24:00", "2024-02-28T10:00:00+02:60"} {
		h.same(h.prov(400, "POST", "/Machines", `{"schemas":["urn:example:Machine"],"serial":"x","built":"`+at+`"}`), "scimType", "invalidValue")
	}
	path := h.machine(`"serial":"parts"`)
	for _, filter := range []string{"size eq 5.5", `size eq \"1.\"`, `value eq \"a\\u0000b\"`} {
		got := h.prov(400, "PATCH", path, patchOp(`{"op":"add","path":"parts[`+filter+`].marks","value":"x"}`))
		h.same(got, "scimType", "invalidValue")
	}
	for _, filter := range []string{`cost eq \"1.\"`, `marks eq \"m\"`, "value eq 7", "size eq 5"} {
		h.prov(200, "PATCH", path, patchOp(`{"op":"add","path":"parts[`+filter+`].marks","value":"x"}`))
		h.prov(200, "PATCH", path, patchOp(`{"op":"replace","path":"weight","value":1}`))
		h.prov(200, "PATCH", path, patchOp(`{"op":"replace","path":"weight","value":2}`))
	}
	h.same(h.prov(200, "GET", path, ""), "parts/0/cost", "1")

	ada := h.person("ada@mail.example")
	h.same(h.prov(400, "PATCH", "/Users/"+ada, patchOp(`{"op":"add","path":"x509Certificates[value eq \"!\"].display","value":"x"}`)), "scimType", "invalidValue")
	h.prov(200, "PATCH", "/Users/"+ada, patchOp(`{"op":"replace","path":"active","value":false}`))
	h.find("/Users", `nickName pr or userName eq "ada@mail.example"`, "1")
	h.find("/Machines", "weight gt 0", "7")
}

// K33: a unique value is found by a filter in whichever letter case it is in the way of
// others, also where its schema asks for exact comparison; /Schemas says so.
func TestUniqueValuesAreFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t, engines)
	h.machine(`"serial":"AbC"`)
	h.same(h.prov(409, "POST", "/Machines", `{"schemas":["urn:example:Machine"],"serial":"aBc"}`), "scimType", "uniqueness")
	for _, filter := range []string{`serial eq "AbC"`, `serial eq "abc"`, `serial sw "ab"`, `serial eq "AbC" and id pr`, `serial eq "zz" or serial eq "ABC"`} {
		h.find("/Machines", filter, "1")
	}
	h.find("/Machines", `serial ne "abc"`, "0")
	h.same(h.prov(200, "GET", "/Schemas/urn:example:Machine", ""), "attributes/0/caseExact", "false")
}

// K53: remove with listed values takes away those, in the values of an attribute too.
func TestK53RemoveListedValuesWithin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, engines)
	path := h.machine(`"serial":"1","parts":[{"value":"a","marks":["x","y","Z"]},{"value":"b","marks":["x"]}]`)
	got := h.prov(200, "PATCH", path, patchOp(`{"op":"remove","path":"parts[value eq \"a\"].marks","value":["x","z"]}`))
	h.same(got, "parts/0/marks", `["y"]`)
	h.same(got, "parts/1/marks", `["x"]`)
	h.same(h.prov(200, "PATCH", path, patchOp(`{"op":"remove","path":"parts[value eq \"a\"].marks","value":[]}`)), "parts/0/marks", `["y"]`)
	got = h.prov(200, "PATCH", path, patchOp(`{"op":"remove","path":"parts.marks"}`))
	h.same(got, "parts", `[{"value":"a"},{"value":"b"}]`)
}

// K46, K47: adding many values to those of an element is bounded like all else.
func TestK47ManyValuesWithin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, engines)
	path := h.machine(`"serial":"1","parts":[{"value":"a"}]`)
	many := func(prefix string) string {
		var all []string
		for i := range 60_000 {
			all = append(all, prefix+strings.Repeat("x", i%3)+string(rune('a'+i%26))+jsonNumber(i))
		}
		out, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return patchOp(`{"op":"add","path":"parts[value eq \"a\"].marks","value":` + string(out) + `}`)
	}
	h.prov(200, "PATCH", path, many("a"))
	h.same(h.prov(400, "PATCH", path, many("b")), "scimType", "tooMany")
}

func jsonNumber(i int) string {
	out, _ := json.Marshal(i)
	return string(out)
}

// K51: what is immutable inside a complex value is so for PUT as well.
func TestK51ImmutablePartsAndPut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, engines)
	path := h.machine(`"serial":"1","place":{"room":"r","code":"c"}`)
	put := func(status int, place string) reply {
		return h.prov(status, "PUT", path, `{"schemas":["urn:example:Machine"],"serial":"1"`+place+`}`)
	}
	h.same(put(400, `,"place":{"room":"r","code":"d"}`), "scimType", "mutability")
	h.same(put(200, `,"place":{"room":"s"}`), "place", `{"code":"c","room":"s"}`)
	h.same(put(200, ``), "place", `{"code":"c","room":"s"}`)
	h.same(h.prov(200, "GET", path, ""), "place/code", "c")
}

// RFC 7643 section 7: what is always returned is so in extensions, and what is returned
// on request is part of the answer to the request that writes it.
func TestReturnedAlwaysAndOnRequest(t *testing.T) {
	t.Parallel()
	h := newHouse(t, engines)
	ada := "/Users/" + h.person("ada@mail.example", `,"urn:example:Desk":{"number":"7","side":"left"}`)
	for _, query := range []string{"?attributes=userName", "?excludedAttributes=urn:example:Desk", "?attributes=name", "?excludedAttributes=urn:example:Desk:side,urn:example:Desk:number"} {
		h.same(h.prov(200, "GET", ada+query, ""), "urn:example:Desk", `{"number":"7"}`)
	}
	h.same(h.prov(200, "GET", ada+"?attributes=urn:example:Desk", ""), "urn:example:Desk", `{"number":"7","side":"left"}`)
	h.same(h.prov(200, "GET", ada+"?excludedAttributes=userName", ""), "urn:example:Desk", `{"number":"7","side":"left"}`)

	made := h.prov(201, "POST", "/Machines", `{"schemas":["urn:example:Machine"],"serial":"1","note":"a"}`)
	h.same(made, "note", "a")
	path := "/Machines/" + made.at("id")
	h.same(h.prov(200, "GET", path, ""), "note", "")
	h.same(h.prov(200, "PATCH", path, patchOp(`{"op":"replace","path":"note","value":"b"}`)), "note", "b")
	h.same(h.prov(200, "PATCH", path, patchOp(`{"op":"replace","path":"weight","value":1}`)), "note", "")
	h.same(h.prov(200, "PATCH", path+"?attributes=serial", patchOp(`{"op":"replace","path":"note","value":"c"}`)), "note", "")
	h.same(h.prov(200, "PATCH", path+"?excludedAttributes=note", patchOp(`{"op":"replace","path":"note","value":"d"}`)), "note", "")
	h.same(h.prov(200, "GET", path+"?attributes=note", ""), "note", "d")
}
