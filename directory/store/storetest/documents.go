package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

const note directory.Kind = "note"

// noted is a document of the organization at a version.
func noted(org directory.OrgID, id string, v scim.Version, keys ...string) directory.Document {
	return directory.Document{Org: org, Kind: note, ID: id, Version: v, Keys: keys, Data: fmt.Appendf(nil, `{"id":%q,"version":%d}`, id, v)}
}

func (e *env) put(d directory.Document) error {
	return e.Update(e.ctx, func(tx directory.Tx) error { return e.putIn(tx, d) })
}

// putIn writes a document in place of the one that is there, as it would be had it
// the version before.
func (e *env) putIn(tx directory.Tx, d directory.Document) error {
	before, err := tx.Document(e.ctx, d.Org, d.Kind, d.ID)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	before.Version = d.Version - 1
	return tx.PutDocument(e.ctx, d, before)
}

// dropIn removes the document that is there, as it would be at a version.
func (e *env) dropIn(tx directory.Tx, org directory.OrgID, id string, was scim.Version) error {
	before, err := tx.Document(e.ctx, org, note, id)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	before.Org, before.Kind, before.ID, before.Version = org, note, id, was
	return tx.DeleteDocument(e.ctx, before)
}

func (e *env) mustPut(all ...directory.Document) {
	e.Helper()
	for _, d := range all {
		if err := e.put(d); err != nil {
			e.Fatalf("put %s: %v", d.ID, err)
		}
	}
}

func (e *env) drop(org directory.OrgID, id string, was scim.Version) error {
	return e.Update(e.ctx, func(tx directory.Tx) error { return e.dropIn(tx, org, id, was) })
}

func (e *env) document(org directory.OrgID, kind directory.Kind, id string) (d directory.Document, err error) {
	err = e.View(e.ctx, func(r directory.Reader) error {
		d, err = r.Document(e.ctx, org, kind, id)
		return err
	})
	return d, err
}

