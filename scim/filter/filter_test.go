package filter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

const person = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"Bob@x.com","active":true,"name":{"familyName":"Smith"},
	"emails":[{"type":"work","value":"a@b.c","primary":true},{"type":"home","value":"d@e.f"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Eng","manager":{"value":"m1"}}}`

func userType(t testing.TB) *scim.ResourceType {
	t.Helper()
	rt, ok := schemas.Default.Type("User")
	if !ok {
		t.Fatal("no type User")
	}
	return rt
}

func bob(t testing.TB) *scim.Resource {
	t.Helper()
	r, _, err := scim.Decode(userType(t), []byte(person), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMatch(t *testing.T) {
	r := bob(t)
	for src, want := range map[string]bool{
		`userName eq "bob@X.com"`:                        true,
		`userName ne "bob@x.com"`:                        false,
		`userName sw "BO" and userName ew ".COM"`:        true,
		`userName gt "boa" and userName lt "boc"`:        true,
		`emails[type eq "work" and value co "d@"]`:       false, // the same element
		`emails.type eq "work" and emails.value co "d@"`: true,
		`emails[type eq "home" and value co "d@"]`:       true,
		`emails[not (type eq "work")]`:                   true,
		`emails eq "a@b.c"`:                              true,
		`emails[type eq "work"].value eq "a@b.c"`:        true,
		`emails[primary eq "True"].value eq "a@b.c"`:     true,
		`emails.value ne "a@b.c"`:                        false,
		`not (active eq true)`:                           false,
		`active eq "False"`:                              false,
		`title pr`:                                       false,
		`title ne "x"`:                                   true, // absent is not equal
		`title gt "a"`:                                   false,
		`title eq null`:                                  true,
		`name pr and name.familyName pr`:                 true,
		`manager eq m1`:                                  true,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department sw "e"`:   true,
		`URN:ietf:params:scim:schemas:extension:enterprise:2.0:user:Department eq "eng"`: true,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr`:                  true,
		`urn:ietf:params:scim:schemas:core:2.0:User:name.familyName eq "smith"`:          true,
		`meta.created lt "2000-01-01T00:00:00.1234567+05:00"`:                            true,
		`meta.resourceType eq "User"`:                                                    true,
		`name.familyName Eq smith AND (active eq true Or title pr)`:                      true,
		`title pr or active eq true and userName pr`:                                     true, // and binds tighter
		`(title pr or active eq true) and title pr`:                                      false,
		`userName co "\u0042OB"`:                                                         true,
		`userName eq "a\" or userName pr or \"b"`:                                        false, // K40
		`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`:        true,
	} {
		f, _, err := filter.Compile(src, userType(t), scim.Tolerant)
		if err != nil {
			t.Errorf("%s: %v", src, err)
		} else if f.Match(r) != want {
			t.Errorf("%s: want %v", src, want)
		}
	}
}

// K38, K39: whatever is broken is an error, and soon.
func TestK38K39Refused(t *testing.T) {
	broken := []string{
		"", " ", "userName", "userName eq", `userName eq "x`, `userName eq "x" and`, `and userName pr`, `userName xx "y"`, `(userName pr`, `userName pr)`,
		`userName pr userName pr`, `emails[type eq "x"`, `emails[]`, `emails[type eq "work"].value`, `not userName pr`, `userName eq "\x"`, `userName eq "\ud800"`,
		`password eq "x"`, `password pr`, `shoe eq "x"`, `name.shoe pr`, `active gt true`, `active co "t"`, `active eq "maybe"`, `meta.created eq "yesterday"`, `meta.created co "2"`,
		`name eq "x"`, `userName[value eq "x"]`, `userName eq "x" or`, `"x" eq userName`, `userName == "x"`, "userName eq \"\xff\"", `title gt null`,
		`emails[emails[type eq "x"]]`, `()`, `(((`, `userName pr and and userName pr`, `1 eq 1`, `userName;drop eq "x"`,
		strings.Repeat("(", 100_000), strings.Repeat("not (", 33) + "title pr" + strings.Repeat(")", 33), strings.Repeat("(", 33) + "title pr" + strings.Repeat(")", 33),
		strings.Repeat("emails[", 1000), strings.Repeat("title pr and ", 64) + "title pr", `title eq "` + strings.Repeat("x", scim.MaxFilter) + `"`,
	}
	for _, src := range broken {
		_, _, err := filter.Compile(src, userType(t), scim.Tolerant)
		var e *scim.Error
		if !errors.As(err, &e) || e.Type != scim.InvalidFilter || !strings.HasSuffix(e.Detail, ".") {
			t.Errorf("%.60q: %v", src, err)
		}
	}
	fine := strings.Repeat("(", 31) + "title pr" + strings.Repeat(")", 31) + strings.Repeat(" or title pr", 63)
	if _, _, err := filter.Compile(fine, userType(t), scim.Tolerant); err != nil {
		t.Errorf("just within the limits: %v", err)
	}
}

func TestStrictDialect(t *testing.T) {
	for _, src := range []string{`userName eq bob`, `active eq "true"`, `manager eq "x"`} {
		if _, _, err := filter.Compile(src, userType(t), scim.Strict); err == nil {
			t.Errorf("%s was accepted", src)
		}
		if _, met, err := filter.Compile(src, userType(t), scim.Tolerant); err != nil || met == 0 {
			t.Errorf("%s: %v, quirks %v", src, err, met.Names())
		}
	}
}

func TestParsePath(t *testing.T) {
	for src, want := range map[string]string{
		`userName`: "userName||", `name.givenName`: "name.givenName||", `emails[type eq "work"]`: `emails|type eq "work"|`,
		`emails[type eq "work"].Value`: `emails|type eq "work"|Value`, `urn:a:2.0:User:x.y`: "urn:a:2.0:User:x.y||",
		`emails[type eq "a]b"].value`: `emails|type eq "a]b"|value`,
	} {
		p, _, err := filter.ParsePath(src, scim.Tolerant)
		inner := ""
		if p.Filter != nil {
			inner = p.Filter.String()
		}
		if got := fmt.Sprintf("%s|%s|%s", p.Attr, inner, p.Sub); err != nil || got != want {
			t.Errorf("%s: %s, %v", src, got, err)
		}
	}
	for _, src := range []string{"", "[", "emails[", `emails[type eq "x"`, `emails[type eq "x"]value`, "a b", "1", `emails[x eq "1"].value eq "2"`, strings.Repeat("a[", 100_000), "__proto__.x\x00"} {
		var e *scim.Error
		if _, _, err := filter.ParsePath(src, scim.Tolerant); !errors.As(err, &e) || e.Type != scim.InvalidPath {
			t.Errorf("%.40q: %v", src, err)
		}
	}
}

// What is parsed and written again means the same (R17).
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`userName eq "a"`, `not (a pr) or b.c co "\u00e9" and (d lt 1.5)`, `emails[type eq "work" and value sw "x"].value pr`, `a eq null`, `((a pr))`, `a eq True`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, _, err := filter.Parse(src, scim.Tolerant)
		if err != nil {
			return
		}
		text := e.String()
		again, _, err := filter.Parse(text, scim.Tolerant)
		if err != nil {
			if len(text) > scim.MaxFilter || strings.Contains(err.Error(), "nested") {
				return // writing adds parentheses
			}
			t.Fatalf("%q was written as %q: %v", src, text, err)
		}
		if again.String() != text {
			t.Errorf("%q becomes %q, then %q", src, text, again)
		}
	})
}

func TestMatchDoesNotAllocate(t *testing.T) {
	r := bob(t)
	f, _, err := filter.Compile(`emails[type eq "home" and value co "d@"] and active eq true`, userType(t), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { f.Match(r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	r := bob(b)
	f, _, err := filter.Compile(`userName eq "bob@x.com"`, userType(b), scim.Tolerant)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Match(r)
	}
}
