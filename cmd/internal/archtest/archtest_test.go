// Package archtest holds the direction of imports.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/usher-scim/usher/"

// parts are those of the shared store.
const parts = "directory/store/mongo/internal"

// rule is what packages below a folder may import: of ours, lower ranks and the
// folders of the same rank in may; never those in never, ours or others'.
type rule struct {
	folder string
	rank   int
	may    []string
	never  []string
	reason string
}

var (
	databases = []string{"database/sql", "zombiezen.com", "modernc.org", "go.mongodb.org"}
	stores    = append([]string{module + "directory/store"}, databases...)
)

// rules: the longest folder that fits a package holds.
var rules = []rule{
	{"scim", 0, nil, append([]string{"net/http"}, databases...), "the vocabulary knows neither protocol nor storage"},
	{"config", 0, nil, append([]string{"net/http"}, databases...), "settings are only data"},
	{"scim/schemas", 1, nil, append([]string{"net/http"}, databases...), "schemas are vocabulary"},
	{"scim/filter", 1, nil, append([]string{"net/http"}, databases...), "a filter has one meaning, and stores lower it by themselves"},
	{"scim/patch", 1, []string{"scim/filter"}, append([]string{"net/http"}, databases...), "PATCH works on records, wherever they come from"},
	{"directory", 2, nil, append([]string{"net/http", "log/slog", module + "config"}, stores...), "the domain knows neither protocol, settings nor storage"},
	{"directory/estate", 3, nil, append([]string{"net/http", "log/slog", module + "config"}, stores...), "nouns know the types of the domain and nothing of what happens to people"},
	{"directory/lifecycle", 3, []string{"directory/estate"}, append([]string{"net/http", "log/slog", module + "config"}, stores...), "what happens to people knows no rule, protocol or storage"},
	{"directory/policy", 3, []string{"directory/estate", "directory/lifecycle"}, append([]string{"net/http", module + "config"}, stores...), "rules read through the domain's ports"},
	{"directory/outbox", 3, nil, append([]string{module + "config"}, stores...), "the relay reads through its own port"},
	{"directory/transfer", 3, []string{"directory/estate"}, append([]string{"net/http", "log/slog", module + "config"}, stores...), "a copy is made through the domain's ports"},
	{"directory/rehearsal", 3, nil, append([]string{"net/http", "log/slog", module + "config"}, stores...), "a rehearsal is a store over whatever store there is"},
	{"directory/store", 3, []string{"directory/outbox"}, []string{"net/http", module + "config"}, "stores know no protocol and no settings"},
	{"directory/store/mongo", 3, []string{"directory/outbox", parts}, []string{"net/http", module + "config"}, "stores know no protocol and no settings"},
	{parts, 3, []string{"directory/outbox", parts + "/record", parts + "/index", parts + "/failure"}, []string{"net/http", module + "config"}, "the parts of a store know each other only through what they are given"},
	{parts + "/record", 3, nil, []string{"net/http", module + "config", "go.mongodb.org/mongo-driver/v2/mongo"}, "how records lie in the database is only data"},
	{parts + "/check", 3, []string{parts + "/record", parts + "/search"}, []string{"net/http", module + "config"}, "a check only reads"},
	{parts + "/dialtest", 4, nil, []string{"net/http", module + "config"}, "it opens the store, for tests"},
	{parts + "/index", 3, []string{parts + "/failure"}, []string{"net/http", module + "config"}, "indexes know nothing of what is in them"},
	{parts + "/failure", 3, nil, []string{"net/http", module + "config"}, "what errors mean rests on nothing"},
	{"directory/store/sqlite", 3, []string{"directory/outbox", "directory/store/sqlite/internal"}, []string{"net/http", module + "config"}, "the embedded store is put together from what is below it, and knows no protocol and no settings"},
	{"directory/store/sqlite/internal", 3, nil, []string{"net/http", module + "config"}, "parts of the embedded store know no other part, unless it is named here"},
	{"directory/store/sqlite/internal/dictionary", 3, []string{"directory/store/sqlite/internal/db"}, []string{"net/http", module + "config"}, "numbers are read through connections, and know no other part of the store"},
	{"directory/store/sqlite/internal/index", 3, []string{"directory/store/sqlite/internal/db", "directory/store/sqlite/internal/dictionary"}, []string{"net/http", module + "config"}, "the index follows what the store writes, and knows nothing of who writes it"},
	{"directory/store/chosen", 4, nil, []string{"net/http", module + "config"}, "it chooses between the stores, for tests"},
	{"auth", 4, []string{"auth"}, append([]string{module + "config"}, stores...), "credentials are judged through the domain's ports"},
	{"scim/server", 5, nil, append([]string{module + "config"}, stores...), "the protocol works on the domain, never on storage"},
	{"scim/scimtest", 5, nil, append([]string{"testing", module + "config", module + "directory", module + "auth"}, stores...), "the suite is black-box, and part of the program"},
	{"admin/permission", 5, nil, append([]string{"net/http", module + "config"}, stores...), "the table knows no protocol"},
	{"admin/operation", 5, []string{"admin/permission"}, append([]string{module + "config"}, stores...), "operations are made with it, and it knows none"},
	{"admin/credential", 5, []string{"admin/operation", "admin/permission"}, append([]string{module + "config"}, stores...), "its operations are those of no other package"},
	{"admin/inventory", 5, []string{"admin/operation", "admin/permission"}, append([]string{module + "config"}, stores...), "its operations are those of no other package"},
	{"admin/control", 5, []string{"admin/operation", "admin/inventory"}, append([]string{module + "config"}, stores...), "the control API is for the operator, and has the admin API behind it as a handler"},
	{"admin", 5, []string{"admin"}, append([]string{module + "config"}, stores...), "the admin API works on the domain, never on storage"},
	{"cmd", 6, []string{"cmd"}, nil, "the wiring knows everything"},
	{"deploy", 6, nil, []string{module + "directory", module + "scim"}, "what is deployed is judged from outside"},
}

