package storetest

import (
	"testing"

	"github.com/usher-scim/usher/scim/schemas"
)

// RunRolling wants that stores of two configurations work on the same data at once,
// as while servers are replaced: what one writes the other finds. The Reopener leaves
// the stores that it has opened as they are.
func RunRolling(t *testing.T, begin func(t *testing.T) Reopener) {
	t.Run("indexed", func(t *testing.T) { rollIndexed(newSequel(t, begin(t))) })
	t.Run("unique", func(t *testing.T) { rollUnique(newSequel(t, begin(t))) })
	t.Run("extension", func(t *testing.T) { rollExtension(newSequel(t, begin(t))) })
	t.Run("exact", func(t *testing.T) { rollExact(newSequel(t, begin(t))) })
}

// beside opens another store on the data.
func (s *sequel) beside(types *schemas.Registry) *sequel {
	s.Helper()
	*s.opened++
	other := &sequel{env: &env{T: s.T, ctx: s.ctx, next: 1000 * *s.opened}, reopen: s.reopen, opened: s.opened}
	other.open(types)
	return other
}

func rollIndexed(old *sequel) {
	ada := old.add(OrgA, "ada", "Alpha-One")
	young := old.beside(Badges(old, Indexed))
	old.add(OrgA, "bob", "Alpha-Two")
	if err := old.give(ada, "ada", "Gamma"); err != nil {
		old.Fatal(err)
	}
	young.add(OrgA, "kim", "Alpha-Three")
	for _, s := range []*sequel{old, young} {
		s.finds(`sw "alpha"`, "bob", "kim")
		s.finds(`eq "gamma"`, "ada")
		s.finds(`co "one"`)
	}
	young.beside(Badges(young, Plain)).add(OrgA, "lea", "Alpha-Four")
	young.finds(`sw "alpha"`, "bob", "kim", "lea")
}

func rollUnique(old *sequel) {
	ada := old.add(OrgA, "ada", "Alpha")
	young := old.beside(Badges(old, Unique))
	if _, err := old.tryCreate(OrgA, old.user(), badged("kim", "ALPHA")); !isUnique(err) {
		old.Errorf("a second alpha by the configuration of before: %v", err)
	}
	if err := old.give(ada, "ada", "Beta"); err != nil {
		old.Fatal(err)
	}
	young.owned("beta", ada)
	young.owned("alpha", "")
	young.add(OrgA, "lea", "Alpha")

	last := young.beside(Badges(young, Plain)) // takes it back
	last.add(OrgA, "max", "ALPHA")
	zoe := young.add(OrgA, "zoe", "alpha")
	young.finds(`eq "alpha"`, "lea", "max", "zoe")
	last.finds(`eq "alpha"`, "lea", "max", "zoe")
	young.remove(zoe)
	young.finds(`eq "alpha"`, "lea", "max")
}

func rollExtension(young *sequel) {
	old := young.beside(schemas.Default)
	eve := old.create(OrgA, old.user(), person("eve")).ID
	young = young.beside(Badges(young, Unique))
	ada := young.add(OrgA, "ada", "Alpha")
	if err := young.give(eve, "eve", "Epsilon"); err != nil {
		young.Fatal(err)
	}
	before, err := old.get(OrgA, old.user(), ada)
	if err == nil {
		_, err = old.change(OrgA, before, person("ada")) // who does not know the value loses it
	}
	if err != nil {
		old.Fatal(err)
	}
	old.remove(eve)
	young.finds(`pr`)
	young.owned("alpha", "")
	young.owned("epsilon", "")
	young.add(OrgA, "bob", "alpha")
	young.add(OrgA, "kim", "epsilon")
	young.finds(`pr`, "bob", "kim")
	old.beside(schemas.Default) // and back is no change that another would have to know of
	if _, err := young.tryCreate(OrgA, young.user(), badged("lea", "Epsilon")); !isUnique(err) {
		young.Errorf("a second epsilon: %v", err)
	}
}

func rollExact(old *sequel) {
	old = old.beside(Badges(old, Indexed))
	old.add(OrgA, "ada", "Alpha-One")
	young := old.beside(Badges(old, Exact))
	old.add(OrgA, "bob", "ALPHA-Two")
	young.add(OrgA, "kim", "alpha-three")
	old.finds(`sw "alpha"`, "ada", "bob", "kim")
	old.finds(`co "A-T"`, "bob", "kim")
	young.finds(`sw "ALPHA"`, "bob")
	young.finds(`co "a-t"`, "kim")
	young.finds(`eq "Alpha-One"`, "ada")
}
