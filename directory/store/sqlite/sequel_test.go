package sqlite

import (
	"errors"
	"fmt"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// Changes of one resource that share a commit are in the index as the last of
// them left it: what one added and the next removed is found nowhere.
func TestIndexAfterChangesThatShareACommit(t *testing.T) {
	s := opened(t)
	rt, _ := schemas.Default.Type("User")
	made := func(n int, v scim.Version, name string) *scim.Resource {
		r, _, err := scim.Decode(rt, fmt.Appendf(nil, `{"userName":%q,"displayName":"the %s"}`, name, name), scim.Tolerant)
		if err != nil {
			t.Fatal(err)
		}
		r.ID, r.Version = fmt.Sprintf("00000000-0000-7000-8000-%012x", n), v
		return r
	}
	err := s.Update(t.Context(), func(tx directory.Tx) error {
		first, second, third, gone := made(1, 1, "first"), made(1, 2, "second"), made(1, 3, "third"), made(2, 1, "gone")
		return errors.Join(tx.Put(t.Context(), "a", nil, gone), tx.Put(t.Context(), "a", nil, first), tx.Put(t.Context(), "a", first, second),
			tx.Put(t.Context(), "a", second, third), tx.Delete(t.Context(), "a", gone))
	})
	if err != nil {
		t.Fatal(err)
	}
	drained(t, s)
	for name, want := range map[string]int{"first": 0, "second": 0, "third": 1, "gone": 0} {
		for _, src := range []string{`userName eq "` + name + `"`, `displayName eq "the ` + name + `"`, `displayName co "` + name + `"`} {
			f, _, err := filter.Compile(src, rt, scim.Tolerant)
			if err != nil {
				t.Fatal(err)
			}
			err = s.View(t.Context(), func(r directory.Reader) error {
				p, err := r.Find(t.Context(), directory.Query{Org: "a", Type: rt, Filter: f, Start: 1, Count: 10})
				if p.Total != want {
					t.Errorf("%s: %d found, want %d", src, p.Total, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		if want > 0 {
			continue
		}
		r := made(3, 1, name)
		if err := s.Update(t.Context(), func(tx directory.Tx) error {
			return errors.Join(tx.Put(t.Context(), "a", nil, r), tx.Delete(t.Context(), "a", r))
		}); err != nil {
			t.Errorf("K06: the name %s is not free: %v", name, err)
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
