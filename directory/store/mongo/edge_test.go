package mongo_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/directory/store/storetest"
)

// K64: whoever is put into a group for the first time is in it, also when somebody
// writes the record at the same moment, before or after.
func TestK64FirstMembershipBesideAWrite(t *testing.T) {
	replicas, rt := dialtest.Two(t), dialtest.Type(t, "User")
	group := dialtest.Record(t, dialtest.Type(t, "Group"), 1, `{"displayName":"g"}`)
	put := func(i int, n int, version int, title string) error {
		return replicas[i].Update(t.Context(), func(tx directory.Tx) error {
			after := dialtest.Record(t, rt, n, fmt.Sprintf(`{"userName":"p%d","title":%q}`, n, title))
			if version == 0 {
				return tx.Put(t.Context(), dialtest.Org, nil, after)
			}
			before, err := tx.Get(t.Context(), directory.Ref{Org: dialtest.Org, Type: rt, ID: after.ID})
			if err != nil {
				return err
			}
			after.Version = before.Version + 1
			return tx.Put(t.Context(), dialtest.Org, before, after)
		})
	}
	if err := replicas[0].Update(t.Context(), func(tx directory.Tx) error { return tx.Put(t.Context(), dialtest.Org, nil, group) }); err != nil {
		t.Fatal(err)
	}
	for n := 2; n < 40; n++ {
		if err := put(0, n, 0, "new"); err != nil {
			t.Fatal(err)
		}
		id := dialtest.Record(t, rt, n, `{"userName":"x"}`).ID
		storetest.Together(2, func(i int) {
			var err error
			if i == 0 {
				err = put(0, n, 1, "changed")
			} else {
				err = replicas[1].Update(t.Context(), func(tx directory.Tx) error {
					return tx.Link(t.Context(), directory.Ref{Org: dialtest.Org, Type: group.Type, ID: group.ID}, directory.EdgeDelta{Add: []directory.Member{{ID: id}}})
				})
			}
			if err != nil {
				t.Error(err)
			}
		})
		if err := put(0, n, 1, "changed again"); err != nil {
			t.Fatal(err)
		}
		for i, s := range replicas {
			err := s.View(t.Context(), func(r directory.Reader) error {
				if _, err := r.Get(t.Context(), directory.Ref{Org: dialtest.Org, Type: rt, ID: id}); err != nil {
					return err
				}
				groups, err := r.Groups(t.Context(), dialtest.Org, []string{id})
				if len(groups[id]) != 1 {
					t.Errorf("replica %d: %d is in %v", i, n, groups)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// K43: members who come together are inserted, those who are members already and those
// named twice among them are not. A write that looks for each of them would pass what was
// removed from the index minutes ago, each time: a large group could not be filled again
// for as long. Whoever was never in a group leaves without a look at the memberships.
func TestMembersAreInsertedTogether(t *testing.T) {
	uri, heard := mongotest.URI(t), &dialtest.Watcher{}
	s := dialtest.Open(t, uri, mongo.Options{Monitor: heard.Monitor()})
	dialtest.People(t, s, 41)
	group := dialtest.Record(t, dialtest.Type(t, "Group"), 1000, `{"displayName":"g"}`)
	ref, user := directory.Ref{Org: dialtest.Org, Type: group.Type, ID: group.ID}, dialtest.Type(t, "User")
	do := func(fn func(tx directory.Tx) error) []bson.Raw {
		t.Helper()
		heard.Take()
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
		return heard.Take()
	}
	join := func(from, to int) []bson.Raw {
		t.Helper()
		d := directory.EdgeDelta{}
		for n := from; n < to; n++ {
			m := directory.Member{ID: dialtest.Record(t, user, n, `{"userName":"x"}`).ID, Type: "User"}
			d.Add = append(d.Add, m, m)
		}
		return do(func(tx directory.Tx) error { return tx.Link(t.Context(), ref, d) })
	}
	do(func(tx directory.Tx) error { return tx.Put(t.Context(), dialtest.Org, nil, group) })
	sent := join(0, 30)
	if n := len(dialtest.Named(sent, "insert", "edge")); n == 0 {
		t.Errorf("30 members were added by %v", dialtest.Names(sent))
	}
	join(10, 40)
	members := map[string]int{}
	view := func(fn func(r directory.Reader) error) {
		t.Helper()
		if err := s.View(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	view(func(r directory.Reader) error {
		for m, err := range r.Members(t.Context(), ref) {
			if err != nil {
				return err
			}
			members[m.ID]++
		}
		return nil
	})
	if len(members) != 40 {
		t.Errorf("%d members, want 40", len(members))
	}
	leave := func(n int) []bson.Raw {
		return do(func(tx directory.Tx) error {
			before, err := tx.Get(t.Context(), directory.Ref{Org: dialtest.Org, Type: user, ID: dialtest.Record(t, user, n, `{"userName":"x"}`).ID})
			if err != nil {
				return err
			}
			return tx.Delete(t.Context(), dialtest.Org, before)
		})
	}
	leave(0)
	if sent := leave(40); len(dialtest.Named(sent, "find", "edge"))+len(dialtest.Named(sent, "delete", "edge")) != 0 {
		t.Errorf("who was in no group is removed by %v", dialtest.Names(sent))
	}
	view(func(r directory.Reader) error {
		linked, err := r.Linked(t.Context(), ref, slices.Collect(maps.Keys(members)))
		if len(linked) != 39 {
			t.Errorf("%d members after one has gone, want 39", len(linked))
		}
		return err
	})
}
