package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// runDifferential compares what the store finds with what the predicate says of
// every resource, for random people and random filters (R17), while values move
// from memory to the written index.
func runDifferential(t *testing.T, open Opener) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	e := setup(t, open)
	var all []*scim.Resource
	for i := range 120 {
		all = append(all, e.create(OrgA, user, randomPerson(rnd, i)))
	}
	for round := range 4 {
		for i := range all {
			if rnd.IntN(4) == 0 {
				next, err := e.change(OrgA, all[i], randomPerson(rnd, i+1000*(round+1)))
				if err != nil {
					t.Fatal(err)
				}
				all[i] = next
			}
		}
		for range 220 {
			compareFind(t, e, all, randomFilter(rnd, 3))
		}
		time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond) // lets the index be written
	}
}

func compareFind(t *testing.T, e *env, all []*scim.Resource, src string) {
	t.Helper()
	f, _, err := filter.Compile(src, user, scim.Tolerant)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	want := []string{}
	for _, r := range all {
		if f.Match(r) {
			want = append(want, r.ID)
		}
	}
	p := e.find(directory.Query{Start: 1, Count: 1000}, src)
	got := []string{}
	for _, r := range p.Resources {
		got = append(got, r.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" || p.Total != len(want) {
		t.Errorf("%s: total %d, %s", src, p.Total, diff)
	}
}

var words = []string{"ada", "Ada L", "bob", "éva", "ÉVA", "x", "", "a%b", `q"q`, "corp", "straße", "STRASSE", "longer text with ada inside"}

func word(rnd *rand.Rand) string { return words[rnd.IntN(len(words))] }

func randomPerson(rnd *rand.Rand, i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"userName":"u%d","active":%t`, i, rnd.IntN(2) == 0)
	for _, a := range []string{"displayName", "title", "externalId"} {
		if rnd.IntN(2) == 0 {
			fmt.Fprintf(&b, `,%q:%q`, a, word(rnd))
		}
	}
	if rnd.IntN(2) == 0 {
		fmt.Fprintf(&b, `,"name":{"familyName":%q,"givenName":%q}`, word(rnd), word(rnd))
	}
	if n := rnd.IntN(4); n > 0 {
		b.WriteString(`,"emails":[`)
		for k := range n {
			if k > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"value":"%s%d@corp.io","type":%q}`, strings.ReplaceAll(word(rnd), `"`, ""), k, []string{"work", "home"}[rnd.IntN(2)])
		}
		b.WriteByte(']')
	}
	b.WriteByte('}')
	return b.String()
}

func randomFilter(rnd *rand.Rand, depth int) string {
	if depth > 0 {
		switch rnd.IntN(6) {
		case 0:
			return randomFilter(rnd, depth-1) + " and " + randomFilter(rnd, depth-1)
		case 1:
			return "(" + randomFilter(rnd, depth-1) + " or " + randomFilter(rnd, depth-1) + ")"
		case 2:
			return "not (" + randomFilter(rnd, depth-1) + ")"
		case 3:
			return fmt.Sprintf(`emails[type eq %q and %s]`, []string{"work", "Home"}[rnd.IntN(2)], comparison(rnd, "value"))
		}
	}
	if rnd.IntN(8) == 0 {
		return fmt.Sprintf("active eq %t", rnd.IntN(2) == 0)
	}
	attrs := []string{"userName", "displayName", "title", "externalId", "name.familyName", "name.givenName", "emails.value", "emails.type"}
	return comparison(rnd, attrs[rnd.IntN(len(attrs))])
}

func comparison(rnd *rand.Rand, attr string) string {
	op := []string{"pr", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}[rnd.IntN(10)]
	if op == "pr" {
		return attr + " pr"
	}
	text := word(rnd)
	if runes := []rune(text); len(runes) > 1 && rnd.IntN(2) == 0 {
		text = string(runes[rnd.IntN(len(runes)):])
	}
	return attr + " " + op + " " + string(scim.AppendString(nil, text))
}
