package mongo_test

import (
	"fmt"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
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
