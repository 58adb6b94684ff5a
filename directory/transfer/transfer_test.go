package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/outbox"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/directory/transfer"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

const org directory.OrgID = "acme"

func TestMain(m *testing.M) { os.Exit(mongotest.Run(m)) }

// store is one that is copied from and to.
type store interface {
	transfer.Store
	outbox.Queue
	Check(context.Context) error
}

func open(t *testing.T) store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "usher.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openMongo(t *testing.T) store {
	t.Helper()
	s, err := mongo.Open(t.Context(), mongotest.URI(t), mongo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// targets are what is copied to: another file, or the database that an
// installation moves up to.
var targets = map[string]func(*testing.T) store{"sqlite": open, "mongodb": openMongo}

// source is a store with a service over it.
type source struct {
	*testing.T
	store
	service *directory.Service
}

func (s source) do(c directory.Change) *directory.Plan {
	s.Helper()
	p, err := s.service.Execute(s.Context(), directory.Request{Org: org, Actor: directory.Actor{Kind: directory.Operator, Rank: directory.OwnerRank}, Change: c})
	if err != nil {
		s.Fatal(err)
	}
	return p
}

func rtOf(name string) *scim.ResourceType {
	rt, _ := schemas.Default.Type(name)
	return rt
}

func (s source) create(kind, body string) string {
	s.Helper()
	r, _, err := scim.Decode(rtOf(kind), []byte(body), scim.Tolerant)
	if err != nil {
		s.Fatal(err)
	}
	return s.do(directory.Create{Resource: r}).After.ID
}

func (s source) patch(kind, id, operations string) {
	s.Helper()
	p, _, err := patch.Decode(rtOf(kind), []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operations+`]}`), scim.Tolerant)
	if err != nil {
		s.Fatal(err)
	}
	s.do(directory.Patch{Type: rtOf(kind), ID: id, Patch: p})
}

func newSource(t *testing.T) source {
	t.Helper()
	s := source{t, open(t), nil}
	s.service = directory.New(s.store, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves})
	ctx := t.Context()
	for _, err := range []error{
		s.AddOrganization(ctx, directory.Organization{ID: org, Name: "Acme", Created: time.Now()}),
		s.AddOrganization(ctx, directory.Organization{ID: "other", Name: "Other", Created: time.Now()}),
		s.PutConnection(ctx, directory.Connection{ID: "okta", Org: org, Scopes: []string{"*"}}),
		s.PutToken(ctx, directory.Token{ID: "t1", Org: org, Connection: "okta", Hash: []byte("hash"), Created: time.Now()}),
		s.PutSetting(ctx, "cursor-key", []byte("key")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// people makes users and returns their ids.
func (s source) people(n int) (ids []string) {
	s.Helper()
	for i := range n {
		ids = append(ids, s.create("User", fmt.Sprintf(`{"userName":"p%d@acme.example","emails":[{"value":"p%d@acme.example"}]}`, i, i)))
	}
	return ids
}

func members(ids []string) string {
	var all []string
	for _, id := range ids {
		all = append(all, `{"value":"`+id+`"}`)
	}
	return strings.Join(all, ",")
}

var types = transfer.Options{Types: schemas.Default.Types}

func (s source) copyTo(to transfer.Store) transfer.Report {
	s.Helper()
	r, err := transfer.Copy(s.Context(), s, to, types)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// A copy holds everything, and a second one carries over only what has changed
// meanwhile: names that were exchanged, people who are gone, members, documents.
func TestCopyAgainCarriesOverWhatChanged(t *testing.T) {
	t.Parallel()
	for name, open := range targets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copyAgain(t, open(t))
		})
	}
}

