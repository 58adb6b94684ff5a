package storetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// seed is the same for every store that is tested on one day, so that they answer the
// same filters about the same people: each agrees with the predicate, and so with the
// others. The variable USHER_TEST_SEED repeats a run of another day.
func seed(t *testing.T) uint64 {
	n := uint64(time.Now().Unix() / (24 * 60 * 60))
	if text := os.Getenv("USHER_TEST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("USHER_TEST_SEED=%d", n)
	return n
}

// crowd are resources of one type that random filters are asked about.
type crowd struct {
	*env
	rt   *scim.ResourceType
	all  []*scim.Resource
	full []*scim.Resource // with their memberships
}

// runDifferential compares what the store finds with what the predicate says of
// every resource, for random people and groups and random filters (R17), while values
// move from memory to the written index.
func runDifferential(t *testing.T, open Opener) {
	rnd := rand.New(rand.NewPCG(seed(t), 1))
	e := setup(t, open)
	people, groups := &crowd{env: e, rt: user}, &crowd{env: e, rt: group}
	for i := range 120 {
		people.all = append(people.all, e.create(OrgA, user, randomPerson(rnd, i)))
	}
	for i := range 15 {
		groups.all = append(groups.all, e.create(OrgA, group, randomGroup(rnd, i)))
	}
	for round := range 4 {
		people.shuffle(rnd, func(i int) string { return randomPerson(rnd, i+1000*(round+1)) })
		groups.shuffle(rnd, func(i int) string { return randomGroup(rnd, i+1000*(round+1)) })
		for i, g := range groups.all {
			e.join(rnd, g, people.all, groups.all[i+1:])
		}
		ids := append(people.view(), groups.view()...)
		for range 220 {
			people.compare(randomFilter(rnd, userAsks, ids, 3))
		}
		for range 60 {
			groups.compare(randomFilter(rnd, groupAsks, ids, 3))
		}
		time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond) // lets the index be written
	}
}

// shuffle changes some of them.
func (c *crowd) shuffle(rnd *rand.Rand, body func(i int) string) {
	c.Helper()
	for i := range c.all {
		if rnd.IntN(4) == 0 {
			next, err := c.change(OrgA, c.all[i], body(i))
			if err != nil {
				c.Fatal(err)
			}
			c.all[i] = next
		}
	}
}

// join puts some people, and groups further down, into a group, and takes some out.
func (e *env) join(rnd *rand.Rand, g *scim.Resource, people, groups []*scim.Resource) {
	e.Helper()
	var d directory.EdgeDelta
	for range 6 {
		d.Add = append(d.Add, directory.Member{ID: people[rnd.IntN(len(people))].ID, Type: user.Name})
		d.Remove = append(d.Remove, people[rnd.IntN(len(people))].ID)
	}
	if len(groups) > 0 && rnd.IntN(3) == 0 {
		d.Add = append(d.Add, directory.Member{ID: groups[rnd.IntN(len(groups))].ID, Type: group.Name})
	}
	d.Remove = slices.DeleteFunc(d.Remove, func(id string) bool {
		return slices.ContainsFunc(d.Add, func(m directory.Member) bool { return m.ID == id })
	})
	if err := e.Update(e.ctx, func(tx directory.Tx) error {
		return tx.Link(e.ctx, directory.Ref{Org: OrgA, Type: group, ID: g.ID}, d)
	}); err != nil {
		e.Fatal(err)
	}
}

