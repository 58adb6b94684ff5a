package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"io/fs"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// statements are what packages give to the database as the text of a statement.
type statements struct {
	set    *token.FileSet
	info   *types.Info
	takers map[string]int        // which argument of a function is one
	lists  map[string][]ast.Expr // variables of a package, and what they are made of
	wrong  []string              // those that are not made of constants alone
	count  int
}

// drivers are the functions and methods of the driver that take one.
var drivers = map[string]int{"Prepare": 0, "PrepareTransient": 0, "Execute": 1, "ExecuteTransient": 1, "ExecuteScript": 1, "ExecScript": 1, "ExecuteFS": 1, "ExecuteScriptFS": 1}

// statementsOf looks at the files of packages that know each other. Their functions
// take a statement where a parameter is called query.
func statementsOf(set *token.FileSet, packages ...[]*ast.File) *statements {
	s := &statements{set: set, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}, takers: maps.Clone(drivers)}
	for d := range declarations(slices.Concat(packages...)) {
		if fn, ok := d.(*ast.FuncDecl); ok {
			if at := slices.Index(parameters(fn.Type), "query"); at >= 0 {
				s.takers[fn.Name.Name] = at
			}
		}
	}
	for _, files := range packages {
		// What is imported is not looked at; constants of the package are known all the same.
		_, _ = (&types.Config{Error: func(error) {}, Importer: nothing{}}).Check("x", set, files, s.info)
		s.lists = variables(files)
		for d := range declarations(files) {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				s.function(fn)
			}
		}
	}
	return s
}

// declarations are those of files, in order.
func declarations(files []*ast.File) iter.Seq[ast.Decl] {
	return func(yield func(ast.Decl) bool) {
		for _, f := range files {
			for _, d := range f.Decls {
				if !yield(d) {
					return
				}
			}
		}
	}
}

// variables are those of a package with a value each.
func variables(files []*ast.File) map[string][]ast.Expr {
	all := map[string][]ast.Expr{}
	for d := range declarations(files) {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && len(v.Names) == len(v.Values) {
				for i, name := range v.Names {
					all[name.Name] = append(all[name.Name], v.Values[i])
				}
			}
		}
	}
	return all
}

// nothing imports no package.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	return nil, fmt.Errorf("%s is not looked at", path)
}

// parameters are the names of a function's parameters, in order.
func parameters(t *ast.FuncType) (names []string) {
	for _, field := range t.Params.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

func (s *statements) function(fn *ast.FuncDecl) {
	given := assigned(fn.Body)
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		at, takes := s.takers[callee(call)]
		if !takes || at >= len(call.Args) {
			return true
		}
		s.count++
		if e := call.Args[at]; !s.constant(e, given, parameters(fn.Type)) {
			var text strings.Builder
			_ = printer.Fprint(&text, s.set, e) // into memory
			s.wrong = append(s.wrong, text.String())
		}
		return true
	})
}

// callee is the name of what is called, without its package, receiver and types.
func callee(c *ast.CallExpr) string {
	fun := c.Fun
	if at, ok := fun.(*ast.IndexExpr); ok {
		fun = at.X
	}
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}

// assigned are all the values that the variables of a function are given; a nil one
// is not known.
func assigned(body *ast.BlockStmt) map[string][]ast.Expr {
	all := map[string][]ast.Expr{}
	put := func(name, value ast.Expr) {
		if id, ok := name.(*ast.Ident); ok {
			all[id.Name] = append(all[id.Name], value)
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, name := range n.Lhs {
				if len(n.Rhs) == len(n.Lhs) {
					put(name, n.Rhs[i])
				} else {
					put(name, nil)
				}
			}
		case *ast.RangeStmt:
			if n.Value != nil {
				put(n.Value, n.X) // one of these
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) {
					put(name, n.Values[i])
				}
			}
		}
		return true
	})
	return all
}

// constant reports whether a text is made of constants alone: as one, as a variable
// that is given nothing else, as an element of such a list, or as a parameter that is
// called query, whose callers are looked at.
func (s *statements) constant(e ast.Expr, given map[string][]ast.Expr, own []string) bool {
	if e == nil {
		return false
	}
	if s.info.Types[e].Value != nil {
		return true
	}
	below := func(all []ast.Expr) bool {
		return len(all) > 0 && !slices.ContainsFunc(all, func(one ast.Expr) bool { return !s.constant(one, given, own) })
	}
	switch e := e.(type) {
	case *ast.Ident:
		if e.Name == "query" && slices.Contains(own, e.Name) && given[e.Name] == nil {
			return true
		}
		return below(append(slices.Clone(given[e.Name]), s.lists[e.Name]...))
	case *ast.CompositeLit:
		var values []ast.Expr
		for _, one := range e.Elts {
			if pair, ok := one.(*ast.KeyValueExpr); ok {
				one = pair.Value
			}
			values = append(values, one)
		}
		return below(values)
	case *ast.IndexExpr:
		return s.constant(e.X, given, own)
	case *ast.BinaryExpr:
		return below([]ast.Expr{e.X, e.Y})
	case *ast.ParenExpr:
		return s.constant(e.X, given, own)
	}
	return false
}