func copyAgain(t *testing.T, to store) {
	s := newSource(t)
	ids := s.people(600)
	team := s.create("Group", `{"displayName":"Team","members":[`+members(ids[:400])+`]}`)
	s.create("Group", `{"displayName":"All","members":[{"value":"`+team+`"}]}`)
	s.patch("User", ids[1], `{"op":"replace","path":"active","value":false}`)
	for range 300 {
		s.do(directory.Command{Action: "record.create", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			return nil, directory.Save(d, d.Org, &estate.Record{Head: directory.Head{ID: d.NewID("record")}, Owner: ids[0], Open: true})
		}})
	}
	first := s.copyTo(to)
	if first.Resources != 602 || first.Members != 401 || first.Documents != 300 || first.Events != 903 {
		t.Errorf("the first copy carried over %+v", first)
	}
	if again := s.copyTo(to); again.Resources+again.Members+again.Documents+again.Events != 0 || again.Digest != first.Digest {
		t.Errorf("a copy of the same carried over %+v after %+v", again, first)
	}

	s.patch("User", ids[2], `{"op":"replace","path":"userName","value":"tmp@acme.example"}`)
	s.patch("User", ids[3], `{"op":"replace","path":"userName","value":"p2@acme.example"}`)
	s.patch("User", ids[2], `{"op":"replace","path":"userName","value":"p3@acme.example"}`)
	s.do(directory.Delete{Type: rtOf("User"), ID: ids[4]})
	s.patch("Group", team, `{"op":"remove","path":"members[value eq \"`+ids[5]+`\"]"},{"op":"add","path":"members","value":[`+members(ids[500:501])+`]}`)
	second := s.copyTo(to)
	if second.Events != 5 || second.Resources > 10 || second.Digest == first.Digest {
		t.Errorf("the second copy carried over %+v", second)
	}
	got := directory.New(to, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves})
	err := got.Read(t.Context(), func(r directory.Reader) error {
		u, err := r.Get(t.Context(), directory.Ref{Org: org, Type: rtOf("User"), ID: ids[3]})
		if err != nil || u.Text(schemas.User.UserName) != "p2@acme.example" {
			t.Errorf("p3 is %v, %v", u, err)
		}
		if _, err := r.Get(t.Context(), directory.Ref{Org: org, Type: rtOf("User"), ID: ids[4]}); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("who was removed: %v", err)
		}
		seats, err := estate.SeatsOf(t.Context(), r, org, estate.CoreSKU, time.Now())
		if seats.Used != 598 {
			t.Errorf("%d seats are used, want 598", seats.Used)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if back, err := transfer.Copy(t.Context(), to, open(t), types); err != nil || back.Digest != second.Digest {
		t.Errorf("back again: %+v, %v, want %s", back, err, second.Digest)
	}
	if token, err := to.Token(t.Context(), "t1"); err != nil || string(token.Hash) != "hash" {
		t.Errorf("the token: %v, %v", token, err)
	}
}

// What broke off at any moment is finished by the next copy, and no event is there
// twice; what was delivered is not delivered again.
func TestCopyGoesOnWhereItBrokeOff(t *testing.T) {
	t.Parallel()
	for name, open := range targets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copyGoesOn(t, open(t))
		})
	}
}

func copyGoesOn(t *testing.T, to store) {
	s := newSource(t)
	ids := s.people(900)
	s.create("Group", `{"displayName":"Team","members":[`+members(ids)+`]}`)
	batch, err := s.Lease(t.Context(), 700, time.Minute)
	if err != nil || len(batch) != 700 {
		t.Fatalf("%d leased, %v", len(batch), err)
	}
	for _, e := range batch {
		if err := s.Ack(t.Context(), e.Key); err != nil {
			t.Fatal(err)
		}
	}
	for stop := 1; ; stop += 2 {
		ctx, cancel := context.WithCancel(t.Context())
		steps := 0
		o := types
		o.Progress = func(directory.OrgID, int, int) {
			if steps++; steps == stop {
				cancel()
			}
		}
		_, err := transfer.Copy(ctx, s, to, o)
		cancel()
		if err == nil {
			break
		}
		if stop > 100 {
			t.Fatal(err)
		}
	}
	if _, n, err := to.Lag(t.Context()); err != nil || n != 201 {
		t.Errorf("%d events wait in the target, %v, want the 201 that waited", n, err)
	}
	if err := to.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// One organization is copied without the others; one that does not exist is told.
func TestCopyOneOrganization(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.people(3)
	to := open(t)
	o := types
	o.Orgs = []directory.OrgID{org}
	if _, err := transfer.Copy(t.Context(), s, to, o); err != nil {
		t.Fatal(err)
	}
	if all, err := to.Organizations(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	o.Orgs = []directory.OrgID{"nobody"}
	if _, err := transfer.Copy(t.Context(), s, to, o); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("an organization that is not there: %v", err)
	}
}

// A target that somebody writes to meanwhile is found out.
func TestCopyComparesBothSides(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.people(3)
	to := open(t)
	o, wrote := types, false
	o.Progress = func(of directory.OrgID, _, _ int) {
		if of != org || wrote {
			return
		}
		wrote = true
		err := to.Update(t.Context(), func(tx directory.Tx) error {
			return tx.Emit(t.Context(), directory.Event{ID: "stray", Org: org, Time: time.Now()})
		})
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := transfer.Copy(t.Context(), s, to, o); err == nil || !strings.Contains(err.Error(), "differs in source and target") {
		t.Errorf("a stray event: %v", err)
	}
}

// K01: a copy takes nothing from another organization of the target: a connection, a
// token or a domain of the same name is told, and nothing is written.
func TestK01CopyTakesNothingFromOthers(t *testing.T) {
	t.Parallel()
	for name, open := range targets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.people(1)
			s.claim(s.store, "acme.example", org)
			to := open(t)
			ctx := t.Context()
			for _, err := range []error{
				to.AddOrganization(ctx, directory.Organization{ID: "gamma"}),
				to.PutConnection(ctx, directory.Connection{ID: "okta", Org: "gamma", Scopes: []string{"users:read"}}),
				to.PutToken(ctx, directory.Token{ID: "t1", Org: "gamma", Connection: "okta", Hash: []byte("gamma's")}),
				to.PutSetting(ctx, "cursor-key", []byte("gamma's")),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			s.claim(to, "acme.example", "gamma")
			o := types
			o.Orgs = []directory.OrgID{org}
			_, err := transfer.Copy(ctx, s, to, o)
			for _, want := range []string{"connection okta of gamma", "token t1 of gamma", "domain acme.example of gamma", "nothing was copied"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the copy does not speak of the %s: %v", want, err)
				}
			}
			if all, err := to.Organizations(ctx); err != nil || len(all) != 1 {
				t.Errorf("the target has %v, %v", all, err)
			}
			if got, err := to.Token(ctx, "t1"); err != nil || got.Org != "gamma" || string(got.Hash) != "gamma's" {
				t.Errorf("the token of gamma is %+v, %v", got, err)
			}
		})
	}
}

