package directory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/usher-scim/usher/directory"
)

// R6: whatever is asked for, a preview tells exactly what comes of it, and leaves
// everything as it was.
func TestPreviewTellsWhatExecuteDoes(t *testing.T) {
	tally := map[string]int{}
	lived := livedIn(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := goesOn(t, rt, lived)
		defer m.store.Close()
		steps := rapid.SliceOfN(rapid.Uint64(), 5, 30).Draw(rt, "steps")
		for _, from := range steps {
			a, err := m.draw(t.Context(), rand.New(rand.NewPCG(from, 0)))
			if err != nil {
				rt.Fatal(err)
			}
			if a.req.Change == nil {
				if err := m.do(t.Context(), a); err != nil {
					rt.Fatal(err)
				}
				continue
			}
			m.still.Store(m.now().UnixNano())
			seen, seenErr, done, doneErr := m.both(t, rt, a)
			if what := apart(seen, seenErr, done, doneErr); what != "" {
				rt.Fatalf("%s: preview and execution differ: %s", a.name, what)
			}
			tally[result(a.name, done, doneErr)]++
			if doneErr == nil {
				m.note(a, done)
			}
		}
	})
	for _, want := range []string{"create done", "create refused", "patch active done", "deactivate done", "activate done"} {
		if tally[want] == 0 {
			t.Errorf("no step came to %q: %v", want, tally)
		}
	}
	t.Log(tally)
}

// goesOn is a mill on a copy of a file.
func goesOn(t *testing.T, rt *rapid.T, file []byte) *mill {
	folder, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		rt.Fatal(err)
	}
	path := filepath.Join(folder, "usher.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		rt.Fatal(err)
	}
	m, err := newMill(t.Context(), path)
	if err != nil {
		rt.Fatal(err)
	}
	return m
}

// livedIn is the file of a directory in which much has happened.
func livedIn(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usher.db")
	m, err := newMill(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed(t), 0))
	for range 300 {
		a, err := m.draw(t.Context(), r)
		if err == nil {
			err = m.do(t.Context(), a)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// both previews and executes one step at one moment. The preview must leave
// nothing behind.
func (m *mill) both(t *testing.T, rt *rapid.T, a act) (seen *directory.Plan, seenErr error, done *directory.Plan, doneErr error) {
	before := m.dump(t)
	seen, seenErr = m.svc.Preview(t.Context(), a.req)
	if after := m.dump(t); after != before {
		rt.Fatalf("%s: the preview changed the store: %s", a.name, difference(before, after))
	}
	done, doneErr = m.svc.Execute(t.Context(), a.req)
	if seen != nil && seen.Err() == nil && !seen.Unchanged() && m.dump(t) == before {
		rt.Fatalf("%s: the change left no trace, so its preview proves nothing", a.name)
	}
	return seen, seenErr, done, doneErr
}

// apart is how a preview differs from what was done; "" when they agree. Ids that
// are made anew each time do not count.
func apart(seen *directory.Plan, seenErr error, done *directory.Plan, doneErr error) string {
	return apartIn(seen, seenErr, done, doneErr, func(text string) string { return text })
}

// apartIn is apart where earlier plans have made ids anew, which known takes out of a text.
func apartIn(seen *directory.Plan, seenErr error, done *directory.Plan, doneErr error, known func(string) string) string {
	if seenErr == nil && seen != nil {
		seenErr = seen.Err()
	}
	if diff := cmp.Diff(known(unnumbered(seen, fmt.Sprint(seenErr))), known(unnumbered(done, fmt.Sprint(doneErr)))); diff != "" {
		return "error: " + diff
	}
	if seen == nil || done == nil {
		if (seen == nil) != (done == nil) {
			return fmt.Sprintf("plans: %v and %v", seen, done)
		}
		return ""
	}
	for name, pair := range map[string][2]any{
		"findings": {seen.Findings, done.Findings},
		"effects":  {seen.Effects, done.Effects},
		"blockers": {seen.Blockers(), done.Blockers()},
		"members":  {seen.Edges, done.Edges},
		"deferred": {seen.Deferred, done.Deferred},
		"nothing":  {seen.Unchanged(), done.Unchanged()},
		"writes":   {len(seen.Writes), len(done.Writes)},
		"after":    {bodyOf(seen), bodyOf(done)},
		"before":   {versionOf(seen), versionOf(done)},
		"actions":  {actions(seen), actions(done)},
		"instead":  {actions(seen.Instead), actions(done.Instead)},
	} {
		if diff := cmp.Diff(known(unnumbered(seen, asText(pair[0]))), known(unnumbered(done, asText(pair[1])))); diff != "" {
			return name + ": " + diff
		}
	}
	return ""
}

// unnumbered is a text without the ids that the plan made.
func unnumbered(p *directory.Plan, text string) string {
	if p == nil {
		return text
	}
	if p.Before == nil && p.After != nil {
		text = strings.ReplaceAll(text, p.After.ID, "NEW")
	}
	for _, e := range p.Effects {
		if e.Code == "account.closed" {
			text = strings.ReplaceAll(text, e.Value, "ACCOUNT")
		}
	}
	return text
}

func asText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func bodyOf(p *directory.Plan) string {
	if p.After == nil {
		return "none"
	}
	return fmt.Sprintf("%s version %d, %s, %s", p.After.AppendStored(nil), p.After.Version, p.After.Created.Format(time.RFC3339Nano), p.After.Modified.Format(time.RFC3339Nano))
}

func versionOf(p *directory.Plan) string {
	if p.Before == nil {
		return "none"
	}
	return fmt.Sprint(p.Before.ID, p.Before.Version)
}

func actions(p *directory.Plan) (all []string) {
	if p == nil {
		return nil
	}
	for _, e := range p.Events {
		all = append(all, fmt.Sprint(e.Action, e.Before, e.After, e.Changed, e.Refused, e.Joined, e.Left))
	}
	return all
}

// result names what became of a step.
func result(name string, p *directory.Plan, err error) string {
	switch {
	case err != nil:
		return name + " refused"
	case p.Unchanged():
		return name + " unchanged"
	}
	return name + " done"
}

// A preview of what would fail must leave nothing either, and a Reader that a
// preview hands to the rules cannot write: it is no Tx.
func TestPreviewCannotWrite(t *testing.T) {
	m := millFor(t, filepath.Join(t.TempDir(), "usher.db"))
	_, err := m.svc.Preview(t.Context(), directory.Request{Org: "a", Change: directory.Command{Action: "test", Plan: func(_ context.Context, r directory.Reader, _ *directory.Draft) ([]directory.Finding, error) {
		if _, ok := r.(directory.Tx); ok {
			t.Error("a preview could write")
		}
		return nil, nil
	}}})
	if err != nil {
		t.Error(err)
	}
}
