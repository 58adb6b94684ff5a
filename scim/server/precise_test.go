package server_test

import (
	"strings"
	"testing"
)

// K64, RFC 9110 section 13: conditions of reads, in lists and over several lines.
func TestK64ConditionalReads(t *testing.T) {
	e := setup(t)
	path := "Users/" + e.create("Users", `{"userName":"ada"}`)
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"If-Match", `W/"1"`, 200}, {"If-Match", `W/"2"`, 412}, {"If-Match", "*", 200},
		{"If-None-Match", `W/"2", W/"1",`, 304}, {"If-None-Match", `, W/"2"`, 200}, {"If-None-Match", "*", 304},
		{"If-None-Match", "", 200}, {"If-None-Match", ",", 400}, {"If-Match", " , ", 400},
	} {
		if r := e.send("GET", path, "", c.name, c.value); r.status != c.status {
			t.Errorf("%s: %s: %d, want %d", c.name, c.value, r.status, c.status)
		}
	}
	if r := e.send("PATCH", path, `{"Operations":[{"op":"add","path":"title","value":"x"}]}`, "If-Match", `W/"9",,W/"1"`); r.status != 200 {
		t.Errorf("an empty place in a list: %d %s", r.status, r.text)
	}
}

// RFC 7240: parameters and spaces of preferences; what is honoured is said; and a
// creation is one also when its answer is minimal.
func TestPreferences(t *testing.T) {
	e := setup(t)
	r := e.send("POST", "Users", `{"userName":"ada"}`, "Prefer", "return=minimal")
	location := r.header.Get("Location")
	if r.status != 201 || r.text != "" || location == "" || r.header.Get("Preference-Applied") != "return=minimal" {
		t.Errorf("POST: %d %v %s", r.status, r.header, r.text)
	}
	path := "Users/" + location[strings.LastIndexByte(location, '/')+1:]
	group := "Groups/" + e.create("Groups", `{"displayName":"g"}`)
	for _, prefer := range []string{"return=minimal", "return = minimal", `respond-async, return="minimal"; x=y`} {
		for _, p := range []string{path, group} {
			r := e.send("PATCH", p, `{"Operations":[{"op":"add","path":"externalId","value":"x"}]}`, "Prefer", prefer)
			if r.status != 204 || r.header.Get("Preference-Applied") != "return=minimal" {
				t.Errorf("%s: %s: %d %v", p, prefer, r.status, r.header)
			}
		}
	}
}

// Rule 14 of the dialects: the type of a body that is not there refuses no deletion,
// and ASCII is UTF-8.
func TestTypesOfBodies(t *testing.T) {
	e := setup(t)
	id := e.create("Users", `{"userName":"ada"}`)
	e.wantError("POST of a form", e.send("POST", "Users", `{"userName":"x"}`, "Content-Type", "application/x-www-form-urlencoded"), 415, "")
	if r := e.send("DELETE", "Users/"+id, "", "Content-Type", "application/x-www-form-urlencoded"); r.status != 204 {
		t.Errorf("DELETE: %d %s", r.status, r.text)
	}
	if r := e.send("POST", "Users", `{"userName":"ada"}`, "Content-Type", "application/json; charset=US-ASCII"); r.status != 201 {
		t.Errorf("ASCII: %d %s", r.status, r.text)
	}
}

// K49: an operation that Bulk does not have is an error in its turn: what stands before
// it is carried out, whatever failOnErrors says.
func TestK49RefusedInTurn(t *testing.T) {
	e := setup(t)
	r := e.send("POST", "Bulk", `{"failOnErrors":1,"Operations":[
		{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"ada"}},
		{"method":"GET","path":"/Users/x"},
		{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"bob"}}]}`)
	if got := statuses(r); got != "201 400" {
		t.Errorf("%s: %s", got, r.text)
	}
	r = e.send("POST", "Bulk", `{"Operations":[
		{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:x"}]}},
		{"method":"POST","path":"/Users/y","bulkId":"y","data":{"userName":"eve"}},
		{"method":"POST","path":"/Bulk","bulkId":"x","data":{"userName":"eve"}},
		{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"bob"}}]}`)
	if got := statuses(r); got != "400 405 400 201" {
		t.Errorf("%s: %s", got, r.text)
	}
}

// K49, RFC 7644 section 3.7.2: a reference is a value; a text that speaks of one is not.
func TestK49TextsAreNoReferences(t *testing.T) {
	e := setup(t)
	r := e.send("POST", "Bulk", `{"Operations":[
		{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"ada","title":"see bulkId:nothing","displayName":"my bulkId:a"}},
		{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:a","$ref":"../Users/bulkId:a"}]}},
		{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"remove","path":"members[value eq \"bulkId:a\"]"}]}}]}`)
	if got := statuses(r); got != "201 201 204" {
		t.Errorf("%s: %s", got, r.text)
	}
	list := e.send("GET", "Users?attributes=title,displayName", "")
	if !strings.Contains(list.text, `"see bulkId:nothing"`) || !strings.Contains(list.text, `"my bulkId:a"`) {
		t.Error(list.text)
	}
}

// statuses are those of the operations of a BulkResponse.
func statuses(r reply) string {
	var all []string
	operations, _ := r.body["Operations"].([]any)
	for _, op := range operations {
		status, _ := op.(map[string]any)["status"].(string)
		all = append(all, status)
	}
	return strings.Join(all, " ")
}
