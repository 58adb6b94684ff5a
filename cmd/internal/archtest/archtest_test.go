// Package archtest holds the direction of imports.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/usher-scim/usher/"

// ranks: an import may only point to a lower rank, or to the packages named.
var ranks = []struct {
	prefix string
	rank   int
	may    []string // packages of the same rank
	never  []string // imports of others
}{
	{"scim/schemas", 1, nil, []string{"net/http", "database/sql"}},
	{"scim/filter", 1, nil, []string{"net/http", "database/sql"}},
	{"scim/patch", 1, []string{"scim/filter"}, []string{"net/http", "database/sql"}},
	{"scim/server", 5, nil, []string{"database/sql", "zombiezen.com", "modernc.org"}},
	{"scim/scimtest", 5, nil, nil},
	{"scim", 0, nil, []string{"net/http", "database/sql", "zombiezen.com", "modernc.org"}},
	{"config", 0, nil, []string{"net/http"}},
	{"directory/policy", 3, nil, []string{"net/http", "zombiezen.com", "modernc.org"}},
	{"directory/outbox", 3, nil, []string{"zombiezen.com", "modernc.org"}},
	{"directory/store/", 3, []string{"directory/outbox"}, []string{"net/http"}},
	{"directory", 2, nil, []string{"net/http", "database/sql", "zombiezen.com", "modernc.org", "log/slog"}},
	{"auth", 4, []string{"auth"}, []string{"zombiezen.com", "modernc.org"}},
	{"admin", 5, nil, []string{"zombiezen.com", "modernc.org"}},
	{"cmd", 6, []string{"cmd"}, nil},
}

func find(pkg string) int {
	for i, r := range ranks {
		if pkg == strings.TrimSuffix(r.prefix, "/") || strings.HasPrefix(pkg, strings.TrimSuffix(r.prefix, "/")+"/") {
			return i
		}
	}
	return -1
}

func TestImportsPointDown(t *testing.T) {
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
		check(t, strings.TrimPrefix(p.ImportPath, module), p.Imports)
	}
	if n < 15 {
		t.Errorf("only %d packages were looked at", n)
	}
}

func check(t *testing.T, pkg string, imports []string) {
	t.Helper()
	at := find(pkg)
	if at < 0 {
		t.Errorf("%s has no rank; give it one", pkg)
		return
	}
	r := ranks[at]
	for _, imp := range imports {
		for _, never := range r.never {
			if imp == never || strings.HasPrefix(imp, never+"/") {
				t.Errorf("%s imports %s, which packages like it must not", pkg, imp)
			}
		}
		own, ours := strings.CutPrefix(imp, module)
		if !ours {
			continue
		}
		to := find(own)
		if to < 0 || ranks[to].rank < r.rank {
			continue
		}
		ok := false
		for _, may := range r.may {
			ok = ok || own == may || strings.HasPrefix(own, may+"/")
		}
		if !ok {
			t.Errorf("%s (rank %d) imports %s (rank %d)", pkg, r.rank, own, ranks[to].rank)
		}
	}
}
