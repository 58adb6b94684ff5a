package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// K28, K29, K59: a token finds the person whom its connection knows by the subject. One
// that knows nobody by an externalId of its own takes those of the others, if they agree.
func TestSubjectsOfEachConnection(t *testing.T) {
	n := naming(t)
	ada := n.made("idp", "ada", "1001", false)
	bob := n.made("hr", "bob", "1001", false)
	cy := n.made("hr", "cy", "7", false)
	who := func(client directory.ConnectionID, subject, want string, is error) {
		t.Helper()
		err := n.svc.Read(n.ctx, func(r directory.Reader) error {
			p, err := directory.Subject(n.ctx, r, "a", client, subject)
			if err == nil && p.ID != want {
				t.Errorf("%s, %s: another person", client, subject)
			}
			return err
		})
		if !errors.Is(err, is) {
			t.Errorf("%s, %s: %v, want %v", client, subject, err, is)
		}
	}
	who("idp", "1001", ada, nil)
	who("hr", "1001", bob, nil)
	who("people", "1001", "", directory.ErrAmbiguous)
	who("people", "7", cy, nil)
	who("idp", "7", "", directory.ErrNotFound)
	who("idp", "cy", cy, nil)
	n.says("hr", cy, "8")
	who("people", "7", "", directory.ErrFormer)
	who("hr", "7", "", directory.ErrFormer)
	who("hr", "8", cy, nil)
	if _, err := n.svc.Execute(n.ctx, requestOf("hr", directory.Delete{Type: user, ID: cy})); err != nil {
		t.Fatal(err)
	}
	who("hr", "8", "", directory.ErrFormer)
}

// R16: the main connection's own externalIds are told by the index alone, those of
// another by the index and the few records that it leads to.
func TestExternalIDsAreFoundByAnIndex(t *testing.T) {
	n := naming(t)
	for i := range 40 {
		id := n.made("idp", fmt.Sprintf("u%d", i), fmt.Sprintf("i%d", i), false)
		n.says("hr", id, fmt.Sprintf("h%d", i))
	}
	for client, want := range map[directory.ConnectionID]string{"idp": "index", "hr": "verify"} {
		n.plans = nil
		err := n.svc.ReadAs(n.ctx, client, func(r directory.Reader) error {
			f, _, err := filter.Compile(`externalId eq "`+string(client[:1])+`7"`, user, scim.Strict)
			if err != nil {
				return err
			}
			p, err := r.Find(n.ctx, directory.Query{Org: "a", Type: user, Filter: f, Start: 1, Count: 10})
			if err == nil && (p.Total != 1 || p.Resources[0].Text(scim.ExternalID) != string(client[:1])+"7") {
				t.Errorf("%s finds %d", client, p.Total)
			}
			return err
		})
		if err != nil || !slices.Equal(n.plans, []string{want}) {
			t.Errorf("%s is answered by %v, want %s; %v", client, n.plans, want, err)
		}
	}
	for client, prefix := range map[directory.ConnectionID]string{"idp": "i", "hr": "h"} {
		var seen []string
		q := directory.Query{Org: "a", Type: user, SortBy: scim.ExternalID, Descending: true, Start: 1, Count: 7}
		for more := true; more; {
			err := n.svc.ReadAs(n.ctx, client, func(r directory.Reader) error {
				p, err := r.Find(n.ctx, q)
				for _, one := range p.Resources {
					seen = append(seen, one.Text(scim.ExternalID))
				}
				more, q.After = p.More, p.Last
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 40 || !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) || seen[0] != prefix+"9" {
			t.Errorf("%s sorts %v", client, seen)
		}
	}
}
