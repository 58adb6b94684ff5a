package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/scim/schemas"
)

// provider is a SCIM server of few words that fails as it is told.
type provider struct {
	mu    sync.Mutex
	users []string
	fail  func(posts int, w http.ResponseWriter) bool // answers in place of a POST
	posts int
}

// ServeHTTP knows users by their userName.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodGet {
		_, name, _ := strings.Cut(r.URL.Query().Get("filter"), `"`)
		if at := slices.Index(p.users, strings.TrimSuffix(name, `"`)); at >= 0 {
			fmt.Fprintf(w, `{"Resources":[{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"%d","userName":%q}]}`, at, p.users[at])
			return
		}
		fmt.Fprintf(w, `{"totalResults":%d}`, len(p.users))
		return
	}
	if p.posts++; p.fail != nil && p.fail(p.posts, w) {
		return
	}
	var user struct{ UserName string }
	_ = json.NewDecoder(r.Body).Decode(&user) // an empty name is seen below
	p.users = append(p.users, user.UserName)
	w.WriteHeader(http.StatusCreated)
}

// importOf imports n users into a provider and returns what was said.
func importOf(t *testing.T, p *provider, path string, resume bool) (out, errs string, err error) {
	t.Helper()
	return importTo(t, p, &importer{path: path, resume: resume})
}

func importTo(t *testing.T, p http.Handler, im *importer) (out, errs string, err error) {
	t.Helper()
	server := httptest.NewServer(p)
	defer server.Close()
	c := &client{types: schemas.Default}
	c.http.Transport = redirect{server.Listener.Addr().String()}
	var o, e bytes.Buffer
	im.client, im.rt, im.out, im.errs = c, schemas.Default.Types[0], &o, &e
	err = im.run(t.Context())
	return o.String(), e.String(), err
}

// redirect sends requests to a server of the test.
type redirect struct{ host string }

// RoundTrip changes the address.
func (d redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = d.host
	return http.DefaultTransport.RoundTrip(r)
}