// notes are the ids that a query finds; the kind is filled in where it is missing.
func (e *env) notes(q directory.DocumentQuery) []string {
	e.Helper()
	if q.Kind == "" {
		q.Kind = note
	}
	ids := []string{}
	err := e.View(e.ctx, func(r directory.Reader) error {
		for d, err := range r.Documents(e.ctx, q) {
			if err != nil {
				return err
			}
			if d.Org != q.Org || d.Kind != q.Kind || d.Version == 0 || len(d.Data) == 0 {
				e.Errorf("half a document: %+v", d)
			}
			ids = append(ids, d.ID)
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
	return ids
}

func (e *env) wantNotes(name string, q directory.DocumentQuery, want ...string) {
	e.Helper()
	e.it(name, func() {
		e.Helper()
		if diff := cmp.Diff(append([]string{}, want...), e.notes(q)); diff != "" {
			e.Error(diff)
		}
	})
}

func (e *env) tally(org directory.OrgID, name string) (n int64) {
	e.Helper()
	err := e.View(e.ctx, func(r directory.Reader) (err error) {
		n, err = r.Tally(e.ctx, org, name)
		return err
	})
	if err != nil {
		e.Fatal(err)
	}
	return n
}

func (e *env) count(org directory.OrgID, name string, by, most int64) error {
	return e.Update(e.ctx, func(tx directory.Tx) error { return tx.Count(e.ctx, org, name, by, most) })
}

func (e *env) wantTally(org directory.OrgID, name string, want int64) {
	e.Helper()
	if n := e.tally(org, name); n != want {
		e.Errorf("the total %s of %q is %d, want %d", name, org, n, want)
	}
}

func runDocuments(t *testing.T, open Opener) {
	t.Run("round trip", func(t *testing.T) {
		e := setup(t, open)
		_, err := e.document(OrgA, note, "n")
		wantErr(t, err, directory.ErrNotFound)
		want := noted(OrgA, "n", 1, "owner:u", "a:b:c")
		e.mustPut(want)
		got, err := e.document(OrgA, note, "n")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
		_, err = e.document(OrgA, "other", "n")
		wantErr(t, err, directory.ErrNotFound)
		_, err = e.document(OrgA, note, "N")
		wantErr(t, err, directory.ErrNotFound)
	})
	t.Run("K01 other organizations see nothing", func(t *testing.T) { runForeignDocuments(t, open) })
	t.Run("queries", func(t *testing.T) { runDocumentQueries(t, open) })
	t.Run("keys change with their document", func(t *testing.T) { runDocumentKeys(t, open) })
	t.Run("K64 compare and set", func(t *testing.T) { runDocumentVersions(t, open) })
	t.Run("a reader may read on while it walks", func(t *testing.T) {
		e := setup(t, open)
		e.mustPut(noted(OrgA, "1", 1, "k"), noted(OrgA, "2", 1, "k"))
		n := 0
		err := e.View(e.ctx, func(r directory.Reader) error {
			for range r.Documents(e.ctx, directory.DocumentQuery{Org: OrgA, Kind: note, Key: "k"}) {
				for range r.Documents(e.ctx, directory.DocumentQuery{Org: OrgA, Kind: note}) {
					n++
				}
			}
			return nil
		})
		if err != nil || n != 4 {
			t.Errorf("%d documents, %v", n, err)
		}
	})
	runTotals(t, open)
}

func runForeignDocuments(t *testing.T, open Opener) {
	e := setup(t, open)
	e.mustPut(noted(OrgA, "n", 1, "k"), noted("", "n", 1, "k"), noted("", "server", 1, "k"))
	_, err := e.document(OrgB, note, "n")
	wantErr(t, err, directory.ErrNotFound)
	_, err = e.document("nobody", note, "n")
	wantErr(t, err, directory.ErrNotFound)
	e.wantNotes("another organization", directory.DocumentQuery{Org: OrgB})
	e.wantNotes("another organization by key", directory.DocumentQuery{Org: OrgB, Key: "k"})
	e.wantNotes("another organization by range", directory.DocumentQuery{Org: OrgB, From: "a", Below: "z"})
	e.wantNotes("no organization", directory.DocumentQuery{Org: "nobody"})
	e.wantNotes("server-wide", directory.DocumentQuery{}, "n", "server")
	e.wantNotes("server-wide by key", directory.DocumentQuery{Key: "k"}, "n", "server")
	wantErr(t, e.drop(OrgB, "n", 1), directory.ErrVersion)
	wantErr(t, e.put(noted(OrgB, "n", 2)), directory.ErrVersion)
	if err := e.put(noted("nobody", "n", 1)); err == nil {
		t.Error("an organization that does not exist has a document")
	}
	e.mustPut(noted(OrgB, "n", 1, "k")) // the same id is another document
	if err := e.drop("", "n", 1); err != nil {
		t.Fatal(err)
	}
	e.wantNotes("kept", directory.DocumentQuery{Org: OrgA, Key: "k"}, "n")
	e.wantNotes("kept too", directory.DocumentQuery{Org: OrgB, Key: "k"}, "n")
	e.wantNotes("server-wide, later", directory.DocumentQuery{Key: "k"}, "server")
}

func runDocumentQueries(t *testing.T, open Opener) {
	e := setup(t, open)
	e.mustPut(noted(OrgA, "d", 1, "due:3", "even"), noted(OrgA, "a", 1, "due:1"), noted(OrgA, "c", 1, "due:2"), noted(OrgA, "b", 1, "due:2", "even"), noted(OrgA, "e", 1))
	other := noted(OrgA, "z", 1, "even")
	other.Kind = "other"
	e.mustPut(other)
	for _, c := range []struct {
		name string
		q    directory.DocumentQuery
		want []string
	}{
		{"all by id", directory.DocumentQuery{}, []string{"a", "b", "c", "d", "e"}},
		{"limit", directory.DocumentQuery{Limit: 2}, []string{"a", "b"}},
		{"after", directory.DocumentQuery{After: "b"}, []string{"c", "d", "e"}},
		{"after one that is not there", directory.DocumentQuery{After: "bb", Limit: 1}, []string{"c"}},
		{"after the last", directory.DocumentQuery{After: "e"}, nil},
		{"key", directory.DocumentQuery{Key: "even"}, []string{"b", "d"}},
		{"key, exactly", directory.DocumentQuery{Key: "eve"}, nil},
		{"key, after", directory.DocumentQuery{Key: "even", After: "b"}, []string{"d"}},
		{"key, limit", directory.DocumentQuery{Key: "even", Limit: 1}, []string{"b"}},
		{"range in the order of the key", directory.DocumentQuery{From: "due:", Below: "due;"}, []string{"a", "b", "c", "d"}},
		{"range without its end", directory.DocumentQuery{From: "due:1", Below: "due:3"}, []string{"a", "b", "c"}},
		{"range with its beginning", directory.DocumentQuery{From: "due:2", Below: "due:3"}, []string{"b", "c"}},
		{"range from nowhere", directory.DocumentQuery{Below: "due:2"}, []string{"a"}},
		{"range, limit", directory.DocumentQuery{From: "due:2", Below: "z", Limit: 2}, []string{"b", "c"}},
		{"empty range", directory.DocumentQuery{From: "due:3", Below: "due:3"}, nil},
		{"another kind", directory.DocumentQuery{Kind: "other", Key: "even"}, []string{"z"}},
		{"a kind that never was", directory.DocumentQuery{Kind: "never"}, nil},
	} {
		c.q.Org = OrgA
		e.wantNotes(c.name, c.q, c.want...)
	}
}

func runDocumentKeys(t *testing.T, open Opener) {
	e := setup(t, open)
	e.mustPut(noted(OrgA, "n", 1, "a", "b"), noted(OrgA, "n", 2, "b", "c"))
	e.wantNotes("a key that went", directory.DocumentQuery{Org: OrgA, Key: "a"})
	e.wantNotes("a key that stayed", directory.DocumentQuery{Org: OrgA, Key: "b"}, "n")
	e.wantNotes("a key that came", directory.DocumentQuery{Org: OrgA, Key: "c"}, "n")
	e.mustPut(noted(OrgA, "n", 3))
	e.wantNotes("no keys", directory.DocumentQuery{Org: OrgA, From: "a", Below: "z"})
	e.mustPut(noted(OrgA, "n", 4, "a"))
	if err := e.drop(OrgA, "n", 4); err != nil {
		t.Fatal(err)
	}
	e.wantNotes("a document that went", directory.DocumentQuery{Org: OrgA, Key: "a"})
	e.mustPut(noted(OrgA, "n", 1, "b")) // the id is free again
	e.wantNotes("a new one of that id", directory.DocumentQuery{Org: OrgA, Key: "b"}, "n")
	e.wantNotes("and none of the old one's keys", directory.DocumentQuery{Org: OrgA, Key: "a"})
	e.mustPut(noted(OrgA, "twice", 1, "t", "t"))
	e.wantNotes("a key given twice", directory.DocumentQuery{Org: OrgA, Key: "t"}, "twice")
}

func runDocumentVersions(t *testing.T, open Opener) {
	e := setup(t, open)
	wantErr(t, e.put(noted(OrgA, "n", 2, "k")), directory.ErrVersion) // it is not there yet
	wantErr(t, e.drop(OrgA, "n", 1), directory.ErrVersion)
	e.mustPut(noted(OrgA, "n", 1, "one"))
	wantErr(t, e.put(noted(OrgA, "n", 1, "again")), directory.ErrVersion)
	e.mustPut(noted(OrgA, "n", 2, "two"))
	wantErr(t, e.put(noted(OrgA, "n", 2, "stale")), directory.ErrVersion)
	wantErr(t, e.drop(OrgA, "n", 1), directory.ErrVersion)
	e.wantNotes("what failed left no key", directory.DocumentQuery{Org: OrgA, From: "a", Below: "z"}, "n")
	e.wantNotes("the last that was written", directory.DocumentQuery{Org: OrgA, Key: "two"}, "n")
	var won atomic.Int32
	Together(100, func(i int) {
		switch err := e.put(noted(OrgA, "n", 3, fmt.Sprint("by", i))); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, directory.ErrVersion):
			t.Error(err)
		}
	})
	if n := len(e.notes(directory.DocumentQuery{Org: OrgA, From: "by", Below: "bz"})); won.Load() != 1 || n != 1 {
		t.Errorf("%d writers at one version won, %d of their keys are there", won.Load(), n)
	}
	boom := errors.New("boom")
	err := e.Update(e.ctx, func(tx directory.Tx) error {
		if err := e.putIn(tx, noted(OrgA, "ghost", 1, "ghost")); err != nil {
			return err
		}
		if _, err := tx.Document(e.ctx, OrgA, note, "ghost"); err != nil {
			t.Errorf("own write not visible: %v", err)
		}
		if err := e.dropIn(tx, OrgA, "n", 3); err != nil {
			return err
		}
		if _, err := tx.Document(e.ctx, OrgA, note, "n"); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("own removal not visible: %v", err)
		}
		return boom
	})
	wantErr(t, err, boom)
	e.wantNotes("K55: nothing of a change that failed", directory.DocumentQuery{Org: OrgA}, "n")
}