// within reports whether a package is the folder or below it.
func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

// ruleOf finds the rule of one of our packages.
func ruleOf(pkg string) (best rule, ok bool) {
	for _, r := range rules {
		if within(pkg, r.folder) && len(r.folder) >= len(best.folder) {
			best, ok = r, true
		}
	}
	return best, ok
}

// violations are sentences about the imports that a package must not have.
func violations(pkg string, imports []string) (all []string) {
	r, ok := ruleOf(pkg)
	if !ok {
		return []string{pkg + " has no rank; give it one"}
	}
	for _, imp := range imports {
		forbidden := slices.ContainsFunc(r.never, func(never string) bool { return within(imp, never) })
		if own, ours := strings.CutPrefix(imp, module); ours && !forbidden {
			to, known := ruleOf(own)
			forbidden = known && to.rank >= r.rank && !slices.ContainsFunc(r.may, func(may string) bool { return within(own, may) })
		}
		if forbidden {
			all = append(all, pkg+" imports "+imp+", but "+r.reason)
		}
	}
	return all
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	n := 0
	for ; ; n++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, sentence := range violations(strings.TrimPrefix(p.ImportPath, module), p.Imports) {
			t.Error(sentence)
		}
	}
	if n < 15 {
		t.Errorf("only %d packages were looked at", n)
	}
}

// The rules themselves find what they are for.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pkg, imp string
		ok       bool
	}{
		{"scim/patch", module + "scim/filter", true},
		{"scim/filter", module + "scim/patch", false},
		{"scim", module + "scim/filter", false},
		{"scim/schemas", "net/http", false},
		{"directory", module + "scim/patch", true},
		{"directory", "zombiezen.com/go/sqlite", false},
		{"directory", module + "config", false},
		{"directory", module + "directory/estate", false},
		{"directory/estate", module + "directory/lifecycle", false},
		{"directory/lifecycle", module + "directory/estate", true},
		{"directory/lifecycle", module + "directory/policy", false},
		{"directory/store/sqlite", module + "directory/estate", false},
		{"directory/store/sqlite", module + "directory/outbox", true},
		{"directory/store/sqlite", module + "directory/policy", false},
		{"directory/store/mongo", module + parts + "/record", true},
		{parts + "/record", module + "directory/store/mongo", false},
		{parts + "/record", "go.mongodb.org/mongo-driver/v2/mongo", false},
		{parts + "/record", "go.mongodb.org/mongo-driver/v2/bson", true},
		{parts + "/index", module + parts + "/record", false},
		{parts + "/search", module + parts + "/record", true},
		{parts + "/search", module + parts + "/listing", false},
		{parts + "/check", module + parts + "/search", true},
		{"directory/store/sqlite", module + parts + "/record", false},
		{"directory/store/sqlite", module + "directory/store/sqlite/internal/db", true},
		{"directory/store/sqlite", module + "directory/store/mongo", false},
		{"directory/store/sqlite/internal/db", module + "directory/store/sqlite", false},
		{"directory/store/sqlite/internal/db", module + "directory/outbox", false},
		{"directory/store/sqlite/internal/db", module + "directory/store/sqlite/internal/index", false},
		{"directory/store/sqlite/internal/index", module + "directory/store/sqlite/internal/dictionary", true},
		{"directory/store/sqlite/internal/dictionary", module + "directory/store/sqlite/internal/index", false},
		{"directory/policy", module + "auth", false},
		{"auth/oidc", module + "auth", true},
		{"auth", module + "scim/server", false},
		{"scim/server", module + "directory/store/sqlite", false},
		{"scim/server", module + "config", false},
		{"scim/server", module + "admin", false},
		{"admin", "database/sql", false},
		{"admin", module + "admin/operation", true},
		{"admin/operation", module + "admin/permission", true},
		{"admin/operation", module + "admin", false},
		{"admin/permission", module + "admin/operation", false},
		{"admin/inventory", module + "admin/credential", false},
		{"admin/control", module + "admin", false},
		{"cmd/usher", module + "cmd/internal/app", true},
		{"somewhere", "fmt", false},
	} {
		if got := violations(c.pkg, []string{c.imp}); (len(got) == 0) != c.ok {
			t.Errorf("%s importing %s: %q", c.pkg, c.imp, got)
		}
	}
}

// The domain takes a clock; only the default of one may be the real one.
func TestTheDomainTakesAClock(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"../../../directory/*.go", "../../../directory/policy/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, error %v", pattern, len(files), err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				usesClock(t, file)
			}
		}
	}
}

func usesClock(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		code, _, _ := strings.Cut(line, "//")
		if strings.Contains(code, "time.Now") && !strings.Contains(code, "Clock =") {
			t.Errorf("%s:%d asks for the time; the domain takes a clock", filepath.Base(file), i+1)
		}
	}
}

// What is only for tests is not in the program.
func TestTheProgramHoldsNoTestCode(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", module+"cmd/usher").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		if pkg == "testing" || pkg == "net/http/httptest" || strings.HasSuffix(pkg, "/oidctest") || strings.HasSuffix(pkg, "/storetest") {
			t.Errorf("the program holds %s, which is for tests", pkg)
		}
	}
}
