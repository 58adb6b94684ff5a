package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const restartToken = "usher_333333333333333333333333333333333333333333333333"

// process is the program as it is run by an init system.
type process struct {
	*testing.T
	exe, folder, listen, ops string
	store                    string // flag; "": the file in the folder
	cmd                      *exec.Cmd
	logs                     strings.Builder
}

func newProcess(t *testing.T) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{T: t, folder: t.TempDir()}
	p.exe = filepath.Join(p.folder, "usher") // under this name the test is the program
	if err := os.Symlink(self, p.exe); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.folder, "token"), []byte(restartToken), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []*string{&p.listen, &p.ops} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		*addr = l.Addr().String()
		l.Close()
	}
	return p
}

// start runs the program and returns when it has said its first word.
func (p *process) start() {
	p.Helper()
	p.logs.Reset()
	p.cmd = exec.Command(p.exe, "serve", "--data", filepath.Join(p.folder, "data"), "--listen", p.listen, "--ops-listen", p.ops,
		"--bootstrap-token-file", filepath.Join(p.folder, "token"))
	if p.store != "" {
		p.cmd.Args = append(p.cmd.Args, "--store", p.store)
	}
	p.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "USHER_") }), "GORACE=atexit_sleep_ms=0")
	p.cmd.Stderr = &p.logs
	out, w, err := os.Pipe()
	if err != nil {
		p.Fatal(err)
	}
	defer out.Close()
	p.cmd.Stdout = w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = p.cmd.Process.Kill() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		_ = p.cmd.Wait()
		p.Fatalf("the program says nothing: %v %s", err, p.logs.String())
	}
}

func (p *process) ready() {
	p.Helper()
	for range 1000 {
		if answer, err := http.Get("http://" + p.ops + "/readyz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.Fatal("the program does not become ready")
}

// stop sends SIGTERM and wants the program to end well.
func (p *process) stop() {
	p.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Fatal(err)
	}
	timer := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.cmd.Wait(); err != nil {
		p.Errorf("the program ends with %v: %s", err, p.logs.String())
	}
}

// worker changes users of its own and knows what was acknowledged.
type worker struct {
	*process
	name    string
	client  http.Client
	display map[string]string // by userName, as last acknowledged
	ids     map[string]string
	retries int
}

// run makes users and changes each of them twice.
func (w *worker) run(stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			w.client.CloseIdleConnections()
			return
		default:
		}
		name := fmt.Sprintf("%s-%d", w.name, i)
		w.display[name] = "new"
		w.ids[name] = w.insist("POST", "/Users", `{"userName":"`+name+`","displayName":"new"}`)
		for range 2 {
			display := strconv.Itoa(rand.IntN(1 << 30))
			w.insist("PATCH", "/Users/"+w.ids[name], string(message("replace", []byte(`{"displayName":"`+display+`"}`))))
			w.display[name] = display
		}
	}
}

// insist repeats a request while no connection can be had, and returns the id
// in the answer.
func (w *worker) insist(method, path, body string) string {
	for try := 0; try < 10000; try++ {
		r, err := http.NewRequest(method, "http://"+w.listen+"/scim/v2"+path, strings.NewReader(body))
		if err != nil {
			w.Error(err)
			return ""
		}
		r.Header.Set("Authorization", "Bearer "+restartToken)
		answer, err := w.client.Do(r)
		if err != nil {
			w.unanswered(err)
			continue
		}
		data, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch {
		case err != nil || answer.StatusCode >= 300:
			w.Errorf("%s %s: %d %s %v", method, path, answer.StatusCode, data, err)
			return ""
		default:
			var made struct{ ID string }
			_ = json.Unmarshal(data, &made) // an empty id is refused by the next request
			return made.ID
		}
	}
	w.Error("no answer in the end")
	return ""
}

// unanswered takes what a client sees of a server that is not there: a refused
// connection, or an idle one that was closed before the request was read.
func (w *worker) unanswered(err error) {
	w.retries++
	if errors.Is(err, syscall.ECONNREFUSED) {
		time.Sleep(2 * time.Millisecond)
	} else if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE) && !strings.Contains(err.Error(), "server closed idle connection") {
		w.Errorf("a client sees %v", err)
	}
}

// R14: SIGTERM at any moment, again and again, under load: the program ends with
// 0, and what was acknowledged is there, as the last acknowledged change left it.
func TestR14RollingRestarts(t *testing.T) {
	t.Parallel()
	rounds := 25
	if os.Getenv("USHER_TEST_LONG") != "" {
		rounds = 200
	}
	p := newProcess(t)
	p.start()
	stop := make(chan struct{})
	workers := make([]*worker, 8)
	var all sync.WaitGroup
	for i := range workers {
		w := &worker{process: p, name: fmt.Sprintf("w%d", i), display: map[string]string{}, ids: map[string]string{}, client: http.Client{Transport: &http.Transport{}}}
		workers[i] = w
		all.Go(func() { w.run(stop) })
	}
	for i := range rounds {
		if i%3 > 0 { // or it is stopped while it starts
			p.ready()
		}
		if i%3 > 1 {
			time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		}
		p.stop()
		p.start()
	}
	p.ready()
	close(stop)
	all.Wait()
	check(t, workers)
	p.stop()
}

func check(t *testing.T, workers []*worker) {
	t.Helper()
	n, retries := 0, 0
	for _, w := range workers {
		retries += w.retries
		for name, display := range w.display {
			n++
			answer := w.get(w.ids[name])
			if !strings.Contains(answer, `"userName":"`+name+`"`) || !strings.Contains(answer, `"displayName":"`+display+`"`) {
				t.Errorf("%s was acknowledged with the displayName %s, and is %s", name, display, answer)
			}
		}
	}
	if n < 20 || retries == 0 {
		t.Errorf("only %d users with %d repeated requests", n, retries)
	}
	t.Logf("%d users, %d requests were repeated", n, retries)
}

func (w *worker) get(id string) string {
	w.Helper()
	r, err := http.NewRequest("GET", "http://"+w.listen+"/scim/v2/Users/"+id, nil)
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+restartToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}
