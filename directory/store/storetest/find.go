package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim/schemas"
)

func runFind(t *testing.T, open Opener) {
	t.Run("paging", func(t *testing.T) { runPaging(t, open) })
	t.Run("filters", func(t *testing.T) { runFilters(t, open) })
	t.Run("sorting", func(t *testing.T) { runSorting(t, open) })
}

func runPaging(t *testing.T, open Opener) {
	e := setup(t, open)
	var all []string
	for i := range 25 {
		all = append(all, fmt.Sprintf("u%02d", i))
		e.create(OrgA, user, person(all[i]))
		e.create(OrgB, user, person(all[i]))
	}
	for _, c := range []struct{ start, count, want int }{{1, 10, 10}, {11, 10, 10}, {21, 10, 5}, {25, 1, 1}, {26, 10, 0}, {1 << 40, 10, 0}, {1, 0, 0}} {
		for _, src := range []string{"", `userName sw "u"`, `userName co "u"`, `title ne "x"`} {
			e.it(fmt.Sprintf("%d from %d of %q", c.count, c.start, src), func() {
				p := e.find(directory.Query{Start: c.start, Count: c.count}, src)
				if p.Total != 25 || len(p.Resources) != c.want {
					e.Errorf("total %d, %d resources", p.Total, len(p.Resources))
				}
				if c.want > 0 && names(p)[0] != all[c.start-1] {
					e.Errorf("it begins with %s", names(p)[0])
				}
			})
		}
	}
	for _, q := range []directory.Query{{Start: 1}, {Start: 1, SortBy: schemas.User.UserName, Descending: true}} {
		for _, src := range []string{"", `userName sw "u"`} {
			e.it(fmt.Sprintf("walk through %q, descending %t", src, q.Descending), func() { walk(e.T, e, q, src, 25) })
		}
	}
}

// walk goes through all pages by position, and back again.
func walk(t *testing.T, e *env, q directory.Query, src string, total int) {
	t.Helper()
	q.Count = 7
	seen := map[string]bool{}
	p := e.find(q, src)
	var last directory.Page
	for {
		for _, r := range p.Resources {
			if seen[r.ID] {
				t.Fatalf("%s came twice", r.ID)
			}
			seen[r.ID] = true
		}
		last = p
		if !p.More {
			break
		}
		q.After = p.Last
		p = e.find(q, src)
	}
	if len(seen) != total {
		t.Errorf("%q sorted by %v: the walk saw %d of %d", src, q.SortBy, len(seen), total)
	}
	q.After = nil
	n := len(last.Resources)
	for p = last; p.Prior; n += len(p.Resources) {
		q.Before = p.First
		if p = e.find(q, src); len(p.Resources) == 0 {
			t.Fatal("an empty page before the first")
		}
	}
	if n != total {
		t.Errorf("%q: the walk back saw %d of %d", src, n, total)
	}
}

func runFilters(t *testing.T, open Opener) {
	e := setup(t, open)
	e.create(OrgA, user, `{"userName":"ada","title":"50% off_\\","externalId":"Ext-1","name":{"familyName":"Łukasz"},"emails":[{"type":"work","value":"ada@corp.io"},{"type":"home","value":"x@home.io"}]}`)
	e.create(OrgA, user, `{"userName":"bob","externalId":"ext-1","emails":[{"type":"home","value":"ada.b@corp.io"}],"active":false,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D"}}`)
	e.create(OrgB, user, `{"userName":"ada","externalId":"Ext-1","emails":[{"type":"work","value":"ada@corp.io"}]}`)
	for src, want := range map[string][]string{
		`userName eq "ADA"`:                                  {"ada"},
		`externalId eq "Ext-1"`:                              {"ada"},
		`emails[type eq "work" and value co "ADA"]`:          {"ada"},
		`emails.type eq "work" and emails.value co "x@home"`: {"ada"},
		`emails[type eq "work" and value co "x@home"]`:       {},
		`emails.value co "ada"`:                              {"ada", "bob"},
		`emails.value ew "CORP.io"`:                          {"ada", "bob"},
		`emails.value co "a"`:                                {"ada", "bob"},
		`title co "%"`:                                       {"ada"}, // K41: wildcards are plain text
		`emails.value co "%"`:                                {},
		`emails.value sw "_"`:                                {},
		`title ew "_\\"`:                                     {"ada"},
		`name.familyName sw "ł"`:                             {"ada"},
		`active eq false`:                                    {"bob"},
		`not (title pr)`:                                     {"bob"},
		`title ne "x"`:                                       {"ada", "bob"},
		`userName gt "ada"`:                                  {"bob"},
		`userName ge "ada" and userName lt "b"`:              {"ada"},
		`userName eq "ada" or userName eq "bob"`:             {"ada", "bob"},
		`userName eq "a\" or userName pr or \"b"`:            {}, // K40
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d"`: {"bob"},
		`meta.created le "2026-01-02T04:04:05.006+01:00"`:                                {"ada", "bob"},
		`id pr`: {"ada", "bob"},
	} {
		e.it(src, func() {
			if diff := cmp.Diff(want, names(e.find(directory.Query{Start: 1, Count: 10}, src))); diff != "" {
				e.Error(diff)
			}
		})
	}
}

func runSorting(t *testing.T, open Opener) {
	e := setup(t, open)
	e.create(OrgA, user, `{"userName":"b","name":{"familyName":"x"},"emails":[{"value":"z@x"},{"value":"a@x","primary":true}]}`)
	e.create(OrgA, user, `{"userName":"C","name":{"familyName":"X"},"emails":[{"value":"b@x"}],"active":true}`)
	e.create(OrgA, user, `{"userName":"a","active":false}`)
	for _, c := range []struct {
		q    directory.Query
		want []string
	}{
		{directory.Query{SortBy: schemas.User.UserName}, []string{"a", "b", "C"}},
		{directory.Query{SortBy: schemas.User.UserName, Descending: true}, []string{"C", "b", "a"}},
		{directory.Query{SortBy: schemas.User.FamilyName}, []string{"b", "C", "a"}},
		{directory.Query{SortBy: schemas.User.FamilyName, Descending: true}, []string{"a", "b", "C"}},
		{directory.Query{SortBy: schemas.User.EmailValue}, []string{"b", "C", "a"}},
		{directory.Query{SortBy: schemas.User.Active}, []string{"a", "C", "b"}},
	} {
		c.q.Start, c.q.Count = 1, 10
		e.it(fmt.Sprintf("by %s, descending %t", c.q.SortBy.Path(), c.q.Descending), func() {
			if diff := cmp.Diff(c.want, names(e.find(c.q, ""))); diff != "" {
				e.Error(diff)
			}
		})
	}
}
