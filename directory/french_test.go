package directory_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/usher-scim/usher/directory"
)

// S3-31, domain 4.14: every sentence of a refusal has its French with the same gaps.
// The sentences are read from the sources, so that a new one cannot be forgotten.
func TestEveryRefusalHasItsFrench(t *testing.T) {
	files := token.NewFileSet()
	seen := 0
	check := func(path string) {
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 || !refuses(call.Fun) {
				return true
			}
			text, ok := call.Args[2].(*ast.BasicLit)
			if !ok {
				return true
			}
			format, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			french := directory.FrenchOf(format)
			if french == "" || french == format {
				t.Errorf("%s: %q has no French", files.Position(call.Pos()), format)
			}
			if strings.Count(strings.ReplaceAll(french, "%%", ""), "%") != strings.Count(strings.ReplaceAll(format, "%%", ""), "%") {
				t.Errorf("%q has other gaps than %q", french, format)
			}
			return true
		})
	}
	for _, folder := range []string{".", "policy", "estate", "lifecycle", "../admin"} {
		err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() && path != folder && folder != "../admin" {
				return filepath.SkipDir
			}
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				check(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 40 {
		t.Errorf("only %d sentences were found; the test looks for the wrong calls", seen)
	}
	if directory.FrenchOf("You are trying to activate more users than the allowed license limit of '%d' users") == "" {
		t.Error("S2-18 has no French")
	}
}

// refuses reports whether a call makes a refusal out of a sentence.
func refuses(fun ast.Expr) bool {
	name := ""
	switch f := fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	return name == "refuse" || name == "Firmly" || name == "Refused"
}
