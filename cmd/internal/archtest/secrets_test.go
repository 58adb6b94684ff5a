package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// parsed are the files of a package that are part of the program.
func parsed(t *testing.T, folder string) (*token.FileSet, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	return set, parsedInto(t, set, folder)
}

// parsedInto are those of one of several packages.
func parsedInto(t *testing.T, set *token.FileSet, folder string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		t.Fatalf("no files in %s", folder)
	}
	return files
}

// secretive is what names of secrets and their digests hold.
var secretive = regexp.MustCompile(`(?i)hash|digest|secret|plain|sum$|^stored$|mac$`)

// unequal are the calls that tell by their time how much of two texts is the same.
var unequal = map[string]bool{"bytes.Equal": true, "bytes.Compare": true, "bytes.HasPrefix": true, "slices.Equal": true, "slices.Compare": true, "reflect.DeepEqual": true, "strings.EqualFold": true, "strings.Compare": true}

// earlyExits are the places of a file where a secret is compared by something that
// stops at the first difference; constant counts the comparisons that do not.
func earlyExits(f *ast.File) (at []token.Pos, constant int) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && (isSecret(n.X) && !isTrivial(n.Y) || isSecret(n.Y) && !isTrivial(n.X)) {
				at = append(at, n.Pos())
			}
		case *ast.CallExpr:
			switch name := called(n); {
			case name == "subtle.ConstantTimeCompare" || name == "hmac.Equal":
				constant++
			case unequal[name]:
				at = append(at, n.Pos())
			}
		}
		return true
	})
	return at, constant
}

// called is the name of a function of another package that is called.
func called(c *ast.CallExpr) string {
	if s, ok := c.Fun.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

// isSecret reports whether an expression is a secret or a digest by its name; its
// length is none.
func isSecret(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return secretive.MatchString(e.Name)
	case *ast.SelectorExpr:
		return secretive.MatchString(e.Sel.Name)
	case *ast.SliceExpr:
		return isSecret(e.X)
	case *ast.IndexExpr:
		return isSecret(e.X)
	case *ast.ParenExpr:
		return isSecret(e.X)
	case *ast.CallExpr: // a conversion
		id, ok := e.Fun.(*ast.Ident)
		return len(e.Args) == 1 && isSecret(e.Args[0]) && !(ok && id.Name == "len")
	}
	return false
}

// isTrivial reports whether a comparison with the expression tells nothing of a secret.
func isTrivial(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Value == `""`
	case *ast.Ident:
		return e.Name == "nil"
	}
	return false
}

// K15: tokens and passwords are compared in constant time, and in no other way.
func TestK15SecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	constant := 0
	set, files := parsed(t, "../../../auth/token")
	for _, f := range files {
		at, n := earlyExits(f)
		constant += n
		for _, pos := range at {
			t.Errorf("%s compares a secret and stops at the first difference; use crypto/subtle", set.Position(pos))
		}
	}
	if constant == 0 {
		t.Error("nothing is compared in constant time")
	}
}

// The check itself finds what it is for.
func TestEarlyExits(t *testing.T) {
	t.Parallel()
	for code, wrong := range map[string]bool{
		`bytes.Equal(digest[:], stored)`: true, `string(digest[:]) == string(stored)`: true, `t.Hash == hash`: true, `hash != t.Hash`: true,
		`digest[0] == stored[0]`: true, `slices.Equal(a, b)`: true, `strings.EqualFold(a, b)`: true,
		`subtle.ConstantTimeCompare(digest[:], stored) == 1`: false, `len(stored) == 32`: false, `hash == nil`: false, `t.Hash != ""`: false, `t.ID == id`: false,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nvar _ = "+code, 0)
		if err != nil {
			t.Fatal(err)
		}
		if at, _ := earlyExits(f); (len(at) > 0) != wrong {
			t.Errorf("%s: found at %d places", code, len(at))
		}
	}
}
