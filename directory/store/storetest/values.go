package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// simple are attributes of each type, as part of a JSON list.
const simple = `{"name":"text","type":"string"},{"name":"exact","type":"string","caseExact":true},{"name":"whole","type":"integer"},{"name":"fraction","type":"decimal"},
	{"name":"truth","type":"boolean"},{"name":"instant","type":"dateTime"},{"name":"link","type":"reference","referenceTypes":["external"]},{"name":"bytes","type":"binary"}`

// everything is a registry whose users have values of all types: singly, many, in one
// complex attribute, and in elements.
func everything(t *testing.T) *schemas.Registry {
	t.Helper()
	many := strings.NewReplacer(`"name":"`, `"multiValued":true,"name":"many-`).Replace(simple)
	schema := fmt.Sprintf(`{"id":"urn:all","name":"All","attributes":[%s,%s,{"name":"one","type":"complex","subAttributes":[%s]},{"name":"list","type":"complex","multiValued":true,"subAttributes":[%s,{"name":"primary","type":"boolean"}]}]}`, simple, many, simple, simple)
	user := `{"name":"User","endpoint":"/Users","schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[{"schema":"urn:all","required":false}]}`
	types, err := schemas.NewRegistry([]schemas.Document{{Name: "all", Data: []byte(schema)}}, []schemas.Document{{Name: "user", Data: []byte(user)}})
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// literals are values of each attribute of simple, as they stand in JSON and in filters.
var literals = map[string][]string{
	"text":     {`"Ada"`, `"ada L"`, `"ÉVA"`, `"éva"`, `"zoe \" 100%"`, `"x"`},
	"exact":    {`"Ada"`, `"ada"`, `"ADA.*"`, `"b"`},
	"whole":    {`0`, `-1`, `7`, `9007199254740993`, `-9223372036854775808`, `9223372036854775807`},
	"fraction": {`0.5`, `-0.0`, `0.0`, `-3.25`, `1e300`, `7.0`},
	"truth":    {`true`, `false`},
	"instant":  {`"2026-01-02T03:04:05Z"`, `"2026-01-02T04:04:05.000000001+01:00"`, `"1969-12-31T23:59:59.9Z"`, `"0001-01-01T00:00:00Z"`},
	"link":     {`"https://Example.com/A"`, `"https://example.com/b"`},
	"bytes":    {`"YWRh"`, `"Ym9i"`},
}

// odd are literals that are asked about and that no value is.
var odd = map[string][]string{"whole": {`0.5`, `-1.5`, `9.007199254740993e15`, `1e30`, `-1e30`, `9223372036854775807.0`}, "fraction": {`7`, `0`, `9007199254740993`}}

var attributes = []string{"text", "exact", "whole", "fraction", "truth", "instant", "link", "bytes"}

// RunValues wants of filters and orders what the predicate and the sort keys say, for
// values of all types wherever they may stand (R17).
func RunValues(t *testing.T, begin func(t *testing.T) Reopener) {
	rnd := rand.New(rand.NewPCG(seed(t), 2))
	s := newSequel(t, begin(t))
	s.open(everything(t))
	c := &crowd{env: s.env, rt: s.user()}
	for i := range 60 {
		c.all = append(c.all, s.create(OrgA, c.rt, somebody(rnd, i)))
	}
	s.create(OrgB, c.rt, somebody(rnd, 0))
	c.shuffle(rnd, func(i int) string { return somebody(rnd, 100+i) })
	c.view()
	for range 900 {
		c.compare(anyFilter(rnd, 3))
	}
	for range 120 {
		q := directory.Query{Type: c.rt, SortBy: c.attribute(anyPath(rnd)), Descending: rnd.IntN(2) == 0}
		src := ""
		if rnd.IntN(2) == 0 {
			src = anyFilter(rnd, 1)
		}
		c.sorted(q, src)
	}
}

func (c *crowd) attribute(path string) *scim.Attribute {
	c.Helper()
	a, ok := c.rt.Resolve(path)
	if !ok {
		c.Fatalf("no attribute %s", path)
	}
	return a
}

// somebody has random values.
func somebody(rnd *rand.Rand, i int) string {
	object := func(prefix string) string {
		var members []string
		for _, a := range attributes {
			if rnd.IntN(2) == 0 {
				members = append(members, fmt.Sprintf(`%q:%s`, prefix+a, pick(rnd, literals[a])))
			}
		}
		return strings.Join(members, ",")
	}
	var members []string
	if one := object(""); one != "" {
		members = append(members, one, `"one":{`+object("")+`}`)
	}
	for _, a := range attributes {
		if n := rnd.IntN(6); n < 3 {
			members = append(members, fmt.Sprintf(`"many-%s":[%s,%s]`, a, pick(rnd, literals[a]), pick(rnd, literals[a])))
		}
	}
	var list []string
	primary := rnd.IntN(6)
	for k := range rnd.IntN(4) {
		list = append(list, fmt.Sprintf(`{"primary":%t,%s}`, k == primary, filled(object(""))))
	}
	members = append(members, `"list":[`+strings.Join(list, ",")+`]`)
	if rnd.IntN(8) == 0 {
		return fmt.Sprintf(`{"userName":"u%d"}`, i)
	}
	return fmt.Sprintf(`{"userName":"u%d","active":%t,"urn:all":{%s}}`, i, rnd.IntN(2) == 0, strings.Join(members, ","))
}

// filled is an object that holds something.
func filled(members string) string {
	if members == "" {
		return `"text":"only"`
	}
	return members
}

// anyPath is an attribute of any type and place.
func anyPath(rnd *rand.Rand) string {
	if rnd.IntN(8) == 0 {
		return pick(rnd, []string{"id", "meta.created", "meta.lastModified", "meta.version", "meta.resourceType", "active", "userName", "externalId", "urn:all:list.primary"})
	}
	return "urn:all:" + pick(rnd, []string{"", "many-", "one.", "list."}) + pick(rnd, attributes)
}

// anyFilter asks about values of any type and place.
func anyFilter(rnd *rand.Rand, depth int) string {
	switch rnd.IntN(8 + depth) {
	case 8:
		return anyFilter(rnd, depth-1) + pick(rnd, []string{" and ", " or "}) + anyFilter(rnd, depth-1)
	case 9:
		return "not (" + anyFilter(rnd, depth-1) + ")"
	case 10:
		return "(" + anyFilter(rnd, depth-1) + " or " + anyFilter(rnd, depth-1) + ") and " + anyFilter(rnd, depth-1)
	case 0:
		return pick(rnd, []string{"urn:all:list", "urn:all:one"}) + "[" + bracketed(rnd, 2) + "]"
	case 1:
		return pick(rnd, []string{"urn:all pr", "urn:all:one pr", "urn:all:list pr", "urn:all:many-whole pr", "name pr", "emails pr", "meta pr", `meta[created gt "2020-01-01T00:00:00Z" and not (version eq "x")]`,
			`meta.version co "1"`, `meta.version eq "W/\"2\""`, `meta.version ew "\""`, `meta.version gt "W/\"1"`, `meta.version pr`, `meta.resourceType sw "us"`, `schemas eq "urn:all"`, `schemas co "all"`, `schemas ne "urn:all"`, `schemas pr`,
			`id sw "00000000-0000-7000-8000-00000000001"`, `id gt "00000000-0000-7000-8000-000000000020"`, `id ew "7"`, `id co "003"`, `id pr`,
			`meta.lastModified gt "2026-01-02T03:04:05.0065Z"`, `meta.created le "2026-01-02T03:04:05.0065Z"`, `meta.created lt "2026-01-02T03:04:05.0065Z"`, `meta.created ge "2026-01-02T03:04:05.0065Z"`, `meta.created eq "2026-01-02T03:04:05.0065Z"`, `meta.lastModified ne "2026-01-02T04:04:05.006Z"`})
	}
	path := anyPath(rnd)
	name := path[strings.LastIndexAny(path, ".:-")+1:]
	if _, typed := literals[name]; !typed {
		return path + " pr"
	}
	return typedComparison(rnd, path, name)
}

// bracketed is what one element must be.
func bracketed(rnd *rand.Rand, depth int) string {
	switch rnd.IntN(4 + depth) {
	case 4:
		return bracketed(rnd, depth-1) + pick(rnd, []string{" and ", " or "}) + bracketed(rnd, depth-1)
	case 5:
		return "not (" + bracketed(rnd, depth-1) + ")"
	}
	name := pick(rnd, attributes)
	return typedComparison(rnd, name, name)
}

// typedComparison compares an attribute with a literal of its type.
func typedComparison(rnd *rand.Rand, path, name string) string {
	ops := []string{"eq", "ne", "gt", "ge", "lt", "le"}
	switch name {
	case "truth":
		ops = ops[:2]
	case "text", "exact", "link", "bytes":
		ops = append(ops, "co", "sw", "ew")
	}
	op, literal := pick(rnd, append(ops, "pr")), pick(rnd, append(slices.Clone(literals[name]), odd[name]...))
	if op == "pr" {
		return path + " pr"
	}
	if op == "co" || op == "sw" || op == "ew" {
		runes := []rune(literal[1 : len(literal)-1])
		if from := rnd.IntN(len(runes)); !strings.Contains(literal, `\`) {
			literal = `"` + string(runes[from:from+rnd.IntN(len(runes)-from+1)]) + `"`
		}
	}
	return path + " " + op + " " + literal
}

// sorted walks through a sorted answer page by page and back.
func (c *crowd) sorted(q directory.Query, src string) {
	c.Helper()
	var f *filter.Filter
	if src != "" {
		var err error
		if f, _, err = filter.Compile(src, c.rt, scim.Tolerant); err != nil {
			c.Fatalf("%s: %v", src, err)
		}
	}
	want := slices.DeleteFunc(slices.Clone(c.all), func(r *scim.Resource) bool { return f != nil && !f.Match(r) })
	slices.SortStableFunc(want, func(a, b *scim.Resource) int {
		return scim.CompareSortKeys(a.SortKey(q.SortBy), b.SortKey(q.SortBy), q.Descending)
	})
	what := fmt.Sprintf("%q by %s, descending %t", src, q.SortBy.Path(), q.Descending)
	whole := q
	whole.Start, whole.Count = 1, 1000
	if diff := cmp.Diff(idsOf(want), idsOf(c.find(whole, src).Resources)); diff != "" {
		c.Errorf("%s: %s", what, diff)
		return
	}
	part := q
	part.Start, part.Count = 5, 7
	if got, all := idsOf(c.find(part, src).Resources), idsOf(want); !slices.Equal(got, all[min(4, len(all)):min(11, len(all))]) {
		c.Errorf("%s from 5: %v", what, got)
	}
	q.Start = 1
	walk(c.T, c.env, q, src, len(want))
}

func idsOf(all []*scim.Resource) []string {
	ids := []string{}
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}
