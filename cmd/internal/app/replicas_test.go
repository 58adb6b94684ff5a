package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// replicas starts servers on one MongoDB, each on a folder of its own.
func replicas(t *testing.T, n int) (all []*house) {
	t.Helper()
	uri := mongotest.URI(t)
	for range n {
		folder := t.TempDir()
		databases.Store(folder, uri)
		cfg := housing(t, folder)
		cfg.Store.URI = uri
		all = append(all, &house{T: t, running: start(t, cfg)})
	}
	return all
}

// within wants something to hold before a second is over, which is what R23 gives a
// change until it is effective on every replica.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if holds() {
			t.Logf("%s after %s", what, time.Since(began).Round(time.Millisecond))
			return
		}
		if time.Since(began) > time.Second {
			t.Fatalf("after a second: not %s", what)
		}
	}
}

// K23: what one replica is told is effective on the other within a second; what is
// stored is the same on both at once.
func TestK23ReplicasAgree(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2)
	one, two := all[0], all[1]
	ada := one.person("ada@example.com")
	if got := two.user(ada).at("userName"); got != "ada@example.com" {
		t.Errorf("the other replica knows %q", got)
	}
	var made struct {
		Secret string `json:"secret"`
		Token  struct {
			ID string `json:"id"`
		} `json:"token"`
	}
	one.control(t, "POST", "/tokens", `{"connection":"default"}`, &made)
	status := func(h *house) int {
		got, _, err := h.scim(http.MethodGet, "/Users/"+ada, made.Secret, "")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if a, b := status(one), status(two); a != 200 || b != 200 {
		t.Fatalf("the token is answered %d and %d", a, b)
	}
	one.control(t, "PUT", "/connections/default", `{"organization":"default","scopes":["groups:read"],"dialect":"tolerant"}`, &struct{}{})
	within(t, "the scopes are narrowed", func() bool { return status(two) == 403 })
	one.control(t, "PUT", "/connections/default", `{"organization":"default","scopes":["*"],"dialect":"tolerant"}`, &struct{}{})
	within(t, "the scopes are widened", func() bool { return status(two) == 200 })
	one.control(t, "DELETE", "/tokens/"+made.Token.ID, "", &struct{}{})
	if status(one) != 401 {
		t.Error("the token still works where it was revoked")
	}
	within(t, "the token is revoked", func() bool { return status(two) == 401 })
	one.setActive(200, ada, false)
	if got := two.standing(ada); got != "inactive" {
		t.Errorf("the other replica has the person %s", got)
	}
	for _, h := range all {
		h.stop(t, 10*time.Second)
	}
}

// A cursor of one replica is read by another: they agree on the key at once.
func TestReplicasShareCursors(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2)
	for i := range 3 {
		all[i%2].person(fmt.Sprintf("p%d@example.com", i))
	}
	first := all[0].prov(200, "GET", "/Users?count=2&cursor=", "")
	second := all[1].prov(200, "GET", "/Users?count=2&cursor="+first.at("nextCursor"), "")
	all[1].same(second, "Resources/0/userName", "p2@example.com")
	for _, h := range all {
		h.stop(t, 10*time.Second)
	}
}

// Of three servers that start at once on an empty database one makes and shows the
// first tokens, and both of them work.
func TestFirstStartsAtOnceShowOneSetOfTokens(t *testing.T) {
	t.Parallel()
	uri := mongotest.URI(t)
	var mu sync.Mutex
	var shown []string
	var all sync.WaitGroup
	for range 3 {
		folder := t.TempDir()
		databases.Store(folder, uri)
		cfg := load(t, folder, "")
		cfg.Store.URI = uri
		all.Go(func() {
			a, err := app.New(t.Context(), cfg, io.Discard)
			if err != nil {
				t.Error(err)
				return
			}
			var out bytes.Buffer
			if err := errors.Join(a.Prepare(t.Context()), a.Welcome(t.Context(), &out), a.Close()); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, line := range strings.Split(out.String(), "\n") {
				if strings.Contains(line, "shown this once") {
					shown = append(shown, line)
				}
			}
		})
	}
	all.Wait()
	slices.Sort(shown)
	if len(shown) != 2 || !strings.HasPrefix(shown[0], "Administrator token") || !strings.HasPrefix(shown[1], "Provisioning token") {
		t.Fatalf("three servers showed %q", shown)
	}
	folder := t.TempDir()
	databases.Store(folder, uri)
	cfg := load(t, folder, "")
	cfg.Store.URI = uri
	s := start(t, cfg)
	s.want(t, 200, "GET", "/Users", tokenShape.FindString(shown[1]), "")
	if strings.Contains(s.out.String(), "shown this once") {
		t.Errorf("a later server shows %s", s.out.String())
	}
	s.stop(t, 10*time.Second)
}

// Two replicas on one folder would take each other's control socket.
func TestFolderHasOneReplica(t *testing.T) {
	t.Parallel()
	h := replicas(t, 1)[0]
	cfg := h.cfg
	cfg.Listen, cfg.OpsListen = freePort(t), freePort(t)
	a, err := app.New(t.Context(), cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("a second replica on the same folder ends with %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	h.stop(t, 10*time.Second)
}