func runTotals(t *testing.T, open Opener) {
	t.Run("totals", func(t *testing.T) {
		e := setup(t, open)
		e.wantTally(OrgA, "seats", 0)
		for _, c := range []struct {
			by, most int64
			fails    bool
			want     int64
		}{{2, -1, false, 2}, {1, 3, false, 3}, {1, 3, true, 3}, {2, 4, true, 3}, {1, 0, true, 3}, {-1, 0, false, 2}, {0, 0, false, 2}, {-5, -1, false, -3}, {5, 2, false, 2}} {
			e.it(fmt.Sprintf("%+d up to %d", c.by, c.most), func() {
				err := e.count(OrgA, "seats", c.by, c.most)
				if errors.Is(err, directory.ErrLimit) != c.fails || !c.fails && err != nil {
					e.Error(err)
				}
				e.wantTally(OrgA, "seats", c.want)
			})
		}
		e.wantTally(OrgB, "seats", 0)
		e.wantTally(OrgA, "Seats", 0)
		e.wantTally("", "seats", 0)
	})
	t.Run("totals in their own transaction", func(t *testing.T) {
		e := setup(t, open)
		boom := errors.New("boom")
		step := func(tx directory.Tx, by, most, want int64, fails bool) {
			t.Helper()
			if err := tx.Count(e.ctx, OrgA, "n", by, most); errors.Is(err, directory.ErrLimit) != fails {
				t.Errorf("%+d up to %d: %v", by, most, err)
			}
			if n, err := tx.Tally(e.ctx, OrgA, "n"); err != nil || n != want {
				t.Errorf("%d, %v, want %d", n, err, want)
			}
		}
		change := func(tx directory.Tx) {
			step(tx, 2, 3, 2, false)
			step(tx, 2, 3, 2, true)
			step(tx, -1, 3, 1, false)
			step(tx, 2, 3, 3, false)
		}
		wantErr(t, e.Update(e.ctx, func(tx directory.Tx) error { change(tx); return boom }), boom)
		e.wantTally(OrgA, "n", 0)
		if err := e.Update(e.ctx, func(tx directory.Tx) error { change(tx); return nil }); err != nil {
			t.Fatal(err)
		}
		e.wantTally(OrgA, "n", 3)
	})
	// Changes that fail after they counted share commits with others that do not.
	t.Run("R7 totals under many at once", func(t *testing.T) {
		e := setup(t, open)
		boom := errors.New("boom")
		const limit, tries = 50, 400
		var won, full atomic.Int64
		Together(tries, func(i int) {
			err := e.Update(e.ctx, func(tx directory.Tx) error {
				if err := tx.Count(e.ctx, OrgA, "seats", 1, limit); err != nil {
					return err
				}
				if i%3 == 0 {
					return boom
				}
				return e.putIn(tx, noted(OrgA, fmt.Sprint(i), 1, "holder"))
			})
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, directory.ErrLimit):
				full.Add(1)
			case !errors.Is(err, boom):
				t.Error(err)
			}
			if n := e.tally(OrgA, "seats"); n > limit {
				t.Errorf("the total is %d above %d", n, limit)
			}
		})
		if holders := len(e.notes(directory.DocumentQuery{Org: OrgA, Key: "holder"})); won.Load() != limit || holders != limit || full.Load() == 0 {
			t.Errorf("%d won, %d hold one, %d were refused", won.Load(), holders, full.Load())
		}
		e.wantTally(OrgA, "seats", limit)
		Together(limit, func(int) {
			if err := e.count(OrgA, "seats", -1, -1); err != nil {
				t.Error(err)
			}
		})
		e.wantTally(OrgA, "seats", 0)
	})
}