// ofTheProgram are the statements that are put together all the same: from the list
// of pragmas, numbers of the program, the files of its migrations, and placeholders
// that are repeated (queries).
var ofTheProgram = []string{
	`"PRAGMA " + name`, `"PRAGMA " + p.name + "=" + p.set`, `fmt.Sprintf("PRAGMA cache_size=-%d", cacheKiB)`, `fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", checkpointPages)`, `queries[n]`, `step`,
}

// K41: no statement of the embedded store is made of anything but constants and
// placeholders.
func TestK41StatementsAreConstants(t *testing.T) {
	t.Parallel()
	set, packages := token.NewFileSet(), [][]*ast.File(nil)
	err := filepath.WalkDir("../../../directory/store/sqlite", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if some, err := filepath.Glob(filepath.Join(path, "*.go")); err != nil || len(some) == 0 {
			return err
		}
		packages = append(packages, parsedInto(t, set, path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 2 {
		t.Errorf("only %d packages were looked at", len(packages))
	}
	s := statementsOf(set, packages...)
	slices.Sort(s.wrong)
	want := slices.Sorted(slices.Values(ofTheProgram))
	if !slices.Equal(s.wrong, want) {
		t.Errorf("made of more than constants: %q, allowed are %q", s.wrong, want)
	}
	if s.count < 70 {
		t.Errorf("only %d statements were looked at", s.count)
	}
}

// The check itself finds what it is for.
func TestStatements(t *testing.T) {
	t.Parallel()
	const head = "package x\nconst c = \"SELECT \" + d\nconst d = \"1\"\nvar list = []string{c, d}\nfunc run(conn int, query string, args ...any) {}\nfunc two(query string) { run(1, query) }\n"
	for code, wrong := range map[string]bool{
		`func f() { run(1, "SELECT 1") }`: false, `func f() { run(1, c) }`: false, `func f() { run(1, "SELECT "+d+" FROM x WHERE y=?", y) }`: false,
		`func f() { q := c; if x { q += " AND z=?" }; run(1, q) }`: false, `func f() { run(1, list[n]) }`: false, `func f() { for _, q := range map[string]string{a: c} { run(1, q) } }`: false,
		`func f(name string) { run(1, "SELECT "+name) }`: true, `func f(name string) { q := c; q += name; run(1, q) }`: true, `func f(name string) { run(1, fmt.Sprintf("SELECT %s", name)) }`: true,
		`func f() { q, err := made(); run(1, q) }`: true, `func f(name string) { two("SELECT " + name) }`: true, `func f(conn C, name string) { conn.Prepare(name) }`: true,
		`func f(query string) { query += "x"; run(1, query) }`: false, `func f(query, more string) { query += more; run(1, query) }`: true,
		`func f() { run(1, strings.ReplaceAll(c, "1", x)) }`: true, `func f(all []string) { for _, q := range all { run(1, q) } }`: true,
	} {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, "x.go", head+code, 0)
		if err != nil {
			t.Fatal(err)
		}
		if s := statementsOf(set, []*ast.File{f}); (len(s.wrong) > 0) != wrong {
			t.Errorf("%s: found %q", code, s.wrong)
		}
	}
}

// What one package hands to another that takes statements is looked at too.
func TestStatementsOfTwoPackages(t *testing.T) {
	t.Parallel()
	set := token.NewFileSet()
	var packages [][]*ast.File
	for _, code := range []string{
		"package y\nvar list = []string{name}\nfunc f(name string) { x.Run(1, `SELECT 1`); x.Run(1, `SELECT `+name); x.Run(1, list[0]) }",
		"package x\nvar list = []string{`SELECT 1`}\nfunc Run(conn int, query string) { conn.Prepare(query) }",
	} {
		f, err := parser.ParseFile(set, "x.go", code, 0)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, []*ast.File{f})
	}
	if s := statementsOf(set, packages...); s.count != 4 || !slices.Equal(s.wrong, []string{"`SELECT ` + name", "list[0]"}) {
		t.Errorf("of %d found %q", s.count, s.wrong)
	}
}
