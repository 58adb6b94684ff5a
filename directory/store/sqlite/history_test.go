package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

// long is set where the tests of reliability may take as long as it takes.
var long = os.Getenv("USHER_TEST_LONG") != ""

// history makes one change after the other and keeps what the store held after
// each of them.
type history struct {
	*testing.T
	store  *sqlite.Store
	svc    *directory.Service
	states []string
	n      int    // rounds so far
	after  func() // called after each change, if set
}

func newHistory(t *testing.T, path string) *history {
	t.Helper()
	h := &history{T: t}
	h.open(path)
	_ = h.store.AddOrganization(t.Context(), directory.Organization{ID: "a"}) // there already in an old store
	return h
}

// open opens the store, from where a new list of states begins.
func (h *history) open(path string) {
	h.Helper()
	s, err := sqlite.Open(h.Context(), path, sqlite.Options{Readers: 1})
	if err != nil {
		h.Fatal(err)
	}
	h.store, h.svc, h.states = s, directory.New(s, directory.Options{}), nil
}

func (h *history) close() {
	h.Helper()
	if err := h.store.Close(); err != nil {
		h.Fatal(err)
	}
}

func (h *history) execute(c directory.Change) *directory.Plan {
	h.Helper()
	plan, err := h.svc.Execute(h.Context(), directory.Request{Org: "a", Change: c})
	if err != nil {
		h.Fatal(err)
	}
	h.states = append(h.states, state(h.T, h.store))
	if h.after != nil {
		h.after()
	}
	return plan
}

func (h *history) create(kind, body string) string {
	h.Helper()
	rt, _ := schemas.Default.Type(kind)
	r, _, err := scim.Decode(rt, []byte(body), scim.Tolerant)
	if err != nil {
		h.Fatal(err)
	}
	return h.execute(directory.Create{Resource: r}).After.ID
}

func (h *history) patch(kind, id, op string) {
	h.Helper()
	rt, _ := schemas.Default.Type(kind)
	p, _, err := patch.Decode(rt, []byte(`{"schemas":["`+scim.PatchOpURN+`"],"Operations":[`+op+`]}`), scim.Tolerant)
	if err != nil {
		h.Fatal(err)
	}
	h.execute(directory.Patch{Type: rt, ID: id, Patch: p})
}

// round makes seven changes, each of which touches several tables.
func (h *history) round() {
	h.Helper()
	h.n++
	user := func(part string) string {
		name := fmt.Sprintf("%s%d", part, h.n)
		return h.create("User", `{"userName":"`+name+`","externalId":"`+name+`","displayName":"`+strings.Repeat(name, 40)+`"}`)
	}
	ada, bob := user("ada"), user("bob")
	group := h.create("Group", fmt.Sprintf(`{"displayName":"g%d","members":[{"value":%q}]}`, h.n, ada))
	h.patch("Group", group, `{"op":"add","path":"members","value":[{"value":"`+bob+`"}]}`)
	h.patch("User", ada, fmt.Sprintf(`{"op":"replace","path":"userName","value":"eve%d"}`, h.n))
	rt, _ := schemas.Default.Type("User")
	h.execute(directory.Delete{Type: rt, ID: bob})
	h.patch("User", ada, `{"op":"replace","path":"active","value":false}`)
}

// state is all that a store holds, as a text: records, versions, members and the
// number of events.
func state(t *testing.T, s *sqlite.Store) string {
	t.Helper()
	var b strings.Builder
	err := s.View(t.Context(), func(r directory.Reader) error {
		for _, name := range []string{"User", "Group"} {
			rt, _ := schemas.Default.Type(name)
			p, err := r.Find(t.Context(), directory.Query{Org: "a", Type: rt, Start: 1, Count: 1 << 20})
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%d of %s\n", p.Total, name)
			for _, res := range p.Resources {
				fmt.Fprintf(&b, "%s %d %s", res.ID, res.Version, res.AppendStored(nil))
				for m, err := range r.Members(t.Context(), directory.Ref{Org: "a", Type: rt, ID: res.ID}) {
					if err != nil {
						return err
					}
					b.WriteString(" " + m.ID)
				}
				b.WriteByte('\n')
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, events, err := s.Lag(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%d events\n", events)
	return b.String()
}

// restored opens a file, has it checked and returns what it holds; the store is
// closed.
func restored(t *testing.T, path string) string {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Readers: 1})
	if err != nil {
		t.Fatalf("the store does not open: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	return state(t, s)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// place writes a store and its log into a new folder.
func place(t *testing.T, folder string, db, log []byte) string {
	t.Helper()
	path := filepath.Join(folder, "usher.db")
	for name, data := range map[string][]byte{path: db, path + "-wal": log} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Remove(path + "-shm") // of the copy before
	return path
}
