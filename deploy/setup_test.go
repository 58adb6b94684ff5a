// Package deploy_test holds what is in this folder to what the program really is:
// its settings, its flags and its metrics.
package deploy_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/config"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := workshop(); err == nil {
		_ = os.RemoveAll(dir) // the tests are over
	}
	os.Exit(code)
}

// workshop is the folder that the program is built in.
var workshop = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "usher-deploy") })

// build makes the program as the image does.
var build = sync.OnceValues(func() (string, error) {
	dir, err := workshop()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "usher")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "../cmd/usher")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tool finds a program that a laptop may lack, and CI may not.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing; %s", name, from)
	}
	t.Skipf("SKIPPED, nothing was checked: %s is missing; %s", name, from)
	return ""
}

// output runs a program that must succeed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// settings are the keys that the program knows, by their variables.
func settings() map[string]string {
	known := map[string]string{"USHER_STORE_URI": "store.uri", "USHER_STORE_URI_FILE": "store.uri_file"}
	for _, k := range config.Keys() {
		if k.Env != "" {
			known[k.Env] = k.Name
		}
	}
	return known
}

// serve starts the program and returns the addresses of SCIM and of operations.
func serve(t *testing.T, flags ...string) (scim, ops string) {
	t.Helper()
	scim, ops = freePort(t), freePort(t)
	cmd := exec.CommandContext(context.Background(), program(t), append([]string{"serve", "--data", t.TempDir(), "--listen", scim, "--ops-listen", ops}, flags...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	for range 200 {
		if answer, err := http.Get("http://" + ops + "/readyz"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return scim, ops
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the server did not become ready")
	return "", ""
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
