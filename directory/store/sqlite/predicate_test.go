package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// A type of its own with an attribute of every kind there is, and an extension.
const (
	thingSchema = `{"id":"urn:example:Thing","name":"Thing","attributes":[
	{"name":"label","type":"string","required":true,"uniqueness":"server"},{"name":"code","type":"string","caseExact":true},{"name":"tags","type":"string","multiValued":true},
	{"name":"seen","type":"dateTime"},{"name":"count","type":"integer"},{"name":"weight","type":"decimal"},{"name":"on","type":"boolean"},
	{"name":"key","type":"binary"},{"name":"home","type":"reference","referenceTypes":["external"]},
	{"name":"place","type":"complex","subAttributes":[{"name":"room","type":"string"},{"name":"floor","type":"integer"},{"name":"since","type":"dateTime"}]},
	{"name":"ports","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"string"},{"name":"type","type":"string"},{"name":"speed","type":"integer"},
		{"name":"$ref","type":"reference","referenceTypes":["external"]},{"name":"primary","type":"boolean"},{"name":"at","type":"dateTime"}]}]}`
	markSchema = `{"id":"urn:example:ext:2.0:Mark","name":"Mark","attributes":[
	{"name":"colour","type":"string"},{"name":"until","type":"dateTime"},{"name":"level","type":"integer"},{"name":"owners","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"string"},{"name":"type","type":"string"}]}]}`
	thingType = `{"name":"Thing","endpoint":"/Things","schema":"urn:example:Thing","schemaExtensions":[{"schema":"urn:example:ext:2.0:Mark","required":false}]}`
	mark      = "urn:example:ext:2.0:Mark"
)

// What filters are about, and what they and the documents hold.
var (
	thingPaths = []string{"label", "code", "tags", "seen", "count", "weight", "on", "key", "home", "place.room", "place.floor", "place.since", "ports", "ports.value", "ports.type", "ports.speed", "ports.$ref",
		"ports.primary", "ports.at", mark + ":colour", mark + ":until", mark + ":level", mark + ":owners.value", "id", "externalId", "meta.created", "meta.lastModified", "urn:example:Thing:label", "place", "nothing"}
	portPaths = []string{"value", "type", "speed", "$ref", "primary", "at"}
	operators = []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"}
	words     = []string{`"ada"`, `"ADA"`, `"Adam"`, `""`, `"é"`, `"E\u0301"`, `"a%b_c"`, `"q\"q\\"`, `"straße"`, `"STRASSE"`, `"ab"`}
	moments   = []string{`"2024-01-01T00:00:00Z"`, `"2024-01-01T01:00:00+01:00"`, `"2024-01-01T00:00:00.5Z"`, `"2023-12-31T23:59:59.999Z"`, `"1999-02-28T12:00:00-08:00"`}
	numbers   = []string{"0", "1", "-1", "9", "10", "2147483648", "-9007199254740991"}
	decimals  = []string{"0", "1.5", "-1.5", "1e3", "10", "9.999"}
	bools     = []string{"true", "false"}
	binaries  = []string{`"AQID"`, `"aqid"`, `"AQIDBA=="`}
	links     = []string{`"https://x.example/1"`, `"HTTPS://X.example/1"`, `"../Things/1"`}
	values    = slices.Concat(words, moments, numbers, decimals, bools, binaries, links, []string{"null"})
)

// things are documents with each of the values here and there.
func things(r *rand.Rand, n int) (all []string) {
	one := func(list []string) string { return list[r.IntN(len(list))] }
	for i := range n {
		var m []string
		some := func(name, value string) {
			if r.IntN(3) > 0 {
				m = append(m, `"`+name+`":`+value)
			}
		}
		m = append(m, fmt.Sprintf(`"label":"%s%d"`, strings.Trim(one(words[:4]), `"`), i))
		some("code", one(words))
		some("externalId", one(words))
		some("tags", "["+one(words)+","+one(words)+"]")
		some("seen", one(moments))
		some("count", one(numbers))
		some("weight", one(decimals))
		some("on", one(bools))
		some("key", one(binaries))
		some("home", one(links))
		some("place", fmt.Sprintf(`{"room":%s,"floor":%s,"since":%s}`, one(words), one(numbers), one(moments)))
		var ports []string
		for k := range r.IntN(4) {
			ports = append(ports, fmt.Sprintf(`{"value":%s,"type":%s,"speed":%s,"$ref":%s,"primary":%t,"at":%s}`, one(words), one(words[:3]), one(numbers), one(links), k == 1, one(moments)))
		}
		some("ports", "["+strings.Join(ports, ",")+"]")
		some(mark, fmt.Sprintf(`{"colour":%s,"until":%s,"level":%s,"owners":[{"value":%s,"type":%s}]}`, one(words), one(moments), one(numbers), one(words), one(words)))
		all = append(all, "{"+strings.Join(m, ",")+"}")
	}
	return all
}

// choices draws from the bytes of the fuzzer.
type choices struct{ left []byte }

