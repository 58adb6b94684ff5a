package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// command runs the program once, and returns what it said, and its exit status.
func (p *process) command(args ...string) (said string, status int) {
	p.Helper()
	cmd := exec.Command(p.exe, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// wants runs the program and wants a status and some words.
func (p *process) wants(status int, words string, args ...string) string {
	p.Helper()
	said, got := p.command(args...)
	if got != status || !strings.Contains(said, words) {
		p.Fatalf("usher %s: %d %s, want %d %s", strings.Join(args, " "), got, said, status, words)
	}
	return said
}

// enrol adds people to the data folder.
func (p *process) enrol(from, to int) {
	p.Helper()
	rows := []byte("userName\n")
	for i := from; i < to; i++ {
		rows = fmt.Appendf(rows, "p%d@example.com\n", i)
	}
	file := filepath.Join(p.folder, "people.csv")
	if err := os.WriteFile(file, rows, 0o600); err != nil {
		p.Fatal(err)
	}
	p.wants(0, "", "import", file, "--data", filepath.Join(p.folder, "data"))
}

// An installation moves up to MongoDB with the program as it is; a second copy
// carries over the rest. A copy into a database that a server works on would remove
// what that has acknowledged: it is refused, and goes on when the server has stopped.
func TestCopyMovesUpToMongoDB(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	data, uri := filepath.Join(p.folder, "data"), mongotest.URI(t)
	move := []string{"copy", "--from", "sqlite:" + data, "--to", uri, "--data", filepath.Join(p.folder, "none")}
	p.enrol(0, 30)
	said := p.wants(0, "Copied: 30 resources", move...)
	if !strings.Contains(said, "Both stores hold the same") {
		t.Errorf("the copy says %s", said)
	}
	p.enrol(30, 35)
	p.wants(0, "Copied: 5 resources", move...)

	server := newProcess(t)
	server.store = uri
	server.start()
	server.ready()
	w := worker{process: server, client: http.Client{Transport: &http.Transport{}}}
	id := w.insist("POST", "/Users", `{"userName":"eve@example.com"}`)
	p.wants(1, "a server runs on it; stop it first", move...)
	if got := w.get(id); !strings.Contains(got, "eve@example.com") {
		t.Errorf("what the server acknowledged is %s", got)
	}
	w.client.CloseIdleConnections()
	server.stop()
	// Now it is allowed at once, but would undo what was done on the server.
	p.wants(1, "somebody has worked on the organization default", move...)

	idle := newProcess(t)
	idle.store = mongotest.URI(t)
	move[4] = idle.store
	p.wants(0, "Copied: 35 resources", move...)
	idle.start()
	idle.ready()
	idle.stop()
	p.wants(0, "Copied: 0 resources", move...)
}

// No server starts on a database while data is copied into it.
func TestNoServerStartsDuringACopy(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	uri := mongotest.URI(t)
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"data": p.folder, "store.uri": uri}})
	if err != nil {
		t.Fatal(err)
	}
	types, err := app.Types(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store, err := app.OpenStore(t.Context(), cfg, types, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	_, done, err := app.Fill(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	p.wants(1, "data is being copied into the database", "serve", "--data", filepath.Join(p.folder, "own"), "--store", uri, "--listen", p.listen, "--ops-listen", p.ops)
	done()
	p.store = uri
	p.start()
	p.ready()
	p.stop()
}

// A copy that is told to stop says how it goes on, and does.
func TestCopyStopsAndGoesOn(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	data, uri := filepath.Join(p.folder, "data"), mongotest.URI(t)
	p.enrol(0, 1500)
	move := []string{"copy", "--from", "sqlite:" + data, "--to", uri, "--data", filepath.Join(p.folder, "none")}
	cmd := exec.Command(p.exe, move...)
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(said)
	first, err := lines.ReadString('\n')
	if err != nil || !regexp.MustCompile(`^copying organization default: \d+ of 3\d\d\d\n$`).MatchString(first) {
		t.Errorf("it says %q, %v", first, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.HasSuffix(string(rest), "usher: stopped; run the same command again to go on\n") {
		t.Errorf("in the end it says %q, %v", rest, err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ends with %v", err)
	}
	p.wants(0, "Both stores hold the same", move...)
}

// Off a terminal progress is told in lines, of each organization at once.
func TestProgressInLines(t *testing.T) {
	var out bytes.Buffer
	tell := lines(&out, time.Hour)
	tell("", 1, 0)
	tell("acme", 250, 1000)
	tell("acme", 500, 1000)
	tell("gamma", 10, 10)
	if want := "copying organization acme: 250 of 1000\ncopying organization gamma: 10 of 10\n"; out.String() != want {
		t.Errorf("it says %q", out.String())
	}
	out.Reset()
	tell = lines(&out, 0)
	tell("acme", 1, 2)
	tell("acme", 2, 2)
	if strings.Count(out.String(), "\n") != 2 {
		t.Errorf("it says %q", out.String())
	}
}
