package app_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// K56: a mail address has at most 254 bytes, a userName 256, whichever way they come.
func TestK56LongAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	address := func(n int) string { return strings.Repeat("a", n-len("@mail.example")) + "@mail.example" }
	user := func(name, email string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `","emails":[{"value":"` + email + `"}]}`
	}
	id := h.prov(201, "POST", "/Users", user(address(256), address(254))).at("id")
	long := h.prov(400, "POST", "/Users", user("ada", address(255)))
	h.same(long, "scimType", "invalidValue")
	h.same(long, "detail", "The value of emails.value is longer than 254 bytes, so nobody could write to it; send the address itself.")
	h.same(h.prov(400, "POST", "/Users", user(address(257), "ada@mail.example")), "scimType", "invalidValue")
	h.prov(400, "PUT", "/Users/"+id, user("ada", address(304)))
	h.prov(400, "PATCH", "/Users/"+id, patchOp(`{"op":"add","path":"emails","value":[{"type":"home","value":"`+address(255)+`"}]}`))
	h.same(h.prov(200, "GET", "/Users?count=0", ""), "totalResults", "1")
}

// patchOp is the body of a PATCH with operations.
func patchOp(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

// leaves calls fn with the path and the value of everything in an answer.
func leaves(path string, v any, fn func(path string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			sep := "."
			if path == "" {
				sep = ""
			} else if strings.HasPrefix(path, "urn:") && !strings.ContainsAny(path[strings.LastIndexByte(path, ':'):], ".") && strings.HasSuffix(path, ":User") {
				sep = ":"
			}
			leaves(path+sep+name, one, fn)
		}
	case []any:
		for _, one := range v {
			leaves(path, one, fn)
		}
	default:
		fn(path, v)
	}
}

// RFC 7644 section 3.4.2.2: what an answer shows is found by a filter that names it
// with its value, and is present; where it cannot be, the filter is refused.
func TestFilterOnWhateverIsShown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	boss := h.person("boss@mail.example")
	ada := h.person("ada@mail.example", `,"name":{"familyName":"L","givenName":"A"},"externalId":"7","title":"clerk","addresses":[{"type":"work","country":"FR"}],"phoneNumbers":[{"value":"1","type":"work"}],"`+
		enterpriseUser+`":{"employeeNumber":"5","manager":{"value":"`+boss+`"}},"`+usherUser+`":{"terminationDate":"2999-01-01"}`)
	group := h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"G","externalId":"g","members":[{"value":"`+ada+`"}]}`).at("id")
	refused := map[string]bool{"meta.location": true, "members.$ref": true, "groups.$ref": true}
	for _, path := range []string{"/Users/" + ada, "/Groups/" + group} {
		endpoint := path[:strings.LastIndexByte(path, '/')]
		leaves("", h.prov(200, "GET", path, "").doc, func(attr string, v any) {
			literal, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range []string{" eq " + string(literal), " pr", " ne null"} {
				body, _ := json.Marshal(map[string]string{"filter": attr + test + ` and id eq "` + path[len(endpoint)+1:] + `"`})
				got := h.prov(map[bool]int{false: 200, true: 400}[refused[attr]], "POST", endpoint+"/.search", string(body))
				if refused[attr] {
					h.same(got, "scimType", "invalidFilter")
					continue
				}
				if got.at("totalResults") != "1" {
					t.Errorf("%s%s finds %s", attr, test, got.at("totalResults"))
				}
			}
		})
	}
	h.same(h.prov(400, "GET", "/Users?filter=groups.%24ref%20pr", ""), "detail", "The attribute groups.$ref cannot be filtered by; use groups.value.")
	h.same(h.prov(400, "GET", "/Users?filter=meta.location%20pr", ""), "detail", "The attribute meta.location cannot be filtered by; use id.")
	h.same(h.prov(200, "GET", "/Users?count=0&filter=meta%20pr", ""), "totalResults", "2")
	h.same(h.prov(200, "GET", "/Users?count=0&filter=meta%5BresourceType%20eq%20%22User%22%5D", ""), "totalResults", "2")
	h.same(h.prov(400, "GET", "/Groups?filter=members.display%20pr", ""), "scimType", "invalidFilter")
	h.same(h.prov(400, "GET", "/Groups?filter=members%5B%24ref%20pr%5D", ""), "scimType", "invalidFilter")
	h.same(h.prov(400, "GET", "/Groups?sortBy=meta.location", ""), "scimType", "invalidPath")
}
