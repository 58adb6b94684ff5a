package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

func (e *env) link(g *scim.Resource, d directory.EdgeDelta) {
	e.Helper()
	err := e.Update(e.ctx, func(tx directory.Tx) error { return tx.Link(e.ctx, directory.Ref{Org: OrgA, Type: group, ID: g.ID}, d) })
	if err != nil {
		e.Fatal(err)
	}
}

func (e *env) members(g *scim.Resource) (ids []string) {
	e.Helper()
	err := e.View(e.ctx, func(r directory.Reader) error {
		for m, err := range r.Members(e.ctx, directory.Ref{Org: OrgA, Type: group, ID: g.ID}) {
			if err != nil {
				return err
			}
			ids = append(ids, m.Type+" "+m.ID)
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
	return ids
}

func runEdges(t *testing.T, open Opener) {
	e := setup(t, open)
	g := e.create(OrgA, group, `{"displayName":"g"}`)
	h := e.create(OrgA, group, `{"displayName":"h"}`)
	var people []directory.Member
	for i := range 5 {
		people = append(people, directory.Member{ID: e.create(OrgA, user, person(fmt.Sprint("p", i))).ID, Type: "User"})
	}
	e.link(g, directory.EdgeDelta{Add: people})
	e.link(g, directory.EdgeDelta{Add: people[:2]}) // again: no repeats
	if n := len(e.members(g)); n != 5 {
		t.Errorf("%d members, want 5", n)
	}
	e.link(g, directory.EdgeDelta{Remove: []string{people[1].ID, people[3].ID, h.ID}})
	want := []string{"User " + people[0].ID, "User " + people[2].ID, "User " + people[4].ID}
	if diff := cmp.Diff(want, e.members(g)); diff != "" {
		t.Errorf("K53: %s", diff)
	}
	e.link(h, directory.EdgeDelta{Add: []directory.Member{{ID: g.ID, Type: "Group"}}})
	e.link(g, directory.EdgeDelta{Add: []directory.Member{{ID: h.ID, Type: "Group"}}}) // a cycle
	groupsOf := func(id string) (list []string) {
		err := e.View(e.ctx, func(r directory.Reader) error {
			found, err := directory.GroupsOf(e.ctx, r, OrgA, []string{id})
			for _, m := range found[id] {
				list = append(list, m.Display+" "+m.Kind())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(list)
		return list
	}
	if diff := cmp.Diff([]string{"g direct", "h indirect"}, groupsOf(people[0].ID)); diff != "" {
		t.Error(diff)
	}
	for src, want := range map[string]int{
		`groups.value eq "` + g.ID + `"`: 3, `groups eq "` + h.ID + `"`: 3, `groups.display eq "G"`: 3, `groups[type eq "direct"]`: 3, `groups pr`: 3, `not (groups pr)`: 2,
	} {
		e.it(src, func() {
			if p := e.find(directory.Query{Start: 1, Count: 10}, src); p.Total != want {
				e.Errorf("%d users, want %d", p.Total, want)
			}
		})
	}
	if p := e.find(directory.Query{Type: group, Start: 1, Count: 10}, `members eq "`+people[0].ID+`" and displayName eq "G"`); p.Total != 1 {
		t.Errorf("%d groups have the member", p.Total)
	}
	version := func() scim.Version { r, _ := e.get(OrgA, group, g.ID); return r.Version }
	before := version()
	u, _ := e.get(OrgA, user, people[0].ID)
	if err := e.Update(e.ctx, func(tx directory.Tx) error { return tx.Delete(e.ctx, OrgA, u) }); err != nil {
		t.Fatal(err)
	}
	if version() == before {
		t.Error("the group lost a member and kept its version")
	}
	if slices.Contains(e.members(g), "User "+u.ID) {
		t.Error("a deleted user is still a member")
	}
	e.link(g, directory.EdgeDelta{Clear: true, Add: people[2:3]})
	if diff := cmp.Diff([]string{"User " + people[2].ID}, e.members(g)); diff != "" {
		t.Error(diff)
	}
}
