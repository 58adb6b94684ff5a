package server_test

import (
	"fmt"
	"maps"
	"strconv"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// A group whose members do not become text at once is shown whole, by itself, in a list,
// in a search over several types and in the answer to a change, with the length announced.
func TestLargeGroup(t *testing.T) {
	e := setup(t)
	const people = 9000 // about 150 bytes each
	id := e.create("Groups", `{"displayName":"everybody"}`)
	e.create("Groups", `{"displayName":"nobody"}`)
	user, _ := schemas.Default.Type("User")
	group, _ := schemas.Default.Type("Group")
	for from := 0; from < people; from += 1000 {
		err := e.store.Update(t.Context(), func(tx directory.Tx) error {
			var d directory.EdgeDelta
			for n := from; n < from+1000; n++ {
				r, _, err := scim.Decode(user, fmt.Appendf(nil, `{"userName":"u%d"}`, n), scim.Tolerant)
				if err != nil {
					return err
				}
				r.ID, r.Version = fmt.Sprintf("00000000-0000-7000-8000-%012x", n), 1
				if err := tx.Put(t.Context(), "a", nil, r); err != nil {
					return err
				}
				d.Add = append(d.Add, directory.Member{ID: r.ID, Type: "User"})
			}
			return tx.Link(t.Context(), directory.Ref{Org: "a", Type: group, ID: id}, d)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
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
