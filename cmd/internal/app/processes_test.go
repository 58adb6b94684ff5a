package app_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// childVariable makes of the test binary a server, which USHER_ variables configure.
const childVariable = "USHER_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := serveAsChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(chosen.Suite{M: m})
}

func serveAsChild() error {
	var env []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "USHER_") && !strings.HasPrefix(v, "USHER_TEST_") {
			env = append(env, v)
		}
	}
	cfg, err := config.Load(config.Sources{Env: env})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	a, err := app.New(ctx, cfg, os.Stderr)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.Prepare(ctx); err != nil {
		return err
	}
	if err := a.Welcome(ctx, os.Stdout); err != nil {
		return err
	}
	return a.Run(ctx)
}

// processes starts servers as programs of their own, on one MongoDB.
func processes(t *testing.T, n int) (all []*house) {
	t.Helper()
	uri := mongotest.URI(t)
	for range n {
		folder := t.TempDir()
		databases.Store(folder, uri)
		h, _ := spawn(t, folder, uri, "USHER_LIMITS_CONCURRENCY=128", "USHER_LIMITS_QUEUE_WAIT=10s")
		all = append(all, h)
	}
	return all
}

// spawn starts a server as a program of its own, and returns its number. Without an
// address of a store it is on a file in the folder.
func spawn(t *testing.T, folder, uri string, env ...string) (*house, int) {
	t.Helper()
	cfg := housing(t, folder)
	h := &house{T: t, running: &running{cfg: cfg, client: &http.Client{Transport: &http.Transport{}}}}
	t.Cleanup(h.client.CloseIdleConnections)
	child := exec.Command(os.Args[0])
	child.Env = append(env, childVariable+"=1", "USHER_STORE_URI="+uri, "USHER_DATA="+filepath.Join(folder, "data"), "USHER_LISTEN="+cfg.Listen, "USHER_OPS_LISTEN="+cfg.OpsListen,
		"USHER_BOOTSTRAP_TOKEN_FILE="+filepath.Join(folder, "token"), "USHER_BOOTSTRAP_ADMIN_TOKEN_FILE="+filepath.Join(folder, "admin"))
	logs := &safeBuffer{}
	child.Stderr = logs
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Signal(syscall.SIGTERM) // it may have ended, which Wait tells
		if err := child.Wait(); err != nil {
			t.Errorf("a server ended with %v: %s", err, logs.text())
		}
	})
	for began := time.Now(); h.ops("/readyz") != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("a server does not become ready: %s", logs.text())
		}
	}
	return h, child.Process.Pid
}

// K60, R7: through all entrances of two processes at once, with seats bought and
// taken away meanwhile, no more get in than there are seats, and as many.
func TestR7SeatsOfTwoProcesses(t *testing.T) {
	all := processes(t, 2)
	c := &crowd{house: all[0], doors: all}
	tries := int64(400)
	if long {
		tries = 10_000
	}
	c.seated(tries)
}
