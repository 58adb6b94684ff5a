package patch_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/usher-scim/usher/scim"
)

// FuzzApply applies any message to full records of every type: no panic, the
// record before unchanged, every error a client's, and what comes out reads back
// as the same.
func FuzzApply(f *testing.F) {
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			switch {
			case strings.HasSuffix(file.Name, "/ops"):
				f.Add([]byte(message(strings.TrimSpace(string(file.Data)))))
			case strings.HasSuffix(file.Name, "/body"):
				f.Add(file.Data)
			}
		}
	}
	var records []*scim.Resource
	for _, name := range []string{"User", "Group", "Device"} {
		records = append(records, full(f, typeOf(f, name)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, cur := range records {
			for _, dialect := range []scim.Quirks{scim.Strict, scim.Tolerant} {
				applied(t, cur, string(body), dialect)
			}
		}
	})
}

func applied(t *testing.T, cur *scim.Resource, body string, dialect scim.Quirks) {
	next, _, _, err := run(t, cur, body, dialect)
	if err != nil {
		var e *scim.Error
		if !errors.As(err, &e) || !strings.HasSuffix(e.Detail, ".") {
			t.Fatal(err)
		}
		return
	}
	text := string(next.Clone().AppendStored(nil))
	// Empty texts that a strict client stored are read back as no value.
	if again := record(t, cur.Type, text); !again.Same(next) && !(dialect == scim.Strict && strings.Contains(text, `""`)) {
		t.Fatalf("%s reads back as something else", text)
	}
	for _, f := range next.Fields() {
		primary, ok := f.Attr.Lookup("primary")
		n := 0
		for _, e := range f.Value.List() {
			if e.IsZero() {
				t.Fatalf("%s has an empty value", f.Attr.Path())
			}
			if v, _ := e.Get(primary); ok && v.Bool() {
				n++
			}
		}
		if f.Value.IsZero() || n > 1 {
			t.Fatalf("%s has %d primary values", f.Attr.Path(), n)
		}
	}
	if same, _, _, err := run(t, next, message("[]"), scim.Tolerant); err != nil || !same.Same(next) {
		t.Fatal("nothing changed something", err)
	}
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// change is an operation of the property test.
type change struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

// changeOf makes changes whose outcome is obvious.
func changeOf() *rapid.Generator[change] {
	text := rapid.SampledFrom([]string{"a", "b", "c"})
	kinds := rapid.SampledFrom([]string{"work", "home"})
	email := rapid.Custom(func(r *rapid.T) any {
		return map[string]any{"value": text.Draw(r, "value"), "type": kinds.Draw(r, "type")}
	})
	return rapid.Custom(func(r *rapid.T) change {
		c := change{Op: rapid.SampledFrom([]string{"add", "remove", "replace"}).Draw(r, "op")}
		c.Path = rapid.SampledFrom([]string{"title", "nickName", "name.givenName", "name.familyName", enterprise + ":department",
			"name", enterprise, "emails", "emails[type eq \"work\"]", "emails[type eq \"work\"].display"}).Draw(r, "path")
		switch {
		case c.Op == "remove":
		case c.Path == "name":
			c.Value = map[string]any{rapid.SampledFrom([]string{"givenName", "middleName"}).Draw(r, "sub"): text.Draw(r, "text")}
		case c.Path == enterprise:
			c.Value = map[string]any{rapid.SampledFrom([]string{"department", "division"}).Draw(r, "sub"): text.Draw(r, "text")}
		case c.Path == "emails":
			c.Value = distinct(rapid.SliceOfN(email, 1, 3).Draw(r, "emails"))
		case strings.HasSuffix(c.Path, "]"):
			c.Op = "remove"
		default:
			c.Value = text.Draw(r, "text")
		}
		return c
	})
}

// TestApplyAgreesWithTheObvious compares the engine with one that works on plain
// maps, and is right for these targets because nothing else happens there.
func TestApplyAgreesWithTheObvious(t *testing.T) {
	t.Parallel()
	user := typeOf(t, "User")
	gen := changeOf()
	rapid.Check(t, func(r *rapid.T) {
		changes := rapid.SliceOfN(gen, 1, 8).Draw(r, "changes")
		want := map[string]any{"userName": "u"}
		cur := record(t, user, `{"userName":"u"}`)
		for _, c := range changes {
			ok := obvious(want, c)
			ops, err := json.Marshal([]change{c})
			if err != nil {
				t.Fatal(err)
			}
			next, _, _, err := run(t, cur, message(string(ops)), scim.Strict)
			if ok != (err == nil) {
				r.Fatalf("%s: %v", ops, err)
			}
			if err == nil {
				cur = next
			}
			if diff := cmp.Diff(want, stored(t, cur), cmpopts.EquateEmpty()); diff != "" {
				r.Fatalf("%s (-want +got):\n%s", ops, diff)
			}
		}
		whole, err := json.Marshal(slices.DeleteFunc(changes, func(c change) bool { return strings.HasSuffix(c.Path, "display") && c.Op != "remove" }))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := run(t, record(t, user, `{"userName":"u"}`), message(string(whole)), scim.Tolerant); err != nil {
			r.Fatalf("%s: %v", whole, err)
		}
	})
}

func distinct(list []any) []any {
	var kept []any
	for _, e := range list {
		if !slices.ContainsFunc(kept, func(k any) bool { return cmp.Equal(k, e) }) {
			kept = append(kept, e)
		}
	}
	return kept
}

// obvious changes plain maps, and reports whether there was anything to change.
func obvious(m map[string]any, c change) bool {
	outer, name := m, c.Path
	if head, tail, ok := strings.Cut(c.Path, "."); ok && head == "name" {
		outer, name = inner(m, "name"), tail
	} else if strings.HasPrefix(c.Path, enterprise+":") {
		outer, name = inner(m, enterprise), "department"
	}
	ok := true
	switch {
	case strings.HasPrefix(name, "emails"):
		ok = obviousEmails(m, c)
	case c.Op == "remove":
		delete(outer, name)
	case name == "name" || name == enterprise:
		for k, v := range c.Value.(map[string]any) {
			inner(m, name)[k] = v
		}
	default:
		outer[name] = copied(c.Value)
	}
	for _, k := range []string{"name", enterprise} {
		if v, _ := m[k].(map[string]any); len(v) == 0 {
			delete(m, k)
		}
	}
	if v, _ := m["emails"].([]any); len(v) == 0 {
		delete(m, "emails")
	}
	return ok
}

func obviousEmails(m map[string]any, c change) bool {
	emails, _ := m["emails"].([]any)
	ok := true
	switch {
	case strings.HasSuffix(c.Path, "display"):
		ok = c.Op == "remove"
		for _, e := range emails {
			if e := e.(map[string]any); e["type"] != "work" {
				continue
			} else if ok = true; c.Op == "remove" {
				delete(e, "display")
			} else {
				e["display"] = c.Value
			}
		}
	case strings.HasSuffix(c.Path, "]"):
		emails = slices.DeleteFunc(emails, func(e any) bool { return e.(map[string]any)["type"] == "work" })
	case c.Op != "add":
		emails, _ = copied(c.Value).([]any)
	default:
		for _, e := range copied(c.Value).([]any) {
			if !slices.ContainsFunc(emails, func(k any) bool { return sameEmail(k.(map[string]any), e.(map[string]any)) }) {
				emails = append(emails, e)
			}
		}
	}
	m["emails"] = emails
	return ok
}

func sameEmail(a, b map[string]any) bool { return a["value"] == b["value"] && a["type"] == b["type"] }

func inner(m map[string]any, name string) map[string]any {
	v, ok := m[name].(map[string]any)
	if !ok {
		v = map[string]any{}
		m[name] = v
	}
	return v
}

// copied keeps the maps of a record apart from those of an operation.
func copied(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var c any
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	return c
}
