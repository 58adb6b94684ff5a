package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// many makes n people by Bulk.
func (h *house) many(n int) {
	h.Helper()
	var ops []string
	for i := range n {
		ops = append(ops, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{%s,"userName":"p%d@example.com"}}`, i, userSchema, i))
	}
	got := h.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+strings.Join(ops, ",")+`]}`)
	h.same(got, fmt.Sprintf("Operations/%d/status", n-1), "201")
}

// K48: the pages that are advertised are the largest there are, whatever is asked for;
// and no place to begin at leads anywhere but to the list.
func TestK48PagesAreClamped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	config := h.prov(200, "GET", "/ServiceProviderConfig", "")
	most, err := strconv.Atoi(config.at("filter/maxResults"))
	if err != nil || most < 1 {
		t.Fatalf("maxResults is %q", config.at("filter/maxResults"))
	}
	n := most + 5
	h.many(n)
	page := func(query, search string) (total, size int, start, first string) {
		t.Helper()
		got := h.prov(200, "GET", "/Users?"+query, "")
		if search != "" {
			if posted := h.prov(200, "POST", "/Users/.search", search); posted.text != got.text {
				t.Errorf("%s gives another page than %s", search, query)
			}
		}
		total, _ = strconv.Atoi(got.at("totalResults")) // no number is 0, which is wanted of no page here
		list, _ := got.doc.(map[string]any)["Resources"].([]any)
		if says := got.at("itemsPerPage"); says != strconv.Itoa(len(list)) {
			t.Errorf("%s: %s items a page, and there are %d", query, says, len(list))
		}
		return total, len(list), got.at("startIndex"), got.at("Resources/0/userName")
	}
	for _, c := range []struct {
		count string
		size  int
	}{{"1000000000", most}, {strconv.Itoa(most + 1), most}, {strconv.Itoa(most), most}, {strconv.Itoa(most - 1), most - 1}, {strconv.Itoa(math.MaxInt64), most}, {"0", 0}, {"-1", 0}, {strconv.Itoa(math.MinInt64), 0}} {
		if total, size, _, _ := page("count="+c.count, `{"count":`+c.count+`}`); total != n || size != c.size {
			t.Errorf("count=%s: %d of %d, want %d of %d", c.count, size, total, c.size, n)
		}
	}
	for _, c := range []struct {
		start string
		size  int
		says  string
	}{{"0", 3, "1"}, {"-5", 3, "1"}, {"1", 3, "1"}, {strconv.Itoa(math.MinInt64), 3, "1"}, {strconv.Itoa(n), 1, strconv.Itoa(n)}, {strconv.Itoa(n + 1), 0, ""}, {strconv.Itoa(math.MaxInt64), 0, ""}, {"9223372036854775808", 0, ""}, {"99999999999999999999999", 0, ""}} {
		total, size, start, first := page("count=3&startIndex="+c.start, `{"count":3,"startIndex":`+c.start+`}`)
		if total != n || size != c.size || c.says != "" && start != c.says || c.says == "1" && first != "p0@example.com" {
			t.Errorf("startIndex=%s: %d of %d from %s, the first is %s", c.start, size, total, start, first)
		}
	}
	seen, pages := 0, 0
	for cursor := ""; pages == 0 || cursor != ""; pages++ {
		got := h.prov(200, "GET", "/Users?count=1000000000&cursor="+cursor, "")
		list, _ := got.doc.(map[string]any)["Resources"].([]any)
		if seen += len(list); len(list) > most {
			t.Errorf("a page by cursor has %d", len(list))
		}
		cursor = got.at("nextCursor")
	}
	if seen != n || pages != 2 {
		t.Errorf("%d people on %d pages by cursor", seen, pages)
	}
}

// K41: a cursor of which a single bit is another is refused, every bit of it, and every
// other way to write its last sign.
func TestK41EveryBitOfACursor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.many(3)
	cursor := h.prov(200, "GET", "/Users?count=1&cursor=", "").at("nextCursor")
	data, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(data) < 16 {
		t.Fatalf("%s: %v", cursor, err)
	}
	h.prov(200, "GET", "/Users?count=1&cursor="+cursor, "")
	refused := func(what, cursor string) {
		t.Helper()
		got := h.try("GET", "/scim/v2/Users?count=1&cursor="+cursor, secret, "")
		if got.status != 400 || got.at("scimType") != "invalidCursor" {
			t.Errorf("%s: %d %s", what, got.status, got.text)
		}
	}
	for bit := range len(data) * 8 {
		flipped := bytes.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		refused(fmt.Sprintf("bit %d", bit), base64.RawURLEncoding.EncodeToString(flipped))
	}
	const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, sign := range signs {
		if other := cursor[:len(cursor)-1] + string(sign); other != cursor {
			refused("the last sign "+string(sign), other)
		}
	}
	for _, other := range []string{cursor[1:], cursor[:len(cursor)-1], cursor + "A", cursor + "=", cursor + cursor, strings.ToLower(cursor), cursor + "%0A"} {
		refused(other, other)
	}
	refused("of another filter", cursor+"&filter=userName%20pr")
	refused("of another order", cursor+"&sortBy=userName")
}

// promptly wants an answer soon, on any machine.
func (h *house) promptly(what string, status int, scimType string, send func() reply) {
	h.Helper()
	began := time.Now()
	got := send()
	if took := time.Since(began); took > 10*time.Second {
		h.Errorf("%s takes %s", what, took)
	}
	if got.status != status || got.at("scimType") != scimType {
		h.Errorf("%s: %d %.300s, want %d %s", what, got.status, got.text, status, scimType)
	}
}

// K46: a million empty keys, and bodies that are pressed together, are refused soon, and
// nothing of them is stored.
func TestK46KeysAndGzip(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user := `{` + userSchema + `,"userName":"a"`
	keys := func(n int) string { return strings.Repeat(`,"":0`, n) }
	post := func(path, body string, headers ...string) func() reply {
		return func() reply { return h.wantedAny("POST", path, body, headers...) }
	}
	h.promptly("a million empty keys", 413, "", post("/Users", user+keys(1_000_000)+"}"))
	h.promptly("as many as there is room for", 400, "invalidSyntax", post("/Users", user+keys(200_000)+"}"))
	h.promptly("a million in Bulk", 413, "", post("/Bulk", `{"Operations":[]`+keys(1_000_000)+"}"))
	h.promptly("as many as there is room for in Bulk", 400, "invalidSyntax", post("/Bulk", `{"Operations":[]`+keys(800_000)+"}"))
	h.promptly("a million in a search", 413, "", post("/.search", `{"filter":"id pr"`+keys(1_000_000)+"}"))
	pressed := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := io.WriteString(w, text)
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	little, much := pressed(user+"}"), pressed(user+strings.Repeat(" ", 64<<20)+"}")
	for _, coding := range []string{"gzip", "GZIP", "x-gzip", "deflate", "br", "identity, gzip"} {
		h.promptly(coding, 415, "", post("/Users", little, "Content-Encoding: "+coding))
		h.promptly(coding+" of much", 415, "", post("/Users", much, "Content-Encoding: "+coding))
	}
	h.promptly("gzip that is not said to be", 400, "invalidSyntax", post("/Users", little))
	h.same(h.prov(200, "GET", "/Users", ""), "totalResults", "0")
}

// wantedAny sends a SCIM request, whose status the caller looks at.
func (h *house) wantedAny(method, path, body string, headers ...string) reply {
	h.Helper()
	got, err := h.call(method, "http://"+h.cfg.Listen+"/scim/v2"+path, secret, body, headers...)
	if err != nil {
		h.Fatal(err)
	}
	return got
}

// resident is how much memory a process has, in MiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("no VmRSS in %s", data)
	}
	kib, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}

// K57: parameters and cookies by the hundred thousand, and five hundred connections
// that send their headers slowly, cost a program of its own less than 32 MiB, and
// meanwhile everybody else is served.
func TestK57MemoryAndService(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	h, pid := spawn(t, folder, stored(t, folder, map[string]string{})["store.uri"])
	serve := func(n int) {
		for range n {
			began := time.Now()
			h.prov(200, "GET", "/Users?count=1", "")
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("an answer takes %s meanwhile", took)
			}
		}
	}
	serve(200)
	before := resident(t, pid)
	most, allowed := before, 32
	if raced {
		allowed *= 8
	}
	grown := func(what string) {
		t.Helper()
		most = max(most, resident(t, pid))
		if grew := resident(t, pid) - before; grew > allowed {
			t.Errorf("%s: from %d to %d MiB", what, before, before+grew)
		}
	}
	for range 20 {
		for _, text := range []string{
			"GET /scim/v2/Users?" + strings.Repeat("a&", 100_000), "GET /scim/v2/Users?" + strings.Repeat("a&", 15_000), "GET /scim/v2/Users?" + strings.Repeat("filter=&", 3_000),
		} {
			if answer := h.raw(t, text+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+secret+"\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 4") {
				t.Errorf("%.60s: %.100s", text, answer)
			}
		}
		if answer := h.raw(t, "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nCookie: "+strings.Repeat("a=b;", 100_000)+"\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 431") {
			t.Errorf("100,000 cookies: %.100s", answer)
		}
	}
	grown("parameters and cookies")
	var closed sync.WaitGroup
	opened := time.Now()
	for range 500 {
		conn, err := net.Dial("tcp", h.cfg.Listen)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
		closed.Go(func() {
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
			_, _ = io.Copy(io.Discard, conn) // the end is what is waited for
		})
	}
	serve(300)
	grown("500 slow connections")
	closed.Wait()
	if took := time.Since(opened); took > 20*time.Second { // five seconds are given
		t.Errorf("the slow connections stay for %s", took)
	}
	t.Logf("%d MiB before, %d at most", before, most)
}
