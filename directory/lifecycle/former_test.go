package lifecycle_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
)

// subject is what becomes of the subject of an access token.
func (e *timed) subject(of string) error {
	return e.svc.Read(e.ctx, func(r directory.Reader) error {
		_, err := directory.Subject(e.ctx, r, "a", "", of)
		return err
	})
}

// K59, T10: that a subject was a person's is known after what remained of the person
// is erased, without a name; it is no person's again, nor a machine's.
func TestK59FormerSubjectsOutliveErasure(t *testing.T) {
	e := turning(t)
	ada := e.add(`{"userName":"Ada@x.example","externalId":"e1"}`)
	twin := e.add(`{"userName":"twin@x.example","externalId":"e1"}`)
	e.must(directory.Delete{Type: user, ID: ada})
	e.must(directory.Delete{Type: user, ID: twin}) // of the same externalId
	e.at(e.now.AddDate(0, 0, 31))
	if _, ok := have[estate.Tombstone](e, ada); ok {
		t.Fatal("the retention is over and nothing was erased")
	}
	for _, of := range []string{"ada@x.example", "ADA@X.EXAMPLE", "ａda@x.example", "e1", "E1", "twin@x.example"} {
		if err := e.subject(of); !errors.Is(err, directory.ErrFormer) || !errors.Is(err, directory.ErrNotAdmitted) {
			t.Errorf("%s: %v", of, err)
		}
	}
	if err := e.subject("a-machine"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("a machine: %v", err)
	}
	n := 0
	err := e.svc.Read(e.ctx, func(r directory.Reader) error {
		for d, err := range r.Documents(e.ctx, directory.DocumentQuery{Org: "a", Kind: (*directory.Former)(nil).Kind()}) {
			if err != nil {
				return err
			}
			n++
			for _, name := range []string{"ada", "twin", "e1\"", "x.example", ada, twin} {
				if strings.Contains(strings.ToLower(string(d.Data)+strings.Join(d.Keys, " ")), name) {
					t.Errorf("%s is kept in %s %s", name, d.Data, d.Keys)
				}
			}
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d subjects are kept, %v", n, err)
	}
}

// K59: a person who is called something else is no machine by the old name; spelling a
// name differently is no other name, and what was nobody's is not kept.
func TestK59FormerNames(t *testing.T) {
	e := turning(t)
	ada := e.add(`{"userName":"ada"}`)
	change := func(body string) {
		t.Helper()
		e.must(directory.Replace{Type: user, ID: ada, Resource: e.decode(user, body)})
	}
	change(`{"userName":"ADA","externalId":"e1"}`)
	if err := e.subject("ada"); err != nil {
		t.Errorf("another spelling: %v", err)
	}
	change(`{"userName":"e1","externalId":"ada"}`) // each is still hers
	if _, kept := have[directory.Former](e, directory.FormerID("ada")); kept {
		t.Error("a name that is in use is kept as a former one")
	}
	change(`{"userName":"lovelace"}`)
	for _, of := range []string{"ada", "e1"} {
		if err := e.subject(of); !errors.Is(err, directory.ErrFormer) {
			t.Errorf("%s: %v", of, err)
		}
	}
	bob := e.add(`{"userName":"ada"}`) // whose name it is now
	if err := e.subject("ada"); err != nil {
		t.Errorf("a name taken again: %v", err)
	}
	e.must(directory.Delete{Type: user, ID: bob})
	if err := e.subject("ada"); !errors.Is(err, directory.ErrFormer) {
		t.Errorf("a name given up twice: %v", err)
	}
}
