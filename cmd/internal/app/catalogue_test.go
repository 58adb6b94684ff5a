package app_test

import (
	"strings"
	"testing"
)

// typesListed are the names that /ResourceTypes shows.
func (h *house) typesListed() string {
	h.Helper()
	var names []string
	for _, one := range h.prov(200, "GET", "/ResourceTypes", "").doc.(map[string]any)["Resources"].([]any) {
		names = append(names, one.(map[string]any)["name"].(string))
	}
	return strings.Join(names, " ")
}

const applicationSchema = "urn:ietf:params:scim:schemas:usher:2.0:Application"

// schemasListed are the URNs that /Schemas shows.
func (h *house) schemasListed() string {
	h.Helper()
	var urns []string
	for _, one := range h.prov(200, "GET", "/Schemas", "").doc.(map[string]any)["Resources"].([]any) {
		urns = append(urns, one.(map[string]any)["id"].(string))
	}
	return strings.Join(urns, " ")
}

// Domain 3.3: applications, their assignments, licences and integrations are
// resources that provisioning clients find, filter and page through, and cannot
// change. Where there is nothing of a type, it is nowhere: not in the lists, and not
// at its endpoint.
func TestReadOnlyResourceTypes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if got := h.typesListed(); got != "User Group" {
		t.Fatalf("an organization that has nothing lists %s", got)
	}
	if got := h.schemasListed(); strings.Contains(got, "Application") || !strings.Contains(got, "core:2.0:Group") {
		t.Fatalf("an organization that has nothing lists the schemas %s", got)
	}
	for _, path := range []string{"/Applications", "/AppAssignments/x", "/LicensePools?filter=id%20pr", "/Integrations", "/ResourceTypes/Application", "/Schemas/" + applicationSchema} {
		h.prov(404, "GET", path, "")
	}
	h.prov(404, "POST", "/LicensePools", `{}`)
	h.prov(404, "POST", "/Applications/.search", `{}`)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	h.api(200, "PUT", "/licences/core", `{"purchased":7}`)
	for _, app := range []string{"books", "crm", "desk"} {
		h.api(200, "PUT", "/applications/"+app, `{"name":"The `+app+`","acceptsExternal":true,"minAdmins":0}`)
		h.api(200, "PUT", "/applications/"+app+"/assignments/"+ada, `{"role":"admin"}`)
	}
	h.api(200, "PUT", "/applications/crm/assignments/"+bob, `{"role":"seller"}`)
	id := h.integration(ada, withCRM)
	if got := h.typesListed(); got != "User Group Application AppAssignment LicensePool Integration" {
		t.Fatalf("listed are %s", got)
	}

	if got := h.schemasListed(); !strings.Contains(got, applicationSchema) {
		t.Errorf("the schemas are %s", got)
	}
	h.prov(200, "GET", "/ResourceTypes/Application", "")
	h.prov(200, "GET", "/Schemas/"+applicationSchema, "")

	crm := h.prov(200, "GET", "/Applications/crm", "")
	h.same(crm, "displayName", "The crm")
	h.same(crm, "meta/resourceType", "Application")
	if !strings.HasSuffix(crm.at("meta/location"), "/scim/v2/Applications/crm") || crm.header.Get("Etag") == "" {
		t.Errorf("location and version of %s", crm.text)
	}
	h.same(h.prov(200, "GET", "/LicensePools/core?attributes=free", ""), "free", "5")
	for path, want := range map[string]string{
		"/AppAssignments?filter=app%20eq%20%22crm%22":                                                "2",
		"/AppAssignments?filter=user%20eq%20%22" + ada + "%22":                                       "3",
		"/AppAssignments?filter=user%20eq%20%22" + ada + "%22%20and%20app%20eq%20%22desk%22":         "1",
		"/AppAssignments?filter=role%20eq%20%22SELLER%22":                                            "1",
		"/AppAssignments?filter=user%20eq%20%22" + ada + "%22%20and%20role%20eq%20%22seller%22":      "0",
		"/AppAssignments?filter=user%20eq%20%22" + bob + "%22%20or%20app%20eq%20%22books%22":         "2",
		"/Integrations?filter=fix.kind%20eq%20%22disable%22%20and%20enabled%20eq%20true":             "1",
		"/Integrations?filter=owner%20eq%20%22" + bob + "%22":                                        "0",
		"/Applications?filter=displayName%20co%20%22e%20c%22%20and%20meta.created%20gt%20%222020%22": "",
	} {
		if want != "" {
			h.same(h.prov(200, "GET", path, ""), "totalResults", want)
		}
	}
	sorted := h.prov(200, "GET", "/Applications?sortBy=displayName&sortOrder=descending&count=2", "")
	h.same(sorted, "Resources/0/id", "desk")
	h.same(sorted, "totalResults", "3")
	h.same(h.prov(200, "GET", "/Applications?startIndex=3", ""), "Resources/0/id", "desk")
	h.same(h.prov(200, "POST", "/Applications/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"id eq \"books\""}`), "totalResults", "1")

	first := h.prov(200, "GET", "/AppAssignments?count=3&cursor", "")
	rest := h.prov(200, "GET", "/AppAssignments?count=3&cursor="+first.at("nextCursor"), "")
	h.same(rest, "itemsPerPage", "1")
	h.same(rest, "nextCursor", "")
	back := h.prov(200, "GET", "/AppAssignments?count=3&cursor="+rest.at("previousCursor"), "")
	h.same(back, "Resources/2/id", first.at("Resources/2/id"))

	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		got := h.prov(405, method, "/Integrations/"+id, `{}`)
		if allow := got.header.Get("Allow"); allow != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: Allow %q", method, allow)
		}
	}
	h.prov(405, "POST", "/LicensePools", `{}`)
	h.prov(404, "GET", "/Applications/none", "")
	bulk := h.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Applications/crm"}]}`)
	h.same(bulk, "Operations/0/status", "405")
}
