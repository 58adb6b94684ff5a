package patch_test

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

func repeat(n int, op func(int) string) string {
	ops := make([]string, n)
	for i := range ops {
		ops[i] = op(i)
	}
	return "[" + strings.Join(ops, ",") + "]"
}

func TestK47TooManyOperations(t *testing.T) {
	t.Parallel()
	title := func(i int) string { return op("replace", "title", strconv.Quote(strconv.Itoa(i))) }
	user := typeOf(t, "User")
	if _, _, err := patch.Decode(user, []byte(message(repeat(scim.MaxPatchOps, title))), scim.Strict); err != nil {
		t.Error(err)
	}
	keys := make([]string, scim.MaxPatchOps+1)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"emails[type eq \"%d\"].value":"x"`, i)
	}
	for name, ops := range map[string]string{
		"operations": repeat(scim.MaxPatchOps+1, title),
		"keys":       "[" + op("replace", "", "{"+strings.Join(keys, ",")+"}") + "]",
	} {
		_, _, err := patch.Decode(user, []byte(message(ops)), scim.Tolerant)
		var e *scim.Error
		if !errors.Is(err, patch.ErrTooManyOperations) || !errors.As(err, &e) || e.Type != scim.TooMany {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestK47ManyMembersInOneOperation(t *testing.T) {
	group := typeOf(t, "Group")
	body := []byte(message("[" + op("add", "members", repeat(scim.MaxListElements, func(i int) string {
		return fmt.Sprintf(`{"value":"%036d"}`, i)
	})) + "]"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, _, err := patch.Decode(group, body, scim.Strict)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	_, edges, _, err := p.Apply(record(t, group, `{"displayName":"g"}`))
	if err != nil || len(edges) != 1 || len(edges[0].Members) != scim.MaxListElements {
		t.Fatal(len(edges), err)
	}
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 64 {
		t.Errorf("%d MB for %d members", mb, scim.MaxListElements)
	}
}

func TestK47WorkIsBounded(t *testing.T) {
	t.Parallel()
	user := typeOf(t, "User")
	cur := record(t, user, `{"userName":"a","roles":`+repeat(20000, func(i int) string { return fmt.Sprintf(`{"value":"%d"}`, i) })+`}`)
	started := time.Now()
	_, _, _, err := run(t, cur, message(repeat(scim.MaxPatchOps, func(i int) string {
		return op("replace", fmt.Sprintf("roles[value eq \"%d\"].type", i), `"x"`)
	})), scim.Strict)
	var e *scim.Error
	if !errors.As(err, &e) || e.Type != scim.TooMany {
		t.Error(err)
	}
	if d := time.Since(started); d > 10*time.Second {
		t.Errorf("%v for a message that is refused", d)
	}
}

// TestK50OnlyTheSchemaCanBeAddressed tries paths that lead elsewhere, as paths
// and as keys: nothing but an error, or nothing at all, may come of it.
func TestK50OnlyTheSchemaCanBeAddressed(t *testing.T) {
	t.Parallel()
	paths := []string{"tenantId", "_id", "meta.version", "meta", "id", "schemas", "schemas[value eq \"x\"]", "__proto__.x", "constructor.prototype",
		"members[value eq \"x\"].role", "emails[type eq \"work\"].role", "emails.role", "emails.value.x", "name.givenName.x", "$set.userName", "userName.$gt",
		"meta.version.x", "groups.value", "groups[value eq \"x\"]", "urn:x:tenantId", "urn:ietf:params:scim:schemas:core:2.0:User:tenantId",
		"urn:ietf:params:scim:schemas:core:2.0:User.id", "urn:ietf:params:scim:schemas:core:2.0:User:meta.created", "emails[tenantId eq \"x\"].value",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:x", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.x.y", "/userName", "userName/x",
		"userName[value eq \"x\"]", "emails[password eq \"x\"].value", "passwords", "password.x", "", "."}
	for _, name := range []string{"User", "Group"} {
		cur := record(t, typeOf(t, name), map[string]string{"User": `{"userName":"ada"}`, "Group": `{"displayName":"g"}`}[name])
		for _, path := range paths {
			for _, verb := range []string{"add", "remove", "replace"} {
				if path != "" {
					refused(t, cur, op(verb, path, `"x"`), scim.Tolerant)
					refused(t, cur, op(verb, path, `"x"`), scim.Strict)
				}
				key := "{" + strings.TrimSuffix(strings.TrimPrefix(op("", path, ""), `{"op":"","path":`), "}") + `:"x"}`
				refused(t, cur, op(verb, "", key), scim.Strict)
				if verb == "remove" {
					continue
				}
				next, edges, _, err := run(t, cur, message("["+op(verb, "", key)+"]"), scim.Tolerant)
				if err == nil && (!next.Same(cur) || len(edges) > 0) {
					t.Errorf("%s: key %q changed the record", verb, path)
				}
			}
		}
	}
}

func refused(t *testing.T, cur *scim.Resource, op string, dialect scim.Quirks) {
	t.Helper()
	_, _, _, err := run(t, cur, message("["+op+"]"), dialect)
	var e *scim.Error
	if !errors.As(err, &e) || strings.Contains(e.Detail, "\n") || !strings.HasSuffix(e.Detail, ".") {
		t.Errorf("%s: %v", op, err)
	}
}

// TestK51Mutability is made from the schemas: every attribute that clients may
// not change, every verb, by path and without.
func TestK51Mutability(t *testing.T) {
	t.Parallel()
	n := 0
	for _, name := range []string{"User", "Group", "Device"} {
		rt := typeOf(t, name)
		cur := full(t, rt)
		var walk func(attrs []*scim.Attribute)
		walk = func(attrs []*scim.Attribute) {
			for _, a := range attrs {
				if a.Mutability == scim.ReadOnly || a.Mutability == scim.Immutable {
					n++
					tryMutability(t, cur, a)
				}
				walk(a.Sub)
			}
		}
		walk(append([]*scim.Attribute{scim.ID, scim.Meta}, rt.Roots()...))
	}
	if n < 25 {
		t.Errorf("only %d attributes were tried", n)
	}
}

func tryMutability(t *testing.T, cur *scim.Resource, a *scim.Attribute) {
	for _, verb := range []string{"add", "remove", "replace"} {
		value := sample(a, 2)
		if verb == "remove" {
			value = ""
		}
		paths := []string{a.Path()}
		if p := a.Parent(); p != nil && p.MultiValued {
			paths = append(paths, p.Path()+`[value eq "v1"].`+a.Name)
		}
		for _, path := range paths {
			_, _, _, err := run(t, cur, message("["+op(verb, path, value)+"]"), scim.Tolerant)
			var e *scim.Error
			if !errors.As(err, &e) || e.Type != scim.BadMutability {
				t.Errorf("%s %s: %v", verb, path, err)
			}
		}
		if verb == "remove" || a.Parent() != nil && a.Parent().MultiValued {
			continue
		}
		for _, dialect := range []scim.Quirks{scim.Strict, scim.Tolerant} {
			next, edges, _, err := run(t, cur, message("["+op(verb, "", keyed(a, value))+"]"), dialect)
			if err == nil && (dialect == scim.Strict && a.Parent() == nil || !next.Same(cur) || len(edges) > 0) {
				t.Errorf("%s without path changed %s", verb, a.Path())
			}
		}
	}
}

// keyed is an object that gives the attribute a value.
func keyed(a *scim.Attribute, value string) string {
	for ; a != nil; a = a.Parent() {
		value = fmt.Sprintf("{%q:%s}", a.Name, value)
	}
	return value
}

// full is a record with a value for every attribute.
func full(t testing.TB, rt *scim.ResourceType) *scim.Resource {
	t.Helper()
	var members []string
	for _, a := range rt.Roots() {
		if !a.Edge && a.Mutability != scim.WriteOnly {
			members = append(members, fmt.Sprintf("%q:%s", a.Name, sample(a, 1)))
		}
	}
	return record(t, rt, "{"+strings.Join(members, ",")+"}")
}

// sample is a JSON value of the attribute's type.
func sample(a *scim.Attribute, n int) string {
	s := map[scim.Type]string{scim.Boolean: strconv.FormatBool(n == 1), scim.Integer: strconv.Itoa(n), scim.Decimal: fmt.Sprintf("%d.5", n),
		scim.DateTime: fmt.Sprintf(`"202%d-01-31T12:00:00Z"`, n), scim.Binary: fmt.Sprintf(`"AAA%d"`, n)}[a.Type]
	switch {
	case a.Type == scim.Complex:
		var members []string
		for _, sub := range a.Sub {
			if sub.Mutability != scim.WriteOnly {
				members = append(members, fmt.Sprintf("%q:%s", sub.Name, sample(sub, n)))
			}
		}
		s = "{" + strings.Join(members, ",") + "}"
	case s == "":
		s = fmt.Sprintf(`"v%d"`, n)
	}
	if a.MultiValued {
		return "[" + s + "]"
	}
	return s
}

// TestK55NothingOfAFailedMessage puts a mistake behind operations that work, at
// every place.
func TestK55NothingOfAFailedMessage(t *testing.T) {
	t.Parallel()
	cur := record(t, typeOf(t, "User"), `{"userName":"ada","emails":[{"value":"w@x","type":"work"}]}`)
	good := []string{op("replace", "userName", `"eve"`), op("add", "emails", `[{"value":"n@x"}]`), op("remove", `emails[type eq "work"]`, "")}
	bad := []string{op("replace", "active", `"perhaps"`), op("replace", "nope", `"x"`), op("move", "title", `"x"`), op("remove", "", ""),
		op("replace", "id", `"x"`), op("remove", "userName", ""), op("replace", `ims[value co "x"].type`, `"x"`), op("add", "emails.primary", "7")}
	for _, b := range bad {
		for i := range len(good) + 1 {
			ops := append(append(append([]string{}, good[:i]...), b), good[i:]...)
			if strings.Contains(b, `"remove","path":"userName"`) && i == 0 {
				continue // is given a name again
			}
			next, edges, met, err := run(t, cur, message("["+strings.Join(ops, ",")+"]"), scim.Tolerant)
			if err == nil || next != nil || edges != nil || met != 0 {
				t.Errorf("%s at %d: %v", b, i, err)
			}
		}
	}
}

func TestAPatchCanBeAppliedAtOnce(t *testing.T) {
	t.Parallel()
	user := typeOf(t, "User")
	p, _, err := patch.Decode(user, []byte(message("["+op("add", "emails", `[{"value":"n@x","primary":true}]`)+","+
		op("replace", `roles[primary eq "True"].value`, `"r"`)+"]")), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	cur := full(t, user)
	want, _, _, _ := p.Apply(cur)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if next, _, _, err := p.Apply(cur); err != nil || !next.Same(want) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestADamagedRecordIsAnError(t *testing.T) {
	t.Parallel()
	user := typeOf(t, "User")
	p, _, err := patch.Decode(user, []byte(message("[]")), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	if next, _, _, err := p.Apply(scim.Stored(user, "1", 1, now, now, []byte("{"))); err == nil || next != nil {
		t.Error("no error")
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	a := schemas.Group.Members
	v, _, err := scim.DecodeValue(a, []byte(`[{"value":"u1"},{"value":"g1","type":"GROUP"},"u2",{"type":"User"},{"value":"x","type":"Robot"}]`), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	got := describe([]patch.EdgeOp{{Members: patch.Members(v, a)}})
	if want := "add u1 g1:Group u2 :User x:Robot"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if m := patch.Members(v.List()[0], a); len(m) != 1 || m[0].ID != "u1" {
		t.Error("a single value", m)
	}
	if m := patch.Members(scim.Value{}, a); len(m) != 0 {
		t.Error("no value", m)
	}
}
