// Command test runs all tests as go test does, and says in the end what was skipped
// and why, which go test keeps to itself: a suite that did not run must not look as
// if it had passed. Arguments are those of go test; without packages it tests all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	args := append([]string{"test", "-json"}, os.Args[1:]...)
	if !slices.ContainsFunc(os.Args[1:], func(a string) bool { return strings.HasPrefix(a, "./") || strings.Contains(a, "...") }) {
		args = append(args, "./...")
	}
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the tests cannot be run:", err)
		os.Exit(1)
	}
	skipped := follow(out, os.Stdout)
	err = cmd.Wait()
	if len(skipped) > 0 {
		fmt.Printf("\n%d tests were skipped:\n", len(skipped))
		for _, s := range skipped {
			fmt.Println("  " + s)
		}
	}
	if err != nil {
		os.Exit(1)
	}
}

// event is what go test -json says of a test or a package.
type event struct {
	Action, Package, Test, Output, ImportPath string
}

// follow prints how each package went, and all that failed tests said. It returns
// the tests that were skipped, with the reasons.
func follow(in io.Reader, out io.Writer) (skipped []string) {
	said := map[string][]string{} // by package and test
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return skipped
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			fmt.Fprint(out, string(line))
			continue
		}
		id := e.Package + " " + e.Test
		switch {
		case e.Action == "build-output":
			fmt.Fprint(out, e.Output)
		case e.Action == "output" && e.Test == "" && isVerdict(e.Output):
			fmt.Fprint(out, e.Output)
		case e.Action == "output":
			said[id] = append(said[id], e.Output)
		case e.Action == "fail":
			fmt.Fprint(out, strings.Join(said[id], ""))
			delete(said, id)
		case e.Action == "skip" && e.Test != "":
			skipped = append(skipped, id+": "+reason(said[id]))
			delete(said, id)
		case e.Action == "pass":
			delete(said, id)
		}
	}
}

// isVerdict reports whether a line is how a package went.
func isVerdict(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t") || strings.HasPrefix(line, "?   \t")
}

// reason is what a test said when it was skipped.
func reason(lines []string) string {
	for _, l := range lines {
		if _, text, ok := strings.Cut(l, ".go:"); ok {
			_, text, _ = strings.Cut(text, ": ")
			return strings.TrimSpace(text)
		}
	}
	return "it does not say why"
}
