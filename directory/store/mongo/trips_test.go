package mongo_test

import (
	"slices"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/patch"
)

// A change costs few round trips, also with all the rules; a look-up costs one.
func TestRoundTrips(t *testing.T) {
	heard := &dialtest.Watcher{}
	s := dialtest.Open(t, mongotest.URI(t), mongo.Options{Monitor: heard.Monitor()})
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: dialtest.Org}); err != nil {
		t.Fatal(err)
	}
	dir, rt := directory.New(s, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves}), dialtest.Type(t, "User")
	actor := directory.Actor{Kind: directory.Operator, Rank: directory.OwnerRank}
	want := func(what string, most int, fn func() error) {
		t.Helper()
		heard.Take()
		if err := fn(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		all := heard.Take()
		list := slices.DeleteFunc(dialtest.Names(all), func(s string) bool { return s == "endSessions" })
		if t.Logf("%s: %v", what, list); len(list) > most {
			t.Errorf("%s costs %d round trips, want %d", what, len(list), most)
		}
	}
	do := func(c directory.Change) func() error {
		return func() error {
			_, err := dir.Execute(t.Context(), directory.Request{Org: dialtest.Org, Actor: actor, Change: c})
			return err
		}
	}
	body, _, err := scim.Decode(rt, []byte(`{"userName":"ada@corp.io","emails":[{"value":"ada@corp.io"}],"active":true}`), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	want("a create", 6, do(directory.Create{Resource: body}))
	f, _, err := filter.Compile(`userName eq "ada@corp.io"`, rt, scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	var page directory.Page
	want("a look-up by name", 1, func() error {
		return s.View(t.Context(), func(r directory.Reader) (err error) {
			page, err = r.Find(t.Context(), directory.Query{Org: dialtest.Org, Type: rt, Filter: f, Start: 1, Count: 10})
			return err
		})
	})
	id := page.Resources[0].ID
	want("a look-up by id", 1, func() error {
		return s.View(t.Context(), func(r directory.Reader) error {
			_, err := r.Get(t.Context(), directory.Ref{Org: dialtest.Org, Type: rt, ID: id})
			return err
		})
	})
	p, _, err := patch.Decode(rt, []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"clerk"}]}`), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	want("a patch", 6, do(directory.Patch{Type: rt, ID: id, Patch: p}))
	want("a deactivation", 6, do(directory.Deactivate{Type: rt, ID: id}))
}
