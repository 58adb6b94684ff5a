package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Closer is a store that can be opened again.
type Closer interface {
	Store
	Close() error
}

// Reopener opens the same data again with other resource types, bringing it up to
// date first where that is a step of its own. What was open before is closed.
type Reopener func(types *schemas.Registry) (Closer, error)

// Badges are the resource types with an extension of User, "urn:badge", whose
// attributes badge and notes have these characteristics: a part of a JSON object.
func Badges(t testing.TB, characteristics string) *schemas.Registry {
	t.Helper()
	types, err := schemas.NewRegistry(BadgeDocuments(characteristics))
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// BadgeDocuments are the documents that Badges is made of. Where the badge is unique,
// the notes, which are many, have an index.
func BadgeDocuments(characteristics string) (schema, types []schemas.Document) {
	notes := strings.Replace(characteristics, Unique, Indexed, 1)
	badge := fmt.Appendf(nil, `{"id":"urn:badge","name":"Badge","attributes":[{"name":"badge","type":"string"%s},{"name":"notes","type":"string","multiValued":true%s}]}`, characteristics, notes)
	user := []byte(`{"name":"User","endpoint":"/Users","schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[{"schema":"urn:badge","required":false}]}`)
	return []schemas.Document{{Name: "badge", Data: badge}}, []schemas.Document{{Name: "user", Data: user}}
}

// The characteristics that tests give the attribute one after the other.
const (
	Plain   = ``
	Indexed = `,"indexed":true`
	Exact   = `,"indexed":true,"caseExact":true`
	Unique  = `,"uniqueness":"server"`
)

// RunReindexing wants that the index says neither too little nor too much of an
// attribute whose characteristics change while resources have values of it.
func RunReindexing(t *testing.T, begin func(t *testing.T) Reopener) {
	t.Run("indexed", func(t *testing.T) { runIndexed(newSequel(t, begin(t))) })
	t.Run("unique", func(t *testing.T) { runUniquely(newSequel(t, begin(t))) })
	t.Run("extension", func(t *testing.T) { runExtension(newSequel(t, begin(t))) })
	t.Run("duplicates", func(t *testing.T) { runDuplicates(newSequel(t, begin(t))) })
}

// sequel is data that is opened again and again.
type sequel struct {
	*env
	reopen Reopener
	types  *schemas.Registry
	opened *int // how many there are beside the first
}

func newSequel(t *testing.T, reopen Reopener) *sequel {
	s := &sequel{env: &env{T: t, ctx: t.Context()}, reopen: reopen, opened: new(int)}
	s.with(Plain)
	for _, org := range []directory.OrgID{OrgA, OrgB} {
		if err := s.Store.AddOrganization(s.ctx, directory.Organization{ID: org, Name: string(org)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// with opens the data with the extension, whose attributes have the characteristics.
func (s *sequel) with(characteristics string) {
	s.Helper()
	s.open(Badges(s, characteristics))
}

func (s *sequel) open(types *schemas.Registry) {
	s.Helper()
	store, err := s.reopen(types)
	if err != nil {
		s.Fatal(err)
	}
	s.Store, s.types = store, types
}

func (s *sequel) user() *scim.ResourceType {
	rt, _ := s.types.Type("User")
	return rt
}

func badged(name, badge string) string {
	if badge == "" {
		return person(name)
	}
	return fmt.Sprintf(`{"userName":%q,"urn:badge":{"badge":%q,"notes":["of %s",%q]}}`, name, badge, name, badge)
}

// add creates a user with a badge and returns the id.
func (s *sequel) add(org directory.OrgID, name, badge string) string {
	s.Helper()
	return s.create(org, s.user(), badged(name, badge)).ID
}

// give changes the badge of a user.
func (s *sequel) give(id, name, badge string) error {
	s.Helper()
	before, err := s.get(OrgA, s.user(), id)
	if err != nil {
		s.Fatal(err)
	}
	_, err = s.change(OrgA, before, badged(name, badge))
	return err
}

func (s *sequel) remove(id string) {
	s.Helper()
	before, err := s.get(OrgA, s.user(), id)
	if err == nil {
		err = s.Update(s.ctx, func(tx directory.Tx) error { return tx.Delete(s.ctx, OrgA, before) })
	}
	if err != nil {
		s.Fatal(err)
	}
}

// finds wants the users of a filter on the badge.
func (s *sequel) finds(src string, want ...string) {
	s.Helper()
	for _, on := range []string{"badge", "notes"} {
		got := names(s.find(directory.Query{Type: s.user(), Start: 1, Count: 10}, "urn:badge:"+on+" "+src))
		if slices.Sort(got); !cmp.Equal(slices.Clone(got), append([]string{}, want...)) {
			s.Errorf("%s %s finds %q, want %q", on, src, got, want)
		}
	}
}

// owned wants who holds a badge as a unique value, nobody where the id is "".
func (s *sequel) owned(badge, id string) {
	s.Helper()
	a, ok := s.user().Resolve("urn:badge:badge")
	if !ok {
		s.Fatal("the type has no badge")
	}
	got := ""
	err := s.View(s.ctx, func(r directory.Reader) (err error) {
		got, err = r.Owner(s.ctx, directory.UniqueKey{Org: OrgA, Type: s.user(), Attr: a, Key: scim.Key(badge)})
		return err
	})
	if got != id || (id == "") != errors.Is(err, directory.ErrNotFound) {
		s.Errorf("the badge %s belongs to %q (%v), want %q", badge, got, err, id)
	}
}

func runIndexed(s *sequel) {
	ada := s.add(OrgA, "ada", "Alpha-One")
	bob := s.add(OrgA, "bob", "beta-one")
	s.add(OrgA, "eve", "")
	s.add(OrgB, "ada", "Alpha-One")
	s.with(Indexed)
	s.finds(`eq "alpha-one"`, "ada")
	s.finds(`sw "ALPHA"`, "ada")
	s.finds(`co "a-o"`, "ada", "bob")
	s.finds(`ew "one"`, "ada", "bob")
	s.finds(`pr`, "ada", "bob")
	s.add(OrgA, "kim", "Kappa-One")
	if err := s.give(bob, "bob", "Beta-Two"); err != nil {
		s.Fatal(err)
	}
	s.finds(`co "a-o"`, "ada", "kim")

	s.with(Plain) // what changes now is not indexed
	if err := s.give(ada, "ada", "Gamma-One"); err != nil {
		s.Fatal(err)
	}
	s.remove(bob)
	s.add(OrgA, "lea", "Alpha-One")
	s.finds(`eq "alpha-one"`, "lea")
	s.with(Indexed)
	s.finds(`eq "alpha-one"`, "lea")
	s.finds(`eq "gamma-one"`, "ada")
	s.finds(`sw "b"`)
	s.finds(`co "a-one"`, "ada", "kim", "lea")

	s.with(Exact) // the same values otherwise: as they are
	s.finds(`eq "alpha-one"`)
	s.finds(`eq "Alpha-One"`, "lea")
	s.finds(`co "a-O"`, "ada", "kim", "lea")
	s.with(Indexed)
	s.finds(`eq "ALPHA-ONE"`, "lea")
	s.finds(`co "A-O"`, "ada", "kim", "lea")
}

func runUniquely(s *sequel) {
	ada := s.add(OrgA, "ada", "Alpha")
	bob := s.add(OrgA, "bob", "beta")
	other := s.add(OrgB, "ada", "alpha") // is unique within its organization
	s.with(Unique)
	s.owned("ALPHA", ada)
	s.finds(`eq "alpha"`, "ada")
	if _, err := s.tryCreate(OrgA, s.user(), badged("kim", "ALPHA")); !isUnique(err) {
		s.Errorf("a second alpha: %v", err)
	}
	if err := s.give(bob, "bob", "alpha"); !isUnique(err) {
		s.Errorf("bob becomes alpha: %v", err)
	}
	if err := s.give(ada, "ada", "Gamma"); err != nil {
		s.Error(err)
	}
	s.owned("alpha", "")

	s.with(Plain) // anybody may have anything
	kim := s.add(OrgA, "kim", "gamma")
	if err := s.give(ada, "ada", "delta"); err != nil {
		s.Error(err)
	}
	if err := s.give(bob, "bob", "gamma"); err != nil {
		s.Error(err)
	}
	if err := s.give(bob, "bob", "epsilon"); err != nil {
		s.Error(err)
	}
	s.with(Unique)
	s.owned("gamma", kim)
	s.owned("delta", ada)
	s.owned("beta", "")
	if _, err := s.tryCreate(OrgA, s.user(), badged("lea", "Epsilon")); !isUnique(err) {
		s.Errorf("a second epsilon: %v", err)
	}
	s.add(OrgA, "lea", "beta")
	s.remove(kim)
	s.add(OrgA, "kim", "gamma")
	if got, err := s.get(OrgB, s.user(), other); err != nil || got.ID != other {
		s.Errorf("the other organization's: %v", err)
	}
}

func runExtension(s *sequel) {
	s.open(schemas.Default)
	eve := s.create(OrgA, s.user(), person("eve")).ID
	s.with(Unique) // the extension is new
	ada := s.add(OrgA, "ada", "Alpha")
	if err := s.give(eve, "eve", "Epsilon"); err != nil {
		s.Fatal(err)
	}
	s.finds(`sw "a"`, "ada")
	s.open(schemas.Default) // it is gone, and with it the value of what is changed now
	before, err := s.get(OrgA, s.user(), eve)
	if err == nil {
		_, err = s.change(OrgA, before, person("eve"))
	}
	if err != nil {
		s.Fatal(err)
	}
	s.create(OrgA, s.user(), person("bob"))
	s.with(Unique)
	s.owned("alpha", ada)
	s.owned("epsilon", "")
	s.finds(`pr`, "ada")
	s.add(OrgA, "kim", "Epsilon")
	s.finds(`eq "epsilon"`, "kim")
}

func runDuplicates(s *sequel) {
	ada := s.add(OrgA, "ada", "Secret-Value")
	bob := s.add(OrgA, "bob", "secret-value")
	s.add(OrgA, "eve", "other")
	for range 2 { // the second time nothing is different
		_, err := s.reopen(Badges(s, Unique))
		if err == nil {
			s.Fatal("two who have the same value are accepted")
		}
		for _, want := range []string{"urn:badge:badge", "User", ada, bob, "1 "} {
			if !strings.Contains(err.Error(), want) {
				s.Errorf("the refusal does not tell %s: %v", want, err)
			}
		}
		if strings.Contains(strings.ToLower(err.Error()), "secret") {
			s.Errorf("the refusal tells a value: %v", err)
		}
	}
	s.with(Plain)
	kim := s.add(OrgA, "kim", "SECRET-value") // not unique yet
	s.remove(kim)
	if err := s.give(bob, "bob", "his own"); err != nil {
		s.Fatal(err)
	}
	s.with(Unique)
	s.owned("secret-value", ada)
	s.owned("his own", bob)
	s.finds(`co "secret"`, "ada")
}
