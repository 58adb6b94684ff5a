package server_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
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

// K46: attributes are looked up once for a sorted search of several types, and not for
// each resource.
func TestK46AttributesOfASortedSearch(t *testing.T) {
	e := setup(t)
	var ops []string
	for i := range 200 {
		ops = append(ops, fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":"%d","data":{"displayName":"g%d"}}`, i, i))
	}
	e.send("POST", "Bulk", `{"Operations":[`+strings.Join(ops, ",")+`]}`)
	names := strings.TrimSuffix(strings.Repeat(`"a.b",`, 160_000), ",")
	took := func(count int) time.Duration {
		began := time.Now()
		r := e.send("POST", ".search", fmt.Sprintf(`{"sortBy":"displayName","count":%d,"attributes":[%s]}`, count, names))
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.text)
		}
		return time.Since(began)
	}
	took(1)
	if one, all := took(1), took(200); all > 2*one+500*time.Millisecond {
		t.Errorf("one result takes %s, 200 take %s", one, all)
	}
}
