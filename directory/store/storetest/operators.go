package storetest

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// runOperators asks by every operator about every attribute of people, and wants of the
// store what the predicate says of each person.
func runOperators(t *testing.T, open Opener) {
	e := setup(t, open)
	rnd := rand.New(rand.NewPCG(17, 1))
	var all []*scim.Resource
	for i := range 40 {
		all = append(all, e.create(OrgA, user, randomPerson(rnd, i)))
	}
	for _, attr := range []string{"userName", "displayName", "title", "externalId", "name.familyName", "name.givenName", "emails.value", "emails.type"} {
		for _, op := range []string{"pr", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"} {
			src := attr + " " + op
			if op != "pr" {
				src += " " + string(scim.AppendString(nil, word(rnd)))
			}
			e.it(attr+" "+op, func() {
				f, _, err := filter.Compile(src, user, scim.Tolerant)
				if err != nil {
					e.Fatalf("%s: %v", src, err)
				}
				want, got := []string{}, []string{}
				for _, r := range all {
					if f.Match(r) {
						want = append(want, r.ID)
					}
				}
				for _, r := range e.find(directory.Query{Start: 1, Count: 1000}, src).Resources {
					got = append(got, r.ID)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					e.Errorf("%s: %s", src, diff)
				}
			})
		}
	}
}
