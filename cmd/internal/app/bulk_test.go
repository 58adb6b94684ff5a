package app_test

import (
	"strconv"
	"strings"
	"testing"
)

const enterpriseUser = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// bulkOps sends a Bulk request and wants the statuses of its operations.
func (h *house) bulkOps(statuses, ops string) reply {
	h.Helper()
	got := h.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],`+ops+`}`)
	var have []string
	for i := 0; got.at("Operations/"+strconv.Itoa(i)+"/status") != ""; i++ {
		have = append(have, got.at("Operations/"+strconv.Itoa(i)+"/status"))
	}
	if strings.Join(have, " ") != statuses {
		h.Errorf("the statuses are %v, want %s, in %s", have, statuses, got.text)
	}
	return got
}

// none wants nobody and nothing to match a filter.
func (h *house) none(endpoint, filter string) {
	h.Helper()
	h.same(h.prov(200, "POST", endpoint+"/.search", `{"filter":`+strconv.Quote(filter)+`}`), "totalResults", "0")
}

const badReference = "The operation refers to a bulkId that no successful operation of this request has."

// K49: creations that refer to each other are there together, or none is, and what
// refers to them fails with them. Nothing remains of them.
func TestK49NoHalfAppliedCycle(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person("taken@mail.example")
	team := h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"team"}`).at("id")
	h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"taken"}`)

	got := h.bulkOps("400 409 400", `"Operations":[{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"cycA","members":[{"value":"bulkId:b"}]}},
		{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"taken","members":[{"value":"bulkId:a"}]}},
		{"method":"PATCH","path":"/Groups/`+team+`","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:a"}]}]}}]`)
	h.same(got, "Operations/0/method", "POST")
	h.same(got, "Operations/0/location", "")
	h.same(got, "Operations/0/response/detail", badReference)
	h.same(got, "Operations/2/response/detail", badReference)
	h.none("/Groups", `displayName eq "cycA"`)
	h.same(h.prov(200, "GET", "/Groups/"+team, ""), "members/0/value", "")

	people := func(second string) string {
		return `"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"boss@mail.example","emails":[{"value":"boss@mail.example"}],"` + enterpriseUser + `":{"manager":{"value":"bulkId:b"}}}},
			{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"` + second + `","` + enterpriseUser + `":{"manager":{"value":"bulkId:a"}}}}]`
	}
	got = h.bulkOps("400 409", people("taken@mail.example"))
	h.same(got, "Operations/0/response/detail", badReference)
	h.none("/Users", `userName eq "boss@mail.example"`)
	h.none("/Users", enterpriseUser+`:manager.value sw "bulkId"`)
	if h.audited("user.create", "") != 1 || h.audited("user.delete", "") != 0 {
		t.Error("the audit tells of people who never were")
	}
	got = h.bulkOps("201 201", people("other@mail.example")) // no address is kept from anybody
	location := func(i string) string { return got.at("Operations/" + i + "/location") }
	boss := h.user(location("0")[strings.LastIndexByte(location("0"), '/')+1:])
	if id := boss.at(enterpriseUser + "/manager/value"); !strings.HasSuffix(location("1"), "/"+id) || id == "" {
		t.Errorf("the manager is %q, want who is at %s", id, location("1"))
	}
}

// K49: a member that is refused when it is added fails the creation it was left out
// of, with the creation's own method, and all others of the circle.
func TestK49CycleThatCannotBeClosed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	leader := `"urn:ietf:params:scim:schemas:extension:usher:2.0:Group":{"leader":{"value":"bulkId:b"}}`
	got := h.bulkOps("400 400", `"Operations":[{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"ring a",`+leader+`}},
		{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"ring b","members":[{"value":"bulkId:a"}]}}]`)
	h.same(got, "Operations/0/method", "POST")
	h.same(got, "Operations/1/response/detail", badReference)
	h.none("/Groups", `displayName sw "ring"`)

	h.bulkOps("400", `"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"x@mail.example","bulkId:a":"x"}}]`)
	h.bulkOps("400 400", `"failOnErrors":1,"Operations":[{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"ring a","members":[{"value":"bulkId:b"}]}},
		{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"","members":[{"value":"bulkId:a"}]}},{"method":"POST","path":"/Groups","bulkId":"c","data":{"displayName":"ring c","members":[{"value":"bulkId:a"}]}}]`)
	h.none("/Groups", `displayName sw "ring"`)
}

// RFC 7644 section 3.7.3: the version of a member of a cycle is the one that it has,
// with the status of its creation; itself and longer circles are cycles too.
func TestK49CycleVersions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	group := func(id, members string) string {
		return `{"method":"POST","path":"/Groups","bulkId":"` + id + `","data":{"displayName":"ring ` + id + `","members":[{"value":"bulkId:` + members + `"}]}}`
	}
	got := h.bulkOps("201 201 201 201 201", `"Operations":[`+strings.Join([]string{
		group("out", "a"), group("a", "b"), group("b", "c"), group("c", "a"),
		`{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"u@mail.example","nickName":"bulkId:u"}}`}, ",")+`]`)
	for i := range 5 {
		op := "Operations/" + strconv.Itoa(i)
		_, path, _ := strings.Cut(got.at(op+"/location"), "/scim/v2")
		is := h.prov(200, "GET", path, "")
		if version := is.at("meta/version"); version != got.at(op+"/version") {
			t.Errorf("%s is at version %s; Bulk said %s", path, version, got.at(op+"/version"))
		}
		if strings.Contains(is.text, "bulkId") {
			t.Errorf("a reference was stored: %s", is.text)
		}
		h.same(got, op+"/method", "POST")
	}
}

// K49, S3-27: a seat that is refused to one member of a circle is taken by none, and
// the refusal is on record.
func TestK49CycleWithoutSeats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	h.bulkOps("400 403", `"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"a@mail.example","`+enterpriseUser+`":{"manager":{"value":"bulkId:b"}}}},
		{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"b@mail.example","`+enterpriseUser+`":{"manager":{"value":"bulkId:a"}}}}]`)
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "0")
	h.same(h.prov(200, "GET", "/Users?count=0", ""), "totalResults", "0")
	if h.audited("user.add.refused", "") != 1 {
		t.Error("the refusal is not on record")
	}
}
