package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
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

// Messages that are of the wrong form are told by the member that is wrong.
func TestMessagesOfTheWrongForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, c := range []struct{ path, body, detail string }{
		{"/.search", `{"filter":5}`, "The member filter of the SearchRequest must be a string."},
		{"/Users/.search", `{"attributes":"userName"}`, "The member attributes of the SearchRequest must be a list of strings."},
		{"/Users/.search", `{"excludedAttributes":{}}`, "The member excludedAttributes of the SearchRequest must be a list of strings."},
		{"/Users/.search", `{"count":1.5}`, "The parameter count must be a whole number."},
		{"/Users/.search", `{"startIndex":"1"}`, "The parameter startIndex must be a whole number."},
		{"/Bulk", `{"failOnErrors":"1","Operations":[]}`, "The member failOnErrors of the BulkRequest must be a whole number."},
		{"/Bulk", `{"Operations":{}}`, "The member Operations of the BulkRequest must be a list of objects."},
		{"/Bulk", `{"Operations":[7]}`, "The member Operations of the BulkRequest must be a list of objects."},
		{"/Bulk", `{"Operations":[{"method":1}]}`, "The member Operations.method of the BulkRequest must be a string."},
		{"/Bulk", `{}`, "The BulkRequest needs the member Operations, a list of objects; see RFC 7644 section 3.7."},
	} {
		h.same(h.prov(400, "POST", c.path, c.body), "detail", c.detail)
	}
	h.person("ada")
	h.same(h.prov(200, "POST", "/Users/.search", `{"count":99999999999999999999,"startIndex":-99999999999999999999}`), "itemsPerPage", "1")
	h.same(h.prov(200, "GET", "/Users?count=99999999999999999999", ""), "itemsPerPage", "1")
}

// RFC 9110 sections 12.5.1 and 13.1.2: what has no weight is not accepted, and a
// change may demand that there is nothing, or another version.
func TestAcceptAndIfNoneMatch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.person("ada")
	for accept, status := range map[string]int{"application/json;q=0": 406, "application/scim+json; q=0.0, */*": 406, "*/*;q=0": 406,
		"application/json;q=0, */*": 200, "application/json;q=0.1": 200, "text/html, application/*;q=0.5": 200, "application/scim+json;q=0, application/json": 200} {
		h.prov(status, "GET", "/Users/"+id, "", "Accept: "+accept)
	}
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada","title":"x"}`
	h.prov(412, "PUT", "/Users/"+id, body, "If-None-Match: *")
	h.prov(412, "PUT", "/Users/"+id, body, `If-None-Match: W/"1"`)
	h.prov(412, "DELETE", "/Users/"+id, "", `If-None-Match: *`)
	h.prov(404, "PUT", "/Users/01a21bac-3070-7ac2-a1bc-ea670db0c061", body, "If-None-Match: *")
	h.prov(400, "PUT", "/Users/"+id, body, "If-None-Match: 1")
	h.same(h.user(id), "meta/version", `W/"1"`)
	h.prov(200, "PUT", "/Users/"+id, body, `If-None-Match: W/"7"`)
	h.same(h.prov(200, "GET", "/Users/"+id+"?attributes=", ""), "userName", "ada")
	h.same(h.prov(200, "GET", "/Users?excludedAttributes=%20&attributes=", ""), "Resources/0/userName", "ada")
}

// Texts have no control characters but tabs and line breaks, whichever way they come.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.person("ada", `,"title":"a\tb\r\nc"`)
	for _, c := range []string{`\u0000`, `\u0007`, `x\u001by`, "\u007f"} {
		got := h.prov(400, "PATCH", "/Users/"+id, patchOp(`{"op":"replace","path":"title","value":"`+c+`"}`))
		h.same(got, "scimType", "invalidValue")
		h.same(got, "detail", "The value of title has a control character other than tab and line breaks; send it without.")
		h.prov(400, "PUT", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada","emails":[{"value":"a@b.example","display":"`+c+`"}]}`)
	}
	h.same(h.user(id), "title", "a\tb\r\nc")
	got := h.prov(400, "PATCH", "/Users/"+id, patchOp(`{"op":"replace","path":"emails[nosuch eq \"x\"].valu","value":"1"}`))
	if detail := got.at("detail"); strings.Contains(detail, `\`) {
		t.Errorf("the detail is %s", detail)
	}
}

// A number is compared with a text as its text, which is equal or not; it is neither
// before nor after it, nor part of it.
func TestNumbersAgainstTexts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person("ada", `,"displayName":"5"`)
	for filter, status := range map[string]int{"displayName%20eq%205": 200, "displayName%20ne%206": 200, "displayName%20gt%205": 400, "displayName%20sw%205": 400, "displayName%20le%20true": 400} {
		got := h.prov(status, "GET", "/Users?filter="+filter, "")
		if status == 200 {
			h.same(got, "totalResults", "1")
		} else {
			h.same(got, "scimType", "invalidFilter")
		}
	}
}

// A body that is too large by a little is taken in, so that the client sees why it is
// refused instead of a connection that is reset.
func TestBodyOverTheLimitIsAnswered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	conn, err := net.Dial("tcp", h.cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 1<<20 + 200<<10
	_ = conn.(*net.TCPConn).SetWriteBuffer(4 << 10) // or the system would take in all of it
	if _, err := fmt.Fprintf(conn, "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", secret, size, strings.Repeat(" ", size)); err != nil {
		t.Fatalf("the body could not be sent: %v", err)
	}
	if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(answer, " 413 ") {
		t.Errorf("the answer is %q %v", answer, err)
	}
	if got, err := h.call("POST", "http://"+h.cfg.Listen+"/scim/v2/Users", secret, strings.Repeat(" ", 64<<20)); err == nil && got.status != 413 {
		t.Errorf("a body without end is answered with %d", got.status)
	}
	h.stop(t, 20*time.Second) // the last connection lingers
}
