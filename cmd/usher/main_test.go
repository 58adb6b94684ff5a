package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/usher-scim/usher/directory/store/chosen"
)

func TestMain(m *testing.M) {
	testscript.Main(chosen.Suite{M: m}, map[string]func(){"usher": func() { os.Exit(run()) }})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector lets every command wait for a second
		return nil
	}, Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"serve": serve, "stop": stop, "scim": request, "created": created, "status": status, "examples": examples, "firsttoken": firstToken,
		"issuer": issuer, "issue": issue, "lasttoken": lastToken, "leaked": leaked, "formulas": formulas, "conform": conform, "samelines": sameLines, "threetimes": threeTimes,
	}})
}

// serve starts a server with its data in the script's folder: serve [flags].
func serve(ts *testscript.TestScript, neg bool, args []string) {
	listen, ops := freePort(ts), freePort(ts)
	exe, err := exec.LookPath(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "usher"))
	ts.Check(err)
	cmd := exec.CommandContext(context.Background(), exe, append([]string{"serve", "--data", ts.MkAbs("data"), "--listen", listen, "--ops-listen", ops}, args...)...)
	out, err := os.Create(ts.MkAbs("serve.out"))
	ts.Check(err)
	logs, err := os.Create(ts.MkAbs("serve.log"))
	ts.Check(err)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, logs, ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() })
	ts.Setenv("SERVER", listen)
	ts.Setenv("SERVER_PID", fmt.Sprint(cmd.Process.Pid))
	go func() { _ = os.WriteFile(ts.MkAbs("serve.exit"), []byte(fmt.Sprint(cmd.Wait())), 0o600) }()
	for range 100 {
		if answer, err := http.Get("http://" + ops + "/readyz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the server is not ready: %s", ts.ReadFile("serve.log"))
}

// stop ends the server by SIGTERM and wants it to exit well (R14).
func stop(ts *testscript.TestScript, neg bool, args []string) {
	var pid int
	_, err := fmt.Sscan(ts.Getenv("SERVER_PID"), &pid)
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
	for range 100 {
		if data, err := os.ReadFile(ts.MkAbs("serve.exit")); err == nil {
			if string(data) != "<nil>" {
				ts.Fatalf("the server ended with %s", data)
			}
			ts.Check(os.Remove(ts.MkAbs("serve.exit")))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the server did not end")
}

// request sends a SCIM request: scim STATUS METHOD PATH TOKENFILE [BODY]. The
// answer is printed.
func request(ts *testscript.TestScript, neg bool, args []string) {
	body := ""
	if len(args) > 4 {
		body = args[4]
	}
	r, err := http.NewRequest(args[1], "http://"+ts.Getenv("SERVER")+"/scim/v2"+args[2], strings.NewReader(body))
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[3])))
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if fmt.Sprint(answer.StatusCode) != args[0] {
		ts.Fatalf("%s %s: %d %s", args[1], args[2], answer.StatusCode, data)
	}
	_, _ = ts.Stdout().Write(data) // memory
}

// created keeps the id of the resource in the last answer in $ID.
func created(ts *testscript.TestScript, _ bool, _ []string) {
	var answer struct{ ID string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &answer))
	ts.Setenv("ID", answer.ID)
}

// threeTimes writes a CSV file with three rows, one after the other, about each of a
// hundred people.
func threeTimes(ts *testscript.TestScript, _ bool, args []string) {
	text := "externalId,userName,title\n"
	for i := range 100 {
		text += fmt.Sprintf("e%d,p%d,first\ne%d,p%d,next\ne%d,p%d-now,last\n", i, i, i, i, i, i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func freePort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}
