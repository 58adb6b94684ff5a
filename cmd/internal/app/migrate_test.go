package app_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/directory/store/chosen"
)

// databaseOf is the database that a server works on.
func databaseOf(t *testing.T, h *house) *driver.Database {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(h.cfg.Store.URI))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	_, rest, _ := strings.Cut(h.cfg.Store.URI, "://")
	name, _, _ := strings.Cut(rest[strings.Index(rest, "/")+1:], "?")
	return client.Database(name)
}

// becomes waits until /readyz answers so.
func (h *house) becomes(status int, text string) {
	h.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		got, said := h.shown("/readyz")
		if got == status && strings.Contains(said, text) {
			return
		}
		if time.Since(began) > 20*time.Second {
			h.Fatalf("/readyz says %d %s, want %d %s", got, said, status, text)
		}
	}
}

// An index that is dropped under a running server makes 503 of the queries that
// need it, and the server says what is missing; another does not start. A migration
// beside the server puts it right, and does nothing to what is there.
func TestMigrationBesideAServer(t *testing.T) {
	t.Parallel()
	h := replicas(t, 1)[0]
	ada := h.person("ada@example.com", `,"displayName":"Ada"`)
	byName := "/Users?filter=displayName+eq+%22ada%22"
	h.same(h.prov(200, "GET", byName, ""), "totalResults", "1")
	if err := databaseOf(t, h).Collection("resource").Indexes().DropOne(t.Context(), "resource_terms"); err != nil {
		t.Fatal(err)
	}
	lost := h.prov(http.StatusServiceUnavailable, "GET", byName, "")
	if lost.header.Get("Retry-After") == "" || !strings.Contains(h.logs.text(), "usher migrate") {
		t.Errorf("without the index: %v %s, in the log: %s", lost.header, lost.text, h.logs.text())
	}
	h.becomes(http.StatusServiceUnavailable, "resource_terms")
	if !strings.Contains(h.metrics(t), "\nusher_ready 0\n") {
		t.Error("the metrics say that the server is ready")
	}
	h.same(h.user(ada), "displayName", "Ada")
	if _, err := app.New(t.Context(), h.cfg, io.Discard); err == nil || !strings.Contains(err.Error(), "usher migrate") {
		t.Errorf("another server starts without the index: %v", err)
	}

	var told []string
	ended := make(chan error)
	go func() {
		for range 3 {
			if err := app.Migrate(t.Context(), h.cfg, true, func(doing string) { told = append(told, doing) }); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for n, going := 0, true; going || n < 10; n++ {
		select {
		case err := <-ended:
			if going = false; err != nil {
				t.Error(err)
			}
		default:
			h.setActive(200, ada, n%2 == 1)
		}
	}
	if len(told) != 4 || !strings.Contains(told[0], "resource_terms") {
		t.Errorf("the migrations told %q", told)
	}
	h.becomes(http.StatusOK, "ok")
	h.same(h.prov(200, "GET", byName, ""), "totalResults", "1")
	h.stop(t, 10*time.Second)
}

// A migration looks for damage only if it is asked to, on both stores.
func TestMigrationChecksWhenAsked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person("ada@example.com")
	h.stop(t, 10*time.Second)
	if chosen.Mongo() {
		if _, err := databaseOf(t, h).Collection("claim").DeleteMany(t.Context(), bson.D{}); err != nil {
			t.Fatal(err)
		}
	} else {
		conn, err := sqlite.OpenConn(filepath.Join(h.cfg.Data, "usher.db"), sqlite.OpenReadWrite)
		if err == nil {
			err = errors.Join(sqlitex.ExecuteScript(conn, "DELETE FROM block", nil), conn.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	quiet := func(string) {}
	if err := app.Migrate(t.Context(), h.cfg, false, quiet); err != nil {
		t.Errorf("without a check: %v", err)
	}
	if err := app.Migrate(t.Context(), h.cfg, true, quiet); err == nil {
		t.Error("the damage is not found")
	}
}
