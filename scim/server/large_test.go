package server_test

import (
	"fmt"
	"maps"
	"strconv"
	"testing"

	"github.com/usher-scim/usher/scim"
)

// A group whose members do not become text at once is shown whole, by itself, in a list,
// in a search over several types and in the answer to a change, with the length announced.
func TestLargeGroup(t *testing.T) {
	e := setup(t)
	const people = 9000 // about 150 bytes each
	id := e.create("Groups", `{"displayName":"everybody"}`)
	e.create("Groups", `{"displayName":"nobody"}`)
	e.crowd(id, people)
	late := e.create("Groups", `{"displayName":"late"}`) // in the list after what is large, and the last member
	patch := `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[{"op":"add","path":"members","value":[{"value":"` + late + `"}]}]}`
	changed := e.send("PATCH", "Groups/"+id, patch, "Prefer", "return=representation")
	alone := e.send("GET", "Groups/"+id, "")
	list := e.send("GET", "Groups", "")
	search := e.send("POST", ".search", `{"schemas":["`+scim.SearchRequestURN+`"],"filter":"displayName pr"}`)
	groups := []any{changed.body, alone.body}
	for _, got := range []reply{list, search} {
		resources, _ := got.body["Resources"].([]any)
		if len(resources) != 3 {
			t.Fatalf("the list has %d groups: %.300s", len(resources), got.text)
		}
		groups = append(groups, resources[0])
	}
	for _, got := range []reply{changed, alone, list, search} {
		if length := got.header.Get("Content-Length"); length != strconv.Itoa(len(got.text)) || len(got.text) < 1<<20 {
			t.Errorf("%d bytes are announced as %s", len(got.text), length)
		}
	}
	for _, g := range groups {
		members, _ := g.(map[string]any)["members"].([]any)
		if len(members) != people+1 {
			t.Fatalf("%d members are shown", len(members))
		}
		for n, m := range members {
			id, kind := fmt.Sprintf("00000000-0000-7000-8000-%012x", n), "User"
			if n == people {
				id, kind = late, "Group"
			}
			want := map[string]any{"value": id, "type": kind, "$ref": "https://usher.example/scim/v2/" + kind + "s/" + id}
			if !maps.Equal(m.(map[string]any), want) {
				t.Fatalf("member %d is %v, not %v", n, m, want)
			}
		}
	}
	if head := e.send("HEAD", "Groups/"+id, ""); head.header.Get("Content-Length") != alone.header.Get("Content-Length") || head.text != "" {
		t.Errorf("HEAD announces %s", head.header.Get("Content-Length"))
	}
}
