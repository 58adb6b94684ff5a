package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

const buildEnv = "USHER_TEST_BUILD_DB"

// build opens a store whose badges are to be unique from now on, and ends.
func build(path string) {
	types, err := schemas.NewRegistry(storetest.BadgeDocuments(storetest.Unique))
	if err == nil {
		var s *sqlite.Store
		if s, err = sqlite.Open(context.Background(), path, sqlite.Options{Registry: types}); err == nil {
			err = s.Close()
		}
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// R5, R16: the index of an attribute that is marked later is built in steps. After
// kill -9 among them the next start goes on, and is whole when it serves.
func TestR5KillWhileTheIndexIsBuilt(t *testing.T) {
	const people = 40_000 // in five steps
	path := filepath.Join(t.TempDir(), "usher.db")
	fill(t, path, people)
	conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetBusyTimeout(5 * time.Second)
	kills := 0
	for at := int64(0); at < whole; {
		if at = killedBehind(t, path, conn, at); at < whole {
			kills++
		}
	}
	if kills == 0 {
		t.Error("no start was killed while it built the index")
	}
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Registry: storetest.Badges(t, storetest.Unique), OnBuild: func(doing string) { t.Error(doing) }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for src, want := range map[string]int{`urn:badge:notes pr`: people, `urn:badge:notes co "NOTE"`: people, `urn:badge:notes eq "note of 39999"`: 1, `urn:badge:notes sw "note of 1234"`: 11, `urn:badge:badge eq "BADGE-17"`: 1} {
		if got := total(t, s, src); got != want {
			t.Errorf("%s finds %d, want %d", src, got, want)
		}
	}
}

const whole = int64(1) << 40

// killedBehind starts a process that builds the index, kills it when it is behind a
// row, and returns how far it came.
func killedBehind(t *testing.T, path string, conn *zombiezen.Conn, row int64) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), buildEnv+"="+path)
	said := &strings.Builder{}
	cmd.Stdout = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for built(t, conn) <= row {
		select {
		case err := <-ended:
			t.Fatalf("the start ended with %v: %s", err, said)
		case <-time.After(time.Millisecond):
		}
	}
	_ = cmd.Process.Kill() // it may have ended by itself
	<-ended
	return built(t, conn)
}

// built is up to which row the index of the badges is built.
func built(t *testing.T, conn *zombiezen.Conn) (row int64) {
	t.Helper()
	err := sqlitex.ExecuteTransient(conn, "SELECT coalesce(min(coalesce(l.upto, ?)), 0) FROM listing l JOIN attribute a ON a.num = l.attr WHERE a.path LIKE 'urn:badge:%'",
		&sqlitex.ExecOptions{Args: []any{whole}, ResultFunc: func(stmt *zombiezen.Stmt) error { row = stmt.ColumnInt64(0); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// fill makes a store of people with badges that are nothing special yet.
func fill(t *testing.T, path string, people int) {
	t.Helper()
	types := storetest.Badges(t, storetest.Plain)
	rt, _ := types.Type("User")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Registry: types})
	if err == nil {
		err = s.AddOrganization(t.Context(), directory.Organization{ID: "a"})
	}
	for from := 0; err == nil && from < people; from += 2000 {
		err = s.Update(t.Context(), func(tx directory.Tx) error {
			for i := from; i < from+2000; i++ {
				r, _, err := scim.Decode(rt, fmt.Appendf(nil, `{"userName":"u%d","urn:badge":{"badge":"Badge-%d","notes":["Note of %d"]}}`, i, i, i), scim.Tolerant)
				if err != nil {
					return err
				}
				r.ID, r.Version = fmt.Sprintf("00000000-0000-7000-8000-%012x", i), 1
				if err := tx.Put(t.Context(), "a", nil, r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// total is how many users a filter finds.
func total(t *testing.T, s *sqlite.Store, src string) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(r directory.Reader) error {
		rt, err := r.Type("User")
		if err != nil {
			return err
		}
		f, _, err := filter.Compile(src, rt, scim.Tolerant)
		if err != nil {
			return err
		}
		p, err := r.Find(t.Context(), directory.Query{Org: "a", Type: rt, Filter: f})
		n = p.Total
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