// view reads the memberships of all, and lists the ids.
func (c *crowd) view() (ids []string) {
	c.Helper()
	c.full = c.full[:0]
	err := c.View(c.ctx, func(r directory.Reader) error {
		for _, res := range c.all {
			full, err := directory.WithEdges(c.ctx, r, OrgA, res)
			if err != nil {
				return err
			}
			c.full, ids = append(c.full, full), append(ids, res.ID)
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	return ids
}

func (c *crowd) compare(src string) {
	c.Helper()
	f, _, err := filter.Compile(src, c.rt, scim.Tolerant)
	if err != nil {
		c.Fatalf("%s: %v", src, err)
	}
	want := []string{}
	for _, r := range c.full {
		if f.Match(r) {
			want = append(want, r.ID)
		}
	}
	p := c.find(directory.Query{Type: c.rt, Start: 1, Count: 1000}, src)
	got := []string{}
	for _, r := range p.Resources {
		got = append(got, r.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" || p.Total != len(want) {
		c.Errorf("%s: total %d, %s", src, p.Total, diff)
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
	if rnd.IntN(2) == 0 {
		fmt.Fprintf(&b, `,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":%q,"employeeNumber":"%d e","manager":{"value":"00000000-0000-7000-8000-%012x"}}`, word(rnd), i, 1+rnd.IntN(120))
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

func randomGroup(rnd *rand.Rand, i int) string {
	body := fmt.Sprintf(`{"displayName":"%s %d"`, strings.ReplaceAll(word(rnd), `"`, ""), i)
	if rnd.IntN(2) == 0 {
		body += fmt.Sprintf(`,"externalId":%q`, word(rnd))
	}
	return body + "}"
}

// asks are what random filters ask of a type: texts, ids, times, and what stands in
// brackets.
type asks struct {
	texts, ids, times, brackets []string
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"

var (
	userAsks = asks{
		texts: []string{"userName", "displayName", "title", "externalId", "name.familyName", "name.givenName", "emails.value", "emails.type",
			enterprise + "department", enterprise + "employeeNumber", enterprise + "manager.displayName", "groups.display", "groups.type", "meta.resourceType"},
		ids:      []string{"id", "groups.value", enterprise + "manager.value"},
		times:    []string{"meta.created", "meta.lastModified"},
		brackets: []string{`emails[type eq "work" and %s]`, `emails[type eq "Home" and %s]`, `groups[type eq "direct" and %s]`},
	}
	groupAsks = asks{
		texts:    []string{"displayName", "externalId", "members.type", "meta.resourceType"},
		ids:      []string{"id", "members.value"},
		times:    []string{"meta.created", "meta.lastModified"},
		brackets: []string{`members[type eq "User" and %s]`, `members[type eq "Group" and %s]`},
	}
)

func randomFilter(rnd *rand.Rand, a asks, ids []string, depth int) string {
	if depth > 0 {
		switch rnd.IntN(6) {
		case 0:
			return randomFilter(rnd, a, ids, depth-1) + " and " + randomFilter(rnd, a, ids, depth-1)
		case 1:
			return "(" + randomFilter(rnd, a, ids, depth-1) + " or " + randomFilter(rnd, a, ids, depth-1) + ")"
		case 2:
			return "not (" + randomFilter(rnd, a, ids, depth-1) + ")"
		case 3:
			bracket := pick(rnd, a.brackets)
			if strings.HasPrefix(bracket, "emails") {
				return fmt.Sprintf(bracket, comparison(rnd, "value", word(rnd)))
			}
			return fmt.Sprintf(bracket, comparison(rnd, "value", pick(rnd, ids)))
		}
	}
	switch rnd.IntN(10) {
	case 0:
		if a.brackets[0] == userAsks.brackets[0] {
			return fmt.Sprintf("active %s %t", pick(rnd, []string{"eq", "ne"}), rnd.IntN(2) == 0)
		}
	case 1, 2:
		return comparison(rnd, pick(rnd, a.ids), pick(rnd, ids))
	case 3:
		at := began.Add(time.Duration(rnd.IntN(3)) * time.Hour / 2).Format(time.RFC3339Nano)
		return pick(rnd, a.times) + " " + pick(rnd, []string{"eq", "ne", "gt", "ge", "lt", "le"}) + ` "` + at + `"`
	}
	return comparison(rnd, pick(rnd, a.texts), word(rnd))
}

func pick(rnd *rand.Rand, from []string) string { return from[rnd.IntN(len(from))] }

// comparison compares an attribute with a text, or a part of it.
func comparison(rnd *rand.Rand, attr, text string) string {
	op := pick(rnd, []string{"pr", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
	if op == "pr" {
		return attr + " pr"
	}
	if runes := []rune(text); len(runes) > 1 && rnd.IntN(2) == 0 {
		text = string(runes[rnd.IntN(len(runes)):])
	}
	return attr + " " + op + " " + string(scim.AppendString(nil, text))
}
