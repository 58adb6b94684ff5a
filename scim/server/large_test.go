package server_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// A group with more members than fit into one piece of an answer is shown whole, by
// itself and in a list.
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
	alone := e.send("GET", "Groups/"+id, "")
	list := e.send("GET", "Groups", "")
	resources, _ := list.body["Resources"].([]any)
	if len(resources) != 2 {
		t.Fatalf("the list has %d groups: %.300s", len(resources), list.text)
	}
	for _, got := range []reply{alone, list} {
		if length := got.header.Get("Content-Length"); length != strconv.Itoa(len(got.text)) || len(got.text) < 1<<20 {
			t.Errorf("%d bytes are announced as %s", len(got.text), length)
		}
	}
	for _, g := range []any{alone.body, resources[0]} {
		members, _ := g.(map[string]any)["members"].([]any)
		seen := map[string]bool{}
		for _, m := range members {
			seen[m.(map[string]any)["value"].(string)] = true
		}
		if len(members) != people || len(seen) != people {
			t.Errorf("%d members are shown, %d different", len(members), len(seen))
		}
	}
	if head := e.send("HEAD", "Groups/"+id, ""); head.header.Get("Content-Length") != alone.header.Get("Content-Length") || head.text != "" {
		t.Errorf("HEAD announces %s", head.header.Get("Content-Length"))
	}
}