func (c *choices) of(n int) int {
	if len(c.left) == 0 {
		return 0
	}
	v := int(c.left[0]) % n
	c.left = c.left[1:]
	return v
}

func (c *choices) filter(depth int) string {
	switch kind := c.of(6); {
	case depth == 0 || kind == 0:
		return c.comparison(thingPaths)
	case kind == 1:
		return c.filter(depth-1) + " and " + c.filter(depth-1)
	case kind == 2:
		return "(" + c.filter(depth-1) + " or " + c.filter(depth-1) + ")"
	case kind == 3:
		return "not (" + c.filter(depth-1) + ")"
	case kind == 4:
		return "ports[" + c.comparison(portPaths) + []string{" and ", " or "}[c.of(2)] + c.comparison(portPaths) + "]"
	}
	return "ports[not (" + c.comparison(portPaths) + ")]"
}

func (c *choices) comparison(paths []string) string {
	path, op := paths[c.of(len(paths))], operators[c.of(len(operators))]
	if op == "pr" {
		return path + " pr"
	}
	fitting := values
	if last := path[strings.LastIndexAny(path, ".:")+1:]; kinds[last] != nil && c.of(8) < 7 { // now and then of another kind
		fitting = kinds[last]
	}
	if n := c.of(len(fitting) + 1); n < len(fitting) {
		return path + " " + op + " " + fitting[n]
	}
	n := min(c.of(9), len(c.left))
	text := c.left[:n] // of the fuzzer's own
	c.left = c.left[n:]
	return path + " " + op + " " + string(scim.AppendString(nil, strings.ToValidUTF8(string(text), "?")))
}

// kinds are the values of attributes that are not texts, by the name.
var kinds = map[string][]string{"seen": moments, "since": moments, "at": moments, "until": moments, "created": moments, "lastModified": moments, "count": numbers, "floor": numbers, "speed": numbers,
	"level": numbers, "weight": decimals, "on": bools, "primary": bools, "key": binaries, "home": links, "$ref": links}

// FuzzPredicate: what the embedded store finds for a filter is what the filter says of
// each document, whatever is compared (R17).
func FuzzPredicate(f *testing.F) {
	registry, err := schemas.NewRegistry([]schemas.Document{{Name: "thing", Data: []byte(thingSchema)}, {Name: "mark", Data: []byte(markSchema)}}, []schemas.Document{{Name: "type", Data: []byte(thingType)}})
	if err != nil {
		f.Fatal(err)
	}
	rt, _ := registry.Type("Thing")
	store, err := sqlite.Open(f.Context(), filepath.Join(f.TempDir(), "usher.db"), sqlite.Options{Registry: registry})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := store.Close(); err != nil {
			f.Error(err)
		}
	})
	if err := store.AddOrganization(f.Context(), directory.Organization{ID: "a"}); err != nil {
		f.Fatal(err)
	}
	var all []*scim.Resource
	for i, text := range things(rand.New(rand.NewPCG(17, 1)), 60) {
		r, _, err := scim.Decode(rt, []byte(text), scim.Tolerant)
		if err != nil {
			f.Fatalf("%s: %v", text, err)
		}
		at := time.Date(2024, 1, 1, 0, 0, i-30, 5e8, time.UTC)
		r.ID, r.Version, r.Created, r.Modified = fmt.Sprintf("00000000-0000-7000-8000-%012x", i), 1, at, at.Add(time.Minute)
		if err := store.Update(f.Context(), func(tx directory.Tx) error { return tx.Put(f.Context(), "a", nil, r) }); err != nil {
			f.Fatal(err)
		}
		all = append(all, r)
	}
	for p := range thingPaths {
		for op := range operators {
			f.Add([]byte{0, byte(p), byte(op), 0, byte(p*7 + op*3)}) // of the same kind
			f.Add([]byte{0, byte(p), byte(op), 7, byte(p*7 + op*3)}) // of any
		}
	}
	r := rand.New(rand.NewPCG(17, 2))
	for range 300 {
		seed := make([]byte, 30)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		src := (&choices{data}).filter(3)
		if !utf8.ValidString(src) {
			t.Fatalf("%q is no text", src)
		}
		compiled, _, err := filter.Compile(src, rt, scim.Tolerant)
		if err != nil {
			return // a comparison that means nothing
		}
		want := []string{}
		for _, one := range all {
			if compiled.Match(one) {
				want = append(want, one.ID)
			}
		}
		got := []string{}
		err = store.View(t.Context(), func(rd directory.Reader) error {
			p, err := rd.Find(t.Context(), directory.Query{Org: "a", Type: rt, Filter: compiled, Start: 1, Count: 1000})
			for _, one := range p.Resources {
				got = append(got, one.ID)
			}
			if err == nil && p.Total != len(got) {
				t.Errorf("%s: %d of %d", src, len(got), p.Total)
			}
			return err
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q, %v", src, got, want, err)
		}
	})
}
