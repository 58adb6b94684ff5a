package deploy_test

import (
	"debug/elf"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The image is built from scratch, which has no loader and no libraries.
func TestProgramIsStatic(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, nothing was checked: only Linux has ELF files")
	}
	f, err := elf.Open(program(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program asks for a loader")
		}
	}
	if libs, _ := f.ImportedLibraries(); len(libs) > 0 { // an error says that there are none
		t.Errorf("the program asks for %v", libs)
	}
}

// What the program is built from is sent to the builder, and embedded files are
// not among those left out.
func TestBuilderGetsAllSources(t *testing.T) {
	t.Parallel()
	ignore := strings.Split(read(t, "Dockerfile.dockerignore"), "\n")
	const module = "github.com/usher-scim/usher"
	list := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if .Main}}{{$.ImportPath}} {{join $.EmbedFiles " "}}{{end}}{{end}}`, "./cmd/usher")
	list.Dir = ".."
	out, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 15 {
		t.Fatalf("only %d packages were looked at", len(lines))
	}
	for _, line := range lines {
		words := strings.Fields(line)
		folder, _, _ := strings.Cut(strings.TrimPrefix(words[0], module+"/"), "/")
		if !slices.Contains(ignore, "!"+folder) {
			t.Errorf("the folder %s of %s is not sent to the builder", folder, words[0])
		}
		for _, embedded := range words[1:] {
			if strings.HasSuffix(embedded, "_test.go") || strings.HasSuffix(embedded, ".db") || strings.Contains(embedded, "testdata/") {
				t.Errorf("%s embeds %s, which is not sent to the builder", words[0], embedded)
			}
		}
	}
}

var (
	variable = regexp.MustCompile(`\bUSHER_[A-Z_]+\b`)
	setting  = regexp.MustCompile(`--set[ =]([a-z_.]+)=`)
)

// Every variable and key that an operator is told about is one of the program's.
func TestSettingsNamedAreReal(t *testing.T) {
	t.Parallel()
	known, seen := settings(), 0
	var keys []string
	for _, key := range known {
		keys = append(keys, key)
	}
	for _, root := range []string{".", "../docs/operate"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text := read(t, path)
			for _, name := range variable.FindAllString(text, -1) {
				seen++
				if _, ok := known[name]; !ok {
					t.Errorf("%s names %s, which the program does not know", path, name)
				}
			}
			for _, found := range setting.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(keys, found[1]) {
					t.Errorf("%s sets %s, which the program does not know", path, found[1])
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if seen < 10 {
		t.Errorf("only %d variables were found", seen)
	}
}

// understood fails unless the program knows the command and its flags.
func understood(t *testing.T, where string, args []string) {
	t.Helper()
	if out, err := exec.Command(program(t), append(slices.Clone(args), "--help")...).CombinedOutput(); err != nil || !strings.Contains(string(out), "usher "+args[0]) {
		t.Errorf("%s runs usher %s, which is not understood: %v\n%s", where, strings.Join(args, " "), err, out)
	}
}

func TestImageRunsACommandOfTheProgram(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`(?m)^CMD \["(.*)"\]$`).FindStringSubmatch(read(t, "Dockerfile"))
	if found == nil {
		t.Fatal("the Dockerfile has no CMD")
	}
	understood(t, "Dockerfile", strings.Split(found[1], `", "`))
}
