package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// A sorted search of several types reads so many of each: further than that it says
// what to do.
func TestSearchOfAllTypesSortedFar(t *testing.T) {
	e := setup(t)
	var ops []string
	for i := range 1000 {
		ops = append(ops, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"u%04d"}}`, i, i))
	}
	if r := e.send("POST", "Bulk", `{"Operations":[`+strings.Join(ops, ",")+`]}`); r.status != 200 {
		t.Fatal(r.text)
	}
	for _, name := range []string{"x", "y"} {
		e.send("POST", "Groups", `{"displayName":"`+name+`"}`)
	}
	if r := e.send("POST", ".search", `{"sortBy":"userName","startIndex":1001,"attributes":["displayName"]}`); !strings.Contains(r.text, `"totalResults":1002,"itemsPerPage":2,`) || !strings.Contains(r.text, `"displayName":"y"`) {
		t.Errorf("the last page is %s", r.text)
	}
	e.wantError("too far", e.send("POST", ".search", `{"sortBy":"userName","startIndex":1002}`), 400, "tooMany")
	if r := e.send("POST", ".search", `{"startIndex":1002}`); r.status != 200 || !strings.Contains(r.text, `"displayName":"y"`) {
		t.Errorf("unsorted: %s", r.text)
	}
}
