package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// stored adds to the flags where the data of a folder is: in the folder, or in a
// database that the test has for it.
func stored(t *testing.T, folder string, flags map[string]string) map[string]string {
	t.Helper()
	if !chosen.Mongo() {
		return flags
	}
	uri, known := databases.Load(folder)
	if !known {
		uri, _ = databases.LoadOrStore(folder, mongotest.URI(t))
	}
	flags["store.uri"] = uri.(string)
	return flags
}

// onFile skips a test that looks into the file of the embedded store.
func onFile(t *testing.T) {
	t.Helper()
	if chosen.Mongo() {
		t.Skip("it looks into the file of the embedded store")
	}
}

// databases are those of the folders.
var databases sync.Map

const secret = "a-token-of-the-operators-own-choosing-0001"

// settings are those of a server on free ports over a new folder, which takes
// the secret.
func settings(t *testing.T) config.Config {
	t.Helper()
	return load(t, t.TempDir(), secret)
}

// load reads a configuration for the folder, with the bootstrap token if it is
// not empty.
func load(t *testing.T, folder, token string) config.Config {
	t.Helper()
	flags := map[string]string{"data": filepath.Join(folder, "data"), "listen": freePort(t), "ops_listen": freePort(t)}
	if token != "" {
		flags["bootstrap_token_file"] = filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(flags["bootstrap_token_file"], []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(config.Sources{Flags: stored(t, folder, flags)})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// freePort is an address that nothing listens on. Ports are taken from below those
// that the system gives to clients, and each once.
func freePort(t *testing.T) string {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for range 1000 {
		ports.next++
		address := fmt.Sprintf("127.0.0.1:%d", 12000+(ports.next+os.Getpid()*37)%18000)
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("there is no free port")
	return ""
}

var ports struct {
	mu   sync.Mutex
	next int
}

// running is a server that runs.
type running struct {
	cfg    config.Config
	out    bytes.Buffer // what Welcome said
	logs   *safeBuffer
	cancel context.CancelFunc
	ended  chan error
	client *http.Client
}

// safeBuffer is a buffer for several writers.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

// Write appends.
func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// start runs a server until the test ends or stop is called.
func start(t *testing.T, cfg config.Config) *running {
	t.Helper()
	s := &running{cfg: cfg, logs: &safeBuffer{}, ended: make(chan error, 1), client: &http.Client{Transport: &http.Transport{}}}
	a, err := app.New(t.Context(), cfg, s.logs)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Welcome(t.Context(), &s.out); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	closed := make(chan struct{})
	go func() {
		err := a.Run(ctx)
		if e := a.Close(); err == nil {
			err = e
		}
		s.ended <- err
		close(closed)
	}()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		cancel()
		<-closed // before the database of the tests is
	})
	for s.ops("/readyz") != http.StatusOK {
		select {
		case err := <-s.ended:
			t.Fatalf("the server ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return s
}

// stop ends the server and wants it to end well within the limit.
func (s *running) stop(t *testing.T, limit time.Duration) {
	t.Helper()
	s.client.CloseIdleConnections()
	s.cancel()
	s.wait(t, limit)
}

func (s *running) wait(t *testing.T, limit time.Duration) {
	t.Helper()
	select {
	case err := <-s.ended:
		if err != nil {
			t.Fatalf("the server ended with %v", err)
		}
	case <-time.After(limit):
		t.Fatalf("the server did not end within %s", limit)
	}
}

// ops is the status of a path on the operator's address, 0 without an answer.
func (s *running) ops(path string) int {
	status, _ := s.shown(path)
	return status
}

// shown is what a path on the operator's address answers; 0 and why without an answer.
func (s *running) shown(path string) (status int, text string) {
	answer, err := s.client.Get("http://" + s.cfg.OpsListen + path)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(body)
}

// metrics are those that the server shows.
func (s *running) metrics(t *testing.T) string {
	t.Helper()
	status, text := s.shown("/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics answers %d %s", status, text)
	}
	return text
}

// scim sends a request to the protocol and returns the status and the body.
func (s *running) scim(method, path, token, body string) (int, string, error) {
	r, err := http.NewRequest(method, "http://"+s.cfg.Listen+"/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := s.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(data), err
}

// want is scim with an expected status.
func (s *running) want(t *testing.T, status int, method, path, token, body string) string {
	t.Helper()
	got, data, err := s.scim(method, path, token, body)
	if err != nil || got != status {
		t.Fatalf("%s %s: %d %s %v, want %d", method, path, got, data, err, status)
	}
	return data
}

var tokenShape = regexp.MustCompile(`usher_[a-z0-9]+_[A-Za-z0-9_]+`)