func people(t *testing.T, n int) string {
	t.Helper()
	text := "userName\n"
	for i := range n {
		text += fmt.Sprintf("u%d\n", i)
	}
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A server that goes away in the middle is no reason to mark rows as done: the
// next run creates exactly those that are missing.
func TestImportGoesOnAfterTheServerWentAway(t *testing.T) {
	t.Parallel()
	const n = 500
	path := people(t, n)
	p := &provider{fail: func(posts int, _ http.ResponseWriter) bool {
		if posts > 250 {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		return false
	}}
	_, errs, err := importOf(t, p, path, false)
	if gone := (unreachable{}); !errors.As(err, &gone) || !strings.Contains(err.Error(), "--resume") || errs != "" {
		t.Fatalf("error %v, said %q", err, errs)
	}
	last, _, err := readState(path + ".usher-import")
	if err != nil || last == 0 || last > 250 {
		t.Errorf("the next run would begin after row %d (%v)", last, err)
	}
	p.fail = nil
	out, _, err := importOf(t, p, path, true)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(p.users)
	if got := len(slices.Compact(slices.Clone(p.users))); got != n || len(p.users) != n {
		t.Errorf("%d users, %d of them different, want %d; the second run said %s", len(p.users), got, n, out)
	}
	if _, err := os.Stat(path + ".usher-import"); err == nil {
		t.Error("the place to resume at is kept after the end")
	}
}

// licensed is a provider with reservations of seats, which go with it.
type licensed struct {
	provider
	asked   []string // requests about reservations
	without int      // people who were created without a reserved seat
}

// ServeHTTP knows one reservation.
func (p *licensed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	lost := p.fail != nil && p.posts > 250
	reservation := strings.Contains(r.URL.Path, "/reservations")
	if reservation && !lost {
		p.asked = append(p.asked, r.Method)
	}
	if r.Method == http.MethodPost && !reservation && r.Header.Get("Usher-Reservation") != "r1" {
		p.without++
	}
	p.mu.Unlock()
	switch {
	case reservation && lost:
		panic(http.ErrAbortHandler)
	case reservation:
		fmt.Fprintf(w, `{"id":"r1","expiresAt":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	default:
		p.provider.ServeHTTP(w, r)
	}
}

// The seats that were reserved when the server went away are those that the next run
// takes: the licence has no others.
func TestImportTakesItsReservationUpAgain(t *testing.T) {
	t.Parallel()
	path := people(t, 500)
	p := &licensed{provider: provider{fail: func(posts int, _ http.ResponseWriter) bool {
		if posts > 250 {
			panic(http.ErrAbortHandler)
		}
		return false
	}}}
	if _, _, err := importTo(t, p, &importer{path: path, reserve: true}); err == nil || !strings.Contains(err.Error(), "--resume") {
		t.Fatalf("error %v", err)
	}
	p.fail = nil
	if _, _, err := importTo(t, p, &importer{path: path, resume: true}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.asked, " "); got != "POST GET DELETE" || p.without != 0 {
		t.Errorf("reservations were asked for with %s, and %d people went without", got, p.without)
	}
	if _, err := os.Stat(path + ".usher-import"); err == nil {
		t.Error("the place to resume at is kept after the end")
	}
}

// rehearsing is a provider of dry runs of which each takes two people.
type rehearsing struct {
	provider
	asked []string // how dry runs were asked for
	taken int      // people in this one
}

// ServeHTTP knows one dry run at a time.
func (p *rehearsing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, within := strings.CutPrefix(r.URL.Path, "/rehearsals/now"); !within || path == "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked, p.taken = append(p.asked, r.Method), 0
		fmt.Fprint(w, `{"id":"now"}`)
		return
	}
	p.provider.ServeHTTP(w, r)
}

// full answers in place of a POST that is one too many.
func (p *rehearsing) full(_ int, w http.ResponseWriter) bool {
	if p.taken++; p.taken > 2 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"scimType":"tooMany","detail":"Full."}`)
	}
	return p.taken > 2
}

// A file that is larger than a dry run may be is checked in parts, and where each begins
// is said.
func TestDryRunOfALargeFile(t *testing.T) {
	t.Parallel()
	p := &rehearsing{}
	p.fail = p.full
	out, errs, err := importTo(t, p, &importer{path: people(t, 5), dry: true})
	if err != nil || !strings.HasPrefix(out, "5 would be created, 0 would be updated") || len(p.users) != 5 {
		t.Errorf("%q, %v, %d users", out, err, len(p.users))
	}
	const note = ": from here on the rows are checked as if those before were not there, of which no more are kept\n"
	if errs != "line 4"+note+"line 6"+note {
		t.Errorf("said %q", errs)
	}
	if got := strings.Join(p.asked, ", "); got != "POST, DELETE, POST, DELETE, POST, DELETE" {
		t.Errorf("dry runs were asked for with %s", got)
	}
}

// A busy server is asked again; a refusal is the row's own.
func TestImportAsksABusyServerAgain(t *testing.T) {
	t.Parallel()
	p := &provider{fail: func(posts int, w http.ResponseWriter) bool {
		if posts == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"detail":"Busy."}`))
		}
		return posts == 1
	}}
	out, errs, err := importOf(t, p, people(t, 3), false)
	if err != nil || len(p.users) != 3 || !strings.HasPrefix(out, "3 created") {
		t.Errorf("%d users, said %q %q, error %v", len(p.users), out, errs, err)
	}
	p = &provider{fail: func(posts int, w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"detail":"No such people here."}`))
		return true
	}}
	_, errs, err = importOf(t, p, people(t, 1), false)
	if err == nil || errs != "line 2: No such people here.\n" {
		t.Errorf("said %q, error %v", errs, err)
	}
}

// K73: no cell of an export is a formula, and an import restores what it was.
func TestK73FormulaCellsComeBack(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", "=1+1", "+1", "-1", "@x", "\tx", "\rx", "'", "''", "'=1", "''=1", "x=1", "é"} {
		cell := escapeFormula(s)
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			t.Errorf("%q becomes %q, which a spreadsheet would run", s, cell)
		}
		if got := unescapeFormula(cell); got != s {
			t.Errorf("%q becomes %q and comes back as %q", s, cell, got)
		}
	}
}

// R17: whatever a file holds, each row is a resource or an error with its line,
// and a row that is one comes back the same from its export form.
func FuzzCSV(f *testing.F) {
	rt, _ := schemas.Default.Type("User")
	for _, seed := range []string{"userName,active\nada,true\n", "userName\n\"a\nb\"\n\"", "\ufeffuserName,emails[type eq \"work\"].value\n'=1+1,a@a.example\n", "userName,userName\na,b", "a,b\n1", "userName;x\n1;2"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		last := 0
		err := readCSV(bytes.NewReader(file), rt, func(r row) bool {
			if r.number <= last || r.line < 1 {
				t.Errorf("row %d on line %d after row %d", r.number, r.line, last)
			}
			last = r.number
			res, _, err := r.decode(rt)
			if (res == nil) == (err == nil) {
				t.Errorf("row %d is %v, %v", r.number, res, err)
			}
			return true
		})
		if err != nil && last > 0 {
			t.Errorf("%v after %d rows", err, last)
		}
		for cell := range strings.SplitSeq(string(file), ",") {
			if got := unescapeFormula(escapeFormula(cell)); got != cell {
				t.Errorf("%q comes back as %q", cell, got)
			}
		}
	})
}

