package main

import (
	"encoding/csv"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// status runs a command and wants its exit status and, unless it is 0, one
// message: status N command….
func status(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		_, scan := fmt.Sscanf(err.Error(), "exit status %d", &got)
		ts.Check(scan)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%v: exit status %d, want %s", args[1:], got, args[0])
	}
	if message := ts.ReadFile("stderr"); got != 0 && !strings.HasPrefix(message, "usher: ") {
		ts.Fatalf("%v: no message but %q", args[1:], message)
	}
}

// examples wants an example and a description of every command.
func examples(ts *testscript.TestScript, neg bool, args []string) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Example == "" || cmd.Short == "" {
			ts.Fatalf("%s has no example or no description", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root())
}

// firstToken and lastToken set a variable to the id of a live token.
func firstToken(ts *testscript.TestScript, neg bool, args []string) { pickToken(ts, args[0], false) }
func lastToken(ts *testscript.TestScript, neg bool, args []string)  { pickToken(ts, args[0], true) }

func pickToken(ts *testscript.TestScript, name string, last bool) {
	ts.Check(ts.Exec("usher", "token", "list", "--data", ts.MkAbs("data")))
	ids := regexp.MustCompile(`(?m)^(\S+)\s+\S+\s+live`).FindAllStringSubmatch(ts.ReadFile("stdout"), -1)
	if len(ids) == 0 {
		ts.Fatalf("no token is live")
	}
	pick := ids[0]
	if last {
		pick = ids[len(ids)-1]
	}
	ts.Setenv(name, pick[1])
}

// leaked wants the contents of the files in what the server keeps and logs.
func leaked(ts *testscript.TestScript, neg bool, args []string) {
	kept, err := filepath.Glob(filepath.Join(ts.MkAbs("data"), "*"))
	ts.Check(err)
	found := ""
	for _, path := range append(kept, ts.MkAbs("serve.log")) {
		data, err := os.ReadFile(path)
		ts.Check(err)
		for _, name := range args {
			if strings.Contains(string(data), strings.TrimSpace(ts.ReadFile(name))) {
				found += " " + name + " in " + filepath.Base(path)
			}
		}
	}
	if (found == "") != neg {
		ts.Fatalf("found:%s", found)
	}
}

// formulas wants that no cell of a CSV file would be run.
func formulas(ts *testscript.TestScript, neg bool, args []string) {
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				ts.Fatalf("a spreadsheet would run %q", cell)
			}
		}
	}
}

// sameLines wants two files with the same lines in any order.
func sameLines(ts *testscript.TestScript, neg bool, args []string) {
	a, b := strings.Split(ts.ReadFile(args[0]), "\n"), strings.Split(ts.ReadFile(args[1]), "\n")
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		ts.Fatalf("%q and %q differ", a, b)
	}
}

// conform runs the conformance suite against the server.
func conform(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(ts.Exec("usher", "conformance", "--url", "http://"+ts.Getenv("SERVER")+"/scim/v2", "--token-file", "token"))
}

// A server that has other folders than the command, as systemd gives them, writes a
// backup where nobody finds it; the command does not call that done.
func TestBackupThatIsElsewhere(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(data, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })}
	go func() { _ = server.Serve(l) }() // ends with Close
	defer server.Close()
	cmd := root()
	cmd.SetArgs([]string{"backup", filepath.Join(data, "nowhere.db"), "--data", data})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "name a file in a folder that both see") {
		t.Errorf("got %v", err)
	}
}
