package scim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

const core = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`

func userType(t testing.TB) *scim.ResourceType {
	t.Helper()
	rt, ok := schemas.Default.Type("User")
	if !ok {
		t.Fatal("no type User")
	}
	return rt
}

func scimType(err error) scim.ErrorType {
	var e *scim.Error
	if errors.As(err, &e) {
		return e.Type
	}
	return ""
}

// K44: what a lenient reader would let through or take twice.
func TestK44StrictJSON(t *testing.T) {
	rt := userType(t)
	for _, c := range []struct{ name, body string }{
		{"same name twice", `{"userName":"a","active":true,"active":false}`},
		{"same name in other letters", `{"userName":"a","active":true,"Active":false}`},
		{"unknown name twice", `{"userName":"a","x":1,"X":2}`},
		{"twice in a sub-object", `{"userName":"a","name":{"givenName":"x","GIVENNAME":"y"}}`},
		{"long s", `{"userName":"a","uſerName":"b"}`},
		{"trailing object", `{"userName":"a"}{}`},
		{"trailing text", `{"userName":"a"} x`},
		{"bad UTF-8", "{\"userName\":\"a\xff\"}"},
		{"byte order mark", "\ufeff{\"userName\":\"a\"}"},
		{"not an object", `[]`},
		{"empty", ``},
		{"cut off", `{"userName":"a`},
		{"empty names", `{"userName":"a","":1,"":2}`},
	} {
		if _, _, err := scim.Decode(rt, []byte(c.body), scim.Tolerant); scimType(err) != scim.InvalidSyntax {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// K36: half a surrogate pair is no character, wherever it stands.
func TestK36LoneSurrogate(t *testing.T) {
	rt := userType(t)
	for _, body := range []string{`{"userName":"\ud800"}`, `{"userName":"\ud800x","active":true}`, `{"userName":"\udc00\ud800"}`, `{"userName":"a","\udfff":1}`,
		`{"userName":"a","name":{"givenName":"\ud83d \ude00"}}`} {
		if _, _, err := scim.Decode(rt, []byte(body), scim.Tolerant); scimType(err) != scim.InvalidValue {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, _, err := scim.Decode(rt, []byte(`{"userName":"\ud83d\ude00"}`), scim.Tolerant); err != nil {
		t.Errorf("a whole pair: %v", err)
	}
}

// K45: booleans are never guessed.
func TestK45Booleans(t *testing.T) {
	rt := userType(t)
	for value, want := range map[string]string{`true`: "true", `"False"`: "false", `"TRUE"`: "true", `"no"`: "", `0`: "", `[false]`: "", `"falsee"`: "", `{}`: "", `1.0`: ""} {
		r, met, err := scim.Decode(rt, []byte(`{"userName":"a","active":`+value+`}`), scim.Tolerant)
		if want == "" {
			if scimType(err) != scim.InvalidValue {
				t.Errorf("%s: %v", value, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(value, err)
		}
		v, _ := r.Get(schemas.User.Active)
		if v.String() != want || met.Has(scim.StringBoolean) != strings.HasPrefix(value, `"`) {
			t.Errorf("%s: %s, quirks %v", value, v, met.Names())
		}
	}
	if _, _, err := scim.Decode(rt, []byte(`{`+core+`,"userName":"a","active":"false"}`), scim.Strict); scimType(err) != scim.InvalidValue {
		t.Errorf("strict: %v", err)
	}
}

// K46: limits hold before the work is done.
func TestK46Limits(t *testing.T) {
	rt := userType(t)
	for _, c := range []struct{ name, body string }{
		{"deep arrays", `{"userName":"a","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`},
		{"deep objects", `{"userName":"a","x":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40) + `}`},
		{"long text", `{"userName":"` + strings.Repeat("a", scim.MaxString+1) + `"}`},
	} {
		if _, _, err := scim.Decode(rt, []byte(c.body), scim.Tolerant); err == nil {
			t.Errorf("%s was accepted", c.name)
		}
	}
}

func TestDecodeDialect(t *testing.T) {
	rt := userType(t)
	for _, c := range []struct {
		name, body, want string
		met              scim.Quirks
	}{
		{"plain", `{` + core + `,"userName":"a"}`, `"userName":"a"`, 0},
		{"capitalised", `{` + core + `,"UserName":"a","Active":true}`, `"userName":"a","active":true`, scim.MixedCase},
		{"nulls and empties", `{` + core + `,"userName":"a","title":null,"emails":[],"name":{}}`, `"userName":"a"`, 0},
		{"read-only ignored", `{` + core + `,"userName":"a","id":"7","meta":{"version":"x"},"groups":[{"value":"1"}]}`, `"userName":"a"`, 0},
		{"password not kept (K30)", `{` + core + `,"userName":"a","password":"secret"}`, `"userName":"a"`, 0},
		{"one e-mail as an object", `{` + core + `,"userName":"a","emails":{"value":"x"}}`, `"userName":"a","emails":[{"value":"x"}]`, scim.SingleForList},
		{"bare e-mail", `{` + core + `,"userName":"a","emails":["x"]}`, `"userName":"a","emails":[{"value":"x"}]`, scim.ScalarComplex},
		{"repeated value", `{` + core + `,"userName":"a","emails":[{"value":"x","type":"work"},{"value":"x","type":"work"}]}`, `"userName":"a","emails":[{"value":"x","type":"work"}]`, 0},
		{"unknown", `{` + core + `,"userName":"a","shoe":{"size":[1]}}`, `"userName":"a"`, scim.UnknownAttribute},
		{"no schemas", `{"userName":"a"}`, `"userName":"a"`, scim.MissingSchemas},
	} {
		r, met, err := scim.Decode(rt, []byte(c.body), scim.Tolerant)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		want := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],` + c.want + `}`
		if diff := cmp.Diff(want, string(r.AppendStored(nil))); diff != "" || met != c.met {
			t.Errorf("%s: quirks %v, %s", c.name, met.Names(), diff)
		}
		if c.met != 0 && c.met != scim.MixedCase {
			if _, _, err := scim.Decode(rt, []byte(c.body), scim.Strict); err == nil {
				t.Errorf("%s: strict accepted it", c.name)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	rt := userType(t)
	for _, c := range []struct{ name, body string }{
		{"no userName", `{}`}, {"empty userName", `{"userName":" "}`}, {"number for text", `{"userName":1}`},
		{"object for text", `{"userName":{}}`}, {"text for complex without value", `{"userName":"a","name":"Ada"}`},
		{"two primaries", `{"userName":"a","emails":[{"value":"x","primary":true},{"value":"y","primary":true}]}`},
		{"not base64", `{"userName":"a","x509Certificates":[{"value":"!"}]}`},
	} {
		if _, _, err := scim.Decode(rt, []byte(c.body), scim.Tolerant); scimType(err) != scim.InvalidValue {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	rt := userType(f)
	for _, seed := range []string{`{"userName":"a","emails":[{"value":"x","primary":"True"}]}`, `{"userName":"\ud83d\ude00"}`, `{"a":[[[]]]}`, "\xff", `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":[{"value":"1"}]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, _, err := scim.Decode(rt, body, scim.Tolerant)
		if err != nil {
			if scimType(err) == "" {
				t.Errorf("%v is not a *scim.Error", err)
			}
			return
		}
		again := scim.Stored(rt, "", 1, r.Created, r.Modified, r.AppendStored(nil))
		if err := again.Load(); err != nil || !again.Same(r) {
			t.Errorf("stored form differs: %v\n%s\n%s", err, r.AppendStored(nil), again.Clone().AppendStored(nil))
		}
	})
}

// A record that cannot be read is no mistake of whoever asks for it; one with a value
// that is refused today is read all the same.
func TestStoredRecordsOfOtherTimes(t *testing.T) {
	rt := userType(t)
	stored := func(members string) *scim.Resource {
		return scim.Stored(rt, "1", 1, time.Time{}, time.Time{}, []byte(`{`+core+`,"userName":"ada",`+members+`}`))
	}
	if err := stored(`"active":5`).Load(); err == nil || scimType(err) != "" {
		t.Errorf("a broken record: %v", err)
	}
	for _, members := range []string{`"x509Certificates":[{"value":"!"}]`, `"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"deactivatedAt":"2024-02-28T1:00:00Z"}`} {
		if err := stored(members).Load(); err != nil {
			t.Errorf("%s: %v", members, err)
		}
	}
}
