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

// Every file of the revision is sent to the builder, with .git: if one were missing
// the program would say that it is "+dirty". The secrets are not.
func TestBuilderGetsTheWholeRevision(t *testing.T) {
	t.Parallel()
	kept := []string{"ls-files", "--"}
	for line := range strings.Lines(read(t, "Dockerfile.dockerignore")) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if line == ".git" || strings.HasPrefix(line, "!") {
			t.Errorf("Dockerfile.dockerignore says %s", line)
		}
		kept = append(kept, ":(top,glob)"+line)
	}
	if len(kept) < 5 {
		t.Fatalf("only %v is kept back", kept[2:])
	}
	if files := output(t, tool(t, "git", "the Debian package git has it"), kept...); files != "" {
		t.Errorf("these files of the revision are not sent to the builder:\n%s", files)
	}
	if !slices.Contains(kept, ":(top,glob)deploy/compose/secrets.local") {
		t.Error("the secrets of the composition are sent to the builder")
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
