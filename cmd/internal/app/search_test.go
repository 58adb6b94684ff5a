package app_test

import (
	"strconv"
	"strings"
	"testing"
)

// found are the names in the answer to a search of the root, in their order.
func (h *house) found(body string) string {
	h.Helper()
	got := h.prov(200, "POST", "/.search", body)
	var names []string
	for i := 0; got.at("Resources/"+strconv.Itoa(i)+"/id") != ""; i++ {
		one := "Resources/" + strconv.Itoa(i) + "/"
		names = append(names, got.at(one+"userName")+got.at(one+"displayName"))
	}
	h.same(got, "itemsPerPage", strconv.Itoa(len(names)))
	return got.at("totalResults") + ":" + strings.Join(names, " ")
}

// RFC 7644 section 3.4.2.1: in a search of the root, an attribute that some of the
// types do not have counts as absent there; what none has is refused.
func TestSearchOfAllTypes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person("alice")
	h.person("bob", `,"title":"clerk"`)
	for _, name := range []string{"B1", "C1", "A1"} {
		h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"`+name+`"}`)
	}
	for filter, want := range map[string]string{
		`userName eq "alice" or displayName eq "B1"`:             "2:alice B1",
		`displayName eq "B1" and userName pr`:                    "0:",
		`title ne "clerk"`:                                       "4:alice B1 C1 A1",
		`not (title eq "clerk")`:                                 "4:alice B1 C1 A1",
		`title eq null`:                                          "4:alice B1 C1 A1",
		`title ne null`:                                          "1:bob",
		`emails[value sw "b"] or displayName sw "c"`:             "2:bob C1",
		`not (userName pr or displayName gt "B1")`:               "2:B1 A1",
		`active eq true and not (members pr)`:                    "2:alice bob",
		enterpriseUser + `:department pr or displayName eq "A1"`: "1:A1",
		`id pr and (userName pr or members pr)`:                  "2:alice bob",
	} {
		if got := h.found(`{"filter":` + strconv.Quote(filter) + `}`); got != want {
			t.Errorf("%s finds %s, want %s", filter, got, want)
		}
	}
	for filter, want := range map[string]string{
		`userName eq "alice" or colour eq "red"`: `The attribute "colour" is not one of any resource type that is searched.`,
		`displayName eq "B1" or password pr`:     "The attribute password cannot be filtered by.",
		`emails[colour eq "red"]`:                `The attribute "colour" is not one of this resource type.`,
	} {
		got := h.prov(400, "POST", "/.search", `{"filter":`+strconv.Quote(filter)+`}`)
		h.same(got, "scimType", "invalidFilter")
		h.same(got, "detail", want)
	}
	h.same(h.prov(400, "GET", `/Users?filter=members%20pr`, ""), "scimType", "invalidFilter")
}

// RFC 7644 section 3.4.2.3: sortBy orders the result, not each type for itself; what
// has no value comes last.
func TestSearchOfAllTypesSorted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person("u1", `,"displayName":"m"`)
	h.person("u2", `,"displayName":"A"`)
	h.person("u3")
	for _, name := range []string{"z", "B"} {
		h.prov(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"`+name+`"}`)
	}
	for body, want := range map[string]string{
		`{"sortBy":"displayName"}`:                                                                            "5:u2A B u1m z u3",
		`{"sortBy":"displayName","sortOrder":"descending"}`:                                                   "5:u3 z u1m B u2A",
		`{"sortBy":"displayName","startIndex":2,"count":2}`:                                                   "5:B u1m",
		`{"sortBy":"displayName","startIndex":5,"count":2}`:                                                   "5:u3",
		`{"sortBy":"displayName","startIndex":9000}`:                                                          "5:",
		`{"sortBy":"displayName","count":0}`:                                                                  "5:",
		`{"sortBy":"userName","filter":"displayName sw \"Z\" or userName sw \"U\"","sortOrder":"descending"}`: "4:z u3 u2A u1m",
		`{"sortBy":"colour"}`:                                                                                 "5:u1m u2A u3 z B",
	} {
		if got := h.found(body); got != want {
			t.Errorf("%s finds %s, want %s", body, got, want)
		}
	}
	h.same(h.prov(400, "POST", "/.search", `{"sortBy":"password"}`), "scimType", "invalidPath")
}
