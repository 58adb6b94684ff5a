// Package storetest is the conformance suite of directory.Store (R1): every
// store runs it unchanged.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/outbox"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// Store is what a store under test offers.
type Store interface {
	directory.Store
	directory.Registry
	directory.Settings
	directory.Trail
	outbox.Queue
}

// Opener opens an empty store that is closed when the test ends.
type Opener func(t *testing.T) Store

// The organizations that every test has.
const (
	OrgA directory.OrgID = "a"
	OrgB directory.OrgID = "b"
)

// Run runs the whole suite.
func Run(t *testing.T, open Opener) {
	t.Run("Records", func(t *testing.T) { runRecords(t, open) })
	t.Run("Edges", func(t *testing.T) { runEdges(t, open) })
	t.Run("Find", func(t *testing.T) { runFind(t, open) })
	t.Run("Operators", func(t *testing.T) { runOperators(t, open) })
	t.Run("Documents", func(t *testing.T) { runDocuments(t, open) })
	t.Run("Handover", func(t *testing.T) { runHandover(t, open) })
	t.Run("Trail", func(t *testing.T) { runTrail(t, open) })
	t.Run("OwnTrail", func(t *testing.T) { runOwnTrail(t, open) })
	t.Run("Contents", func(t *testing.T) { runContents(t, open) })
	t.Run("Registry", func(t *testing.T) { runRegistry(t, open) })
	t.Run("Concurrency", func(t *testing.T) { runConcurrency(t, open) })
	t.Run("Histories", func(t *testing.T) { runHistories(t, open) })
	t.Run("Differential", func(t *testing.T) { runDifferential(t, open) })
}

// RunWithoutEvents runs what the suite asks of records, memberships, documents and totals,
// for a store that keeps nothing else.
func RunWithoutEvents(t *testing.T, open Opener) {
	t.Run("Records", func(t *testing.T) { runRecords(t, open) })
	t.Run("Edges", func(t *testing.T) { runEdges(t, open) })
	t.Run("Find", func(t *testing.T) { runFind(t, open) })
	t.Run("Operators", func(t *testing.T) { runOperators(t, open) })
	t.Run("DocumentQueries", func(t *testing.T) { runDocumentQueries(t, open) })
	t.Run("DocumentKeys", func(t *testing.T) { runDocumentKeys(t, open) })
	t.Run("DocumentVersions", func(t *testing.T) { runDocumentVersions(t, open) })
	t.Run("Totals", func(t *testing.T) { runTotals(t, open) })
	t.Run("Differential", func(t *testing.T) { runDifferential(t, open) })
}

// env is a store with two organizations and short ways to use it.
type env struct {
	*testing.T
	Store
	ctx  context.Context
	next int
	seed uint64 // of a history
}

func setup(t *testing.T, open Opener) *env {
	t.Helper()
	e := &env{T: t, Store: open(t), ctx: t.Context()}
	for _, org := range []directory.OrgID{OrgA, OrgB} {
		if err := e.AddOrganization(e.ctx, directory.Organization{ID: org, Name: string(org), Created: time.Unix(1, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// it runs one named case of those that share a store.
func (e *env) it(name string, fn func()) {
	e.Helper()
	all := e.T
	defer func() { e.T = all }()
	all.Run(name, func(t *testing.T) {
		e.T = t
		fn()
	})
}

// long is set where the tests of reliability may take as long as it takes.
var long = os.Getenv("USHER_TEST_LONG") != ""

func typeOf(name string) *scim.ResourceType {
	rt, ok := schemas.Default.Type(name)
	if !ok {
		panic("storetest: no type " + name)
	}
	return rt
}

var user, group = typeOf("User"), typeOf("Group")

// decode makes a record of a JSON body.
func (e *env) decode(rt *scim.ResourceType, body string) *scim.Resource {
	e.Helper()
	r, _, err := scim.Decode(rt, []byte(body), scim.Tolerant)
	if err != nil {
		e.Fatalf("decode %s: %v", body, err)
	}
	return r
}

var began = time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)

// create stores a new resource of a JSON body and returns it.
func (e *env) create(org directory.OrgID, rt *scim.ResourceType, body string) *scim.Resource {
	e.Helper()
	r, err := e.tryCreate(org, rt, body)
	if err != nil {
		e.Fatalf("create %s: %v", body, err)
	}
	return r
}

func (e *env) tryCreate(org directory.OrgID, rt *scim.ResourceType, body string) (*scim.Resource, error) {
	e.Helper()
	r := e.decode(rt, body)
	e.next++
	r.ID = fmt.Sprintf("00000000-0000-7000-8000-%012x", e.next)
	r.Version, r.Created, r.Modified = 1, began, began
	return r, e.Update(e.ctx, func(tx directory.Tx) error { return tx.Put(e.ctx, org, nil, r) })
}

// change stores the next version of a resource.
func (e *env) change(org directory.OrgID, before *scim.Resource, body string) (*scim.Resource, error) {
	e.Helper()
	after := e.decode(before.Type, body)
	after.ID, after.Created, after.Version, after.Modified = before.ID, before.Created, before.Version+1, began.Add(time.Hour)
	return after, e.Update(e.ctx, func(tx directory.Tx) error { return tx.Put(e.ctx, org, before, after) })
}

func (e *env) get(org directory.OrgID, rt *scim.ResourceType, id string) (r *scim.Resource, err error) {
	err = e.View(e.ctx, func(rd directory.Reader) error {
		r, err = rd.Get(e.ctx, directory.Ref{Org: org, Type: rt, ID: id})
		return err
	})
	return r, err
}

// find answers a query given as text.
func (e *env) find(q directory.Query, src string) directory.Page {
	e.Helper()
	if q.Org == "" {
		q.Org = OrgA
	}
	if q.Type == nil {
		q.Type = user
	}
	if src != "" {
		f, _, err := filter.Compile(src, q.Type, scim.Tolerant)
		if err != nil {
			e.Fatalf("filter %s: %v", src, err)
		}
		q.Filter = f
	}
	var p directory.Page
	err := e.View(e.ctx, func(rd directory.Reader) (err error) {
		p, err = rd.Find(e.ctx, q)
		return err
	})
	if err != nil {
		e.Fatalf("find %s: %v", src, err)
	}
	return p
}

// names lists the userNames (or displayNames) of a page.
func names(p directory.Page) []string {
	list := []string{}
	for _, r := range p.Resources {
		name := r.Text(schemas.User.UserName)
		if r.Type == group {
			name = r.Text(schemas.Group.DisplayName)
		}
		list = append(list, name)
	}
	return list
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
}

func isUnique(err error) bool {
	var unique *directory.UniqueError
	return errors.As(err, &unique)
}

func person(name string) string { return fmt.Sprintf(`{"userName":%q}`, name) }