// claim has a domain proved for an organization.
func (s source) claim(of store, domain string, by directory.OrgID) {
	s.Helper()
	err := of.Update(s.Context(), func(tx directory.Tx) error {
		d := directory.Document{Kind: "domain", ID: domain, Version: 1, Keys: []string{"org:" + string(by)}, Data: []byte(`{"id":"` + domain + `","organization":"` + string(by) + `"}`)}
		return tx.PutDocument(s.Context(), d, directory.Document{})
	})
	if err != nil {
		s.Fatal(err)
	}
}

// K01: what an installation has as its own, such as the key that signs cursors, stays
// its own when an organization comes to it, and only that organization's part of what
// is kept for the whole server comes along.
func TestK01CopyLeavesTheInstallationItsSecrets(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.people(1)
	s.claim(s.store, "acme.example", org)
	s.claim(s.store, "other.example", "other")
	to, ctx := open(t), t.Context()
	if err := to.PutSetting(ctx, "cursor-key", []byte("own")); err != nil {
		t.Fatal(err)
	}
	o := types
	o.Orgs = []directory.OrgID{org}
	if _, err := transfer.Copy(ctx, s, to, o); err != nil {
		t.Fatal(err)
	}
	if key, err := to.Setting(ctx, "cursor-key"); err != nil || string(key) != "own" {
		t.Errorf("the key is %s, %v", key, err)
	}
	err := to.View(ctx, func(r directory.Reader) error {
		if _, err := r.Document(ctx, "", "domain", "other.example"); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("the domain of an organization that was not copied: %v", err)
		}
		_, err := r.Document(ctx, "", "domain", "acme.example")
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A target in which somebody has worked on the organization is refused before
// anything of that is undone.
func TestCopyDoesNotUndoWork(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.people(3)
	to := open(t)
	s.copyTo(to)
	moved := source{t, to, directory.New(to, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves})}
	eve := moved.create("User", `{"userName":"eve@acme.example"}`)
	if _, err := transfer.Copy(t.Context(), s, to, types); err == nil || !strings.Contains(err.Error(), "somebody has worked on the organization acme") {
		t.Errorf("a copy over newer work: %v", err)
	}
	err := to.View(t.Context(), func(r directory.Reader) error {
		_, err := r.Get(t.Context(), directory.Ref{Org: org, Type: rtOf("User"), ID: eve})
		return err
	})
	if err != nil {
		t.Errorf("who was added to the target: %v", err)
	}
}

// counting counts how often a trail is asked.
type counting struct {
	store
	asked *int
}

// Event counts.
func (c counting) Event(ctx context.Context, org directory.OrgID, id string) (directory.Event, error) {
	*c.asked++
	return c.store.Event(ctx, org, id)
}

// Trail counts.
func (c counting) Trail(ctx context.Context, q directory.TrailQuery) ([]directory.Entry, error) {
	*c.asked++
	return c.store.Trail(ctx, q)
}

// That nobody has worked on the target is found by reading both logs once: to look for
// each event of one in the other took hours, with the server stopped.
func TestCopyAgainReadsTheAuditOnce(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.people(300)
	to := open(t)
	s.copyTo(to)
	s.create("User", `{"userName":"last@acme.example"}`)
	asked := 0
	s.store = counting{s.store, &asked}
	if r := s.copyTo(counting{to, &asked}); r.Resources != 1 {
		t.Errorf("%d resources were copied", r.Resources)
	}
	if asked > 60 {
		t.Errorf("the audit of 301 changes was asked for %d times", asked)
	}
}

// What is done of an organization rises to the total that was counted, and no higher.
func TestCopyKnowsHowMuchThereIs(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	ids := s.people(600)
	s.create("Group", `{"displayName":"Team","members":[`+members(ids)+`]}`)
	last, of := 0, 0
	o := types
	o.Progress = func(id directory.OrgID, done, total int) {
		if id != org {
			return
		}
		if of == 0 {
			of = total
		}
		if done < last || done > total || total != of {
			t.Errorf("%d of %d are done, after %d of %d", done, total, last, of)
		}
		last = done
	}
	if _, err := transfer.Copy(t.Context(), s, open(t), o); err != nil {
		t.Fatal(err)
	}
	if last != of || of < 1200 {
		t.Errorf("in the end %d of %d are done", last, of)
	}
}