// readAll reads the rows of a CSV file, as "line N: what is wrong", or the value.
func readAll(file string, read func(io.Reader, func(row) bool) error) (rows []string, err error) {
	err = read(strings.NewReader(file), func(r row) bool {
		said := string(r.value)
		if r.err != nil {
			said = r.err.Error()
		}
		rows = append(rows, fmt.Sprintf("line %d: %s", r.line, said))
		return true
	})
	return rows, err
}

// A file that is not what it should be is refused with what to do, before a row of it
// is done; a text that is not UTF-8 is never imported as something else (K44).
func TestCSVOfOtherPrograms(t *testing.T) {
	t.Parallel()
	rt, _ := schemas.Default.Type("User")
	ada := `line 2: {"name.givenName":"Ada","userName":"ada"}`
	for _, c := range []struct{ name, file, row, err string }{
		{"mark and quotes", "\ufeff\"userName\",\"name.givenName\"\r\n\"ada\",\"Ada\"\r\n", ada, ""},
		{"mark", "\ufeffuserName,name.givenName\nada,Ada\n", ada, ""},
		{"Latin-1", "userName,title\njose,Jos\xe9\n", "line 2: column title: The text is not UTF-8; save the file as CSV in UTF-8.", ""},
		{"UTF-16", "\xff\xfeu\x00s\x00", "", "the file is written in UTF-16; save it as CSV in UTF-8"},
		{"big-endian UTF-16", "\xfe\xff\x00u\x00s", "", "the file is written in UTF-16; save it as CSV in UTF-8"},
		{"empty", "", "", "the file is empty; its first line names the attributes, such as userName,title"},
		{"mark alone", "\ufeff", "", "the file is empty; its first line names the attributes, such as userName,title"},
		{"semicolons", "userName;title\na;b\n", "", "the columns are not separated by commas; save the file as CSV with commas"},
		{"twice", "userName,title,userName\na,b,c\n", "", `columns 1 and 3 are both "userName"; keep one`},
		{"twice in another case", "userName,USERNAME\na,b\n", "", `columns 1 and 2 are both "USERNAME"; keep one`},
		{"twice in another form", "title,urn:ietf:params:scim:schemas:core:2.0:User:title\na,b\n", "", `columns 1 and 2 are both "urn:ietf:params:scim:schemas:core:2.0:User:title"; keep one`},
		{"twice an element", "\"emails[type eq \"\"work\"\"].value\",\"emails[type eq \"\"work\"\"].value\"\na,b\n", "", `columns 1 and 2 are both "emails[type eq \"work\"].value"; keep one`},
		{"two elements", "\"emails[type eq \"\"work\"\"].value\",\"emails[type eq \"\"home\"\"].value\"\na,b\n", `line 2: {"emails[type eq \"home\"].value":"b","emails[type eq \"work\"].value":"a"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rows, err := readAll(c.file, func(in io.Reader, send func(row) bool) error { return readCSV(in, rt, send) })
			if got := strings.Join(rows, "|"); got != c.row {
				t.Errorf("got %q, want %q", got, c.row)
			}
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("got the error %v, want %q", err, c.err)
			}
		})
	}
}

// A line that is too long is a mistake of that row; the rest goes on.
func TestLongLine(t *testing.T) {
	t.Parallel()
	long := `{"title":"` + strings.Repeat("x", longestLine) + `"}`
	for _, c := range []struct{ file, want string }{
		{"\ufeff{\"a\":1}\r\n\n" + long + "\n{\"b\":2}", "line 1: {\"a\":1}|line 3: The line is longer than 16 MiB; each line holds one user or group.|line 4: {\"b\":2}"},
		{long, "line 1: The line is longer than 16 MiB; each line holds one user or group."},
		{"\n{\"a\":1}", "line 2: {\"a\":1}"},
	} {
		rows, err := readAll(c.file, readLines)
		if got := strings.Join(rows, "|"); err != nil || got != c.want {
			t.Errorf("got %.200q, %v", got, err)
		}
	}
}
