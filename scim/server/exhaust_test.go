package server_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// K46, K48: a Bulk request of a million operations is refused before there are any.
func TestK46BulkOfAMillionOperations(t *testing.T) {
	e := setup(t)
	for _, op := range []string{"{}", "null", `{"data":[]}`} {
		body := `{"Operations":[` + strings.TrimSuffix(strings.Repeat(op+",", (4<<20-100)/(len(op)+1)), ",") + `]}`
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := e.send("POST", "Bulk", body)
		runtime.ReadMemStats(&after)
		if op == "null" {
			e.wantError(op, r, 400, "invalidSyntax")
		} else {
			e.wantError(op, r, 413, "tooMany")
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 40 {
			t.Errorf("%d MB for a body of 4 MB that is nothing but %s", mb, op)
		}
	}
}

// K46, R11: what a stranger makes up is remembered nowhere: neither methods nor anything
// else of a request that is refused.
func TestK46NothingIsKeptOfStrangers(t *testing.T) {
	e := setup(t)
	strange := func(n int) {
		for i := range n {
			r := httptest.NewRequest("GET", "/scim/v2/Users", nil)
			r.Method = fmt.Sprintf("M%d%s", i, strings.Repeat("X", 30_000))
			w := httptest.NewRecorder()
			if e.srv.ServeHTTP(w, r); w.Code != 401 {
				t.Fatal(w.Code, w.Body)
			}
		}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	strange(10)
	before := heap()
	strange(1000)
	if after := heap(); after > before+5<<20 {
		t.Errorf("%d MB are kept of a thousand requests", (after-before)>>20)
	}
}

// K44: what an operation of Bulk says twice, or in letters that are none of its name, is
// not understood in either way.
func TestK44OperationsOfBulkAreStrict(t *testing.T) {
	e := setup(t)
	id := e.create("Users", `{"userName":"ada"}`)
	for _, op := range []string{
		`{"method":"DELETE","METHOD":"PATCH","path":"/Users/` + id + `","data":{}}`,
		`{"method":"DELETE","path":"/Users/nobody","Path":"/Users/` + id + `"}`,
		`{"method":"DELETE","path":"/Users/` + id + `","ver` + "ſ" + `ion":"W/\"1\""}`,
	} {
		e.wantError(op, e.send("POST", "Bulk", `{"Operations":[`+op+`]}`), 400, "invalidSyntax")
	}
	if r := e.send("GET", "Users/"+id, ""); r.status != 200 {
		t.Error("somebody was deleted")
	}
}

// K49: what a caller may not do is not looked at for seats either.
func TestK49SeatsAreNoBusinessOfReaders(t *testing.T) {
	e := setup(t)
	limit := directory.Command{Action: "test.licence", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		return nil, directory.Save(d, d.Org, &estate.Pool{Head: directory.Head{ID: estate.CoreSKU}})
	}}
	if _, err := directory.New(e.store, directory.Options{}).Execute(t.Context(), directory.Request{Org: "reader", Change: limit}); err != nil {
		t.Fatal(err)
	}
	r := e.send("POST", "Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"z","data":{"userName":"z"}}]}`,
		"Authorization", "Bearer "+e.token["reader"], "Prefer", "handling=strict")
	if r.status != 200 || !strings.Contains(r.text, `"status":"403"`) || !strings.Contains(r.text, "users:write") {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// crowd puts new people into a group.
func (e *env) crowd(group string, people int) {
	e.Helper()
	user, _ := schemas.Default.Type("User")
	rt, _ := schemas.Default.Type("Group")
	for from := 0; from < people; from += 1000 {
		err := e.store.Update(context.Background(), func(tx directory.Tx) error {
			var d directory.EdgeDelta
			for n := from; n < min(from+1000, people); n++ {
				r, _, err := scim.Decode(user, fmt.Appendf(nil, `{"userName":"u%d"}`, n), scim.Tolerant)
				if err != nil {
					return err
				}
				r.ID, r.Version = fmt.Sprintf("00000000-0000-7000-8000-%012x", n), 1
				if err := tx.Put(context.Background(), "a", nil, r); err != nil {
					return err
				}
				d.Add = append(d.Add, directory.Member{ID: r.ID, Type: "User"})
			}
			return tx.Link(context.Background(), directory.Ref{Org: "a", Type: rt, ID: group}, d)
		})
		if err != nil {
			e.Fatal(err)
		}
	}
}

// K47: a thousand filters that each ask thousands of members are refused, while one asks
// all: who decides on that holds up every other change.
func TestK47FiltersOfMembersAreBounded(t *testing.T) {
	e := setup(t)
	group := e.create("Groups", `{"displayName":"everybody"}`)
	e.crowd(group, 6000)
	patch := func(ops ...string) reply {
		return e.send("PATCH", "Groups/"+group, `{"schemas":["`+scim.PatchOpURN+`"],"Operations":[`+strings.Join(ops, ",")+`]}`)
	}
	const asks = `{"op":"remove","path":"members[type eq \"Group\" and value ne \"x\"]"}`
	e.wantError("a thousand filters", patch(strings.Split(strings.TrimSuffix(strings.Repeat(asks+";", scim.MaxPatchOps), ";"), ";")...), 400, "tooMany")
	if r := patch(asks, asks, `{"op":"remove","path":"members[type eq \"User\" and value ne \"00000000-0000-7000-8000-000000000007\"]"}`); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.text)
	}
	if r := e.send("GET", "Groups/"+group, ""); strings.Count(r.text, `"value"`) != 1 || !strings.Contains(r.text, "8000-000000000007") {
		t.Errorf("who is left: %.300s", r.text)
	}
}

// K46, K47: the values of a person that rules look up one by one are some hundred at
// most; who has more from before keeps them.
func TestK47ValuesOfAPersonThatCount(t *testing.T) {
	e := setup(t)
	list := func(n int, format string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	const mail, app, extension = `{"value":"a%d@x.example"}`, `{"type":"App","value":"a%d"}`, `{"type":"extension","value":"e%d"}`
	for attr, format := range map[string]string{"emails": mail, "roles": app, "entitlements": extension} {
		e.wantError("many "+attr, e.send("POST", "Users", `{"userName":"x `+attr+`","`+attr+`":`+list(25_000, format)+`}`), 400, "invalidValue")
	}
	id := e.create("Users", `{"userName":"ada","emails":`+list(500, mail)+`,"roles":`+list(2000, `{"value":"r%d"}`)+`}`)
	patch := func(id, op string) reply {
		return e.send("PATCH", "Users/"+id, `{"schemas":["`+scim.PatchOpURN+`"],"Operations":[`+op+`]}`)
	}
	const more = `{"op":"add","path":"emails","value":[{"value":"one@more.example"}]}`
	e.wantError("one more", patch(id, more), 400, "invalidValue")
	e.wantError("PUT", e.send("PUT", "Users/"+id, `{"userName":"ada","emails":`+list(501, mail)+`}`), 400, "invalidValue")

	user, _ := schemas.Default.Type("User")
	old, _, err := scim.Decode(user, []byte(`{"userName":"old","active":true,"emails":`+list(600, mail)+`}`), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	old.ID, old.Version = "00000000-0000-7000-8000-000000000001", 1
	if err := e.store.Update(t.Context(), func(tx directory.Tx) error { return tx.Put(t.Context(), "a", nil, old) }); err != nil {
		t.Fatal(err)
	}
	e.wantError("one more than too many", patch(old.ID, more), 400, "invalidValue")
	for _, op := range []string{`{"op":"add","path":"title","value":"x"}`, `{"op":"remove","path":"emails[value eq \"a7@x.example\"]"}`} {
		if r := patch(old.ID, op); r.status != 200 {
			t.Errorf("%s: %d %s", op, r.status, r.text)
		}
	}
}
