package patch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

// TestRules runs testdata: each archive is one resource type with a record
// ("before") and cases. The files of a case are
//
//	name/ops     the Operations, or name/body for a whole message
//	name/before  the record, where it is not the archive's
//	name/want    the record afterwards; absent: unchanged
//	name/error   the scimType, and on further lines parts of the detail
//	name/edges   the operations on relations, one a line
//	name/met     the quirks, sorted; absent: not compared
//
// Every case runs in the tolerant dialect, unless its name ends in ",strict".
func TestRules(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			runArchive(t, a)
		})
	}
}

func runArchive(t *testing.T, a *txtar.Archive) {
	rt := typeOf(t, strings.Fields(string(a.Comment))[0])
	common, order, cases := "", []string{}, map[string]map[string]string{}
	for _, f := range a.Files {
		if f.Name == "before" {
			common = string(f.Data)
			continue
		}
		i := strings.LastIndexByte(f.Name, '/')
		name, part := f.Name[:i], f.Name[i+1:]
		if !slices.Contains([]string{"ops", "body", "before", "want", "error", "edges", "met"}, part) {
			t.Fatalf("%s: unknown part %q", name, part)
		}
		if cases[name] == nil {
			cases[name] = map[string]string{"before": common}
			order = append(order, name)
		}
		cases[name][part] = strings.TrimSpace(string(f.Data))
	}
	for _, name := range order {
		t.Run(name, func(t *testing.T) { runCase(t, rt, name, cases[name]) })
	}
}

func runCase(t *testing.T, rt *scim.ResourceType, name string, c map[string]string) {
	dialect := scim.Tolerant
	if strings.HasSuffix(name, ",strict") {
		dialect = scim.Strict
	}
	cur := record(t, rt, c["before"])
	body, ok := c["body"]
	if !ok {
		body = message(c["ops"])
	}
	next, edges, met, err := run(t, cur, body, dialect)
	if want, ok := c["error"]; ok {
		wantError(t, err, strings.Split(want, "\n"))
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	want, changed := c["want"]
	if !changed {
		want = c["before"]
	}
	if diff := cmp.Diff(tree(t, want), stored(t, next)); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if same := next.Same(cur); same == changed {
		t.Errorf("Same = %v, but the case says changed = %v", same, changed)
	}
	if diff := cmp.Diff(c["edges"], describe(edges)); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
	if want, ok := c["met"]; ok {
		got := met.Names()
		slices.Sort(got)
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("quirks (-want +got):\n%s", diff)
		}
	}
}

// run decodes and applies, and checks what holds for every message.
func run(t testing.TB, cur *scim.Resource, body string, dialect scim.Quirks) (*scim.Resource, []patch.EdgeOp, scim.Quirks, error) {
	t.Helper()
	before := string(cur.Clone().AppendStored(nil))
	sent := body
	p, met, err := patch.Decode(cur.Type, []byte(body), dialect)
	if err != nil {
		return nil, nil, 0, err
	}
	next, edges, more, err := p.Apply(cur)
	if after := string(cur.Clone().AppendStored(nil)); after != before || body != sent {
		t.Fatalf("the record was changed:\n%s\n%s", before, after)
	}
	if err != nil {
		if next != nil || edges != nil {
			t.Fatal("an error came with a result")
		}
		return nil, nil, 0, err
	}
	if unknown := (met | more) &^ dialect; unknown != 0 && unknown != scim.MixedCase {
		t.Fatalf("quirks %v are not of the dialect", unknown.Names())
	}
	return next, edges, met | more, nil
}

func wantError(t *testing.T, err error, want []string) {
	t.Helper()
	var e *scim.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want %s", err, want[0])
	}
	if string(e.Type) != want[0] {
		t.Errorf("error %v, want %s", err, want[0])
	}
	for _, part := range want[1:] {
		if !strings.Contains(e.Detail, part) {
			t.Errorf("detail %q lacks %q", e.Detail, part)
		}
	}
}

func typeOf(t testing.TB, name string) *scim.ResourceType {
	t.Helper()
	for _, r := range []*schemas.Registry{schemas.Default, custom} {
		if rt, ok := r.Type(name); ok {
			return rt
		}
	}
	t.Fatalf("no resource type %s", name)
	return nil
}

func message(ops string) string {
	return `{"schemas":["` + scim.PatchOpURN + `"],"Operations":` + ops + `}`
}

func record(t testing.TB, rt *scim.ResourceType, body string) *scim.Resource {
	t.Helper()
	r := scim.Stored(rt, "2819c223", 7, now, now, []byte(body))
	if err := r.Load(); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	r = r.Clone()
	return r
}

// tree is a record as plain JSON, without its schemas.
func tree(t testing.TB, body string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	delete(m, "schemas")
	return m
}

func stored(t testing.TB, r *scim.Resource) map[string]any {
	t.Helper()
	return tree(t, string(r.Clone().AppendStored(nil)))
}

var kindNames = []string{"add", "remove", "where", "replace"}

// describe writes EdgeOps; Where is asked about some members.
func describe(ops []patch.EdgeOp) string {
	var lines []string
	for _, op := range ops {
		line := kindNames[op.Kind]
		for _, m := range op.Members {
			line += " " + strings.TrimSuffix(m.ID+":"+m.Type, ":")
		}
		if op.Kind == patch.RemoveWhere {
			for _, m := range []patch.Member{{ID: "u1", Type: "User"}, {ID: "u2", Type: "User"}, {ID: "g1", Type: "Group"}, {ID: "x"}} {
				if op.Where(m) {
					line += " " + m.ID
				}
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func op(verb, path, value string) string {
	s := fmt.Sprintf(`{"op":%q`, verb)
	if path != "" {
		b, _ := json.Marshal(path)
		s += `,"path":` + string(b)
	}
	if value != "" {
		s += `,"value":` + value
	}
	return s + "}"
}
