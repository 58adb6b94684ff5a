package listing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// R2, R16: what the index holds follows the configuration, also of what was written
// before it changed.
func TestReindexing(t *testing.T) {
	storetest.RunReindexing(t, reopener)
}

// R17: filters and orders mean the same for values of every type.
func TestValues(t *testing.T) { storetest.RunValues(t, reopener) }

// reopener opens the same database again and again, after a look for damage.
func reopener(t *testing.T) storetest.Reopener {
	uri := mongotest.URI(t)
	var open *mongo.Store
	end := func() {
		if open == nil {
			return
		}
		if err := open.Check(context.Background()); err != nil {
			t.Error(err)
		}
		if err := open.Close(); err != nil {
			t.Error(err)
		}
		open = nil
	}
	t.Cleanup(end)
	return func(types *schemas.Registry) (storetest.Closer, error) {
		end()
		s, err := dialtest.Migrated(t, uri, types)
		if err != nil {
			return nil, err
		}
		open = s
		return s, nil
	}
}

// R2, R16: while servers of the configuration before still run, what they write is
// found by those of the next, and the other way round.
func TestConfigurationsSideBySide(t *testing.T) {
	storetest.RunRolling(t, func(t *testing.T) storetest.Reopener {
		uri := mongotest.URI(t)
		return func(types *schemas.Registry) (storetest.Closer, error) {
			s, err := dialtest.Migrated(t, uri, types)
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() {
				if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
					t.Error(err)
				}
			})
			return s, nil
		}
	})
}

// owns wants that each of the people is found by the badge, and nobody by another.
func owns(t *testing.T, s *mongo.Store, people int) {
	t.Helper()
	err := s.View(t.Context(), func(r directory.Reader) error {
		rt, err := r.Type("User")
		if err != nil {
			return err
		}
		a, _ := rt.Resolve("urn:badge:badge")
		for i := range people + 1 {
			id, err := r.Owner(t.Context(), directory.UniqueKey{Org: dialtest.Org, Type: rt, Attr: a, Key: fmt.Sprintf("badge-%d", i)})
			if want := fmt.Sprintf("00000000-0000-7000-8000-%012x", i); i < people && (err != nil || id != want) || i == people && !errors.Is(err, directory.ErrNotFound) {
				return fmt.Errorf("badge %d belongs to %q: %w", i, id, err)
			}
		}
		f, _, err := filter.Compile(`urn:badge:badge sw "BADGE"`, rt, scim.Tolerant)
		if err != nil {
			return err
		}
		p, err := r.Find(t.Context(), directory.Query{Org: dialtest.Org, Type: rt, Filter: f})
		if p.Total != people {
			t.Errorf("%d are found by their badge, want %d", p.Total, people)
		}
		return err
	})
	if err := errors.Join(err, s.Check(t.Context())); err != nil {
		t.Error(err)
	}
}

// R2, R4, R16: a migration beside servers that write misses nobody.
func TestReindexingBesideWriters(t *testing.T) {
	uri := mongotest.URI(t)
	plain := storetest.Badges(t, storetest.Plain)
	rt, _ := plain.Type("User")
	old := dialtest.Open(t, uri, mongo.Options{Registry: plain})
	if err := old.AddOrganization(t.Context(), directory.Organization{ID: dialtest.Org}); err != nil {
		t.Fatal(err)
	}
	const before, writers = 600, 4 // more than one step
	dialtest.Badges(t, old, rt, 0, before)
	var next atomic.Int64
	next.Store(before)
	done := make(chan struct{})
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				dialtest.Badges(t, old, rt, i, i+1)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	types := storetest.Badges(t, storetest.Unique)
	s, err := dialtest.Migrated(t, uri, types)
	close(done)
	all.Wait()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	owns(t, s, int(next.Load()))
}

// R16: a migration that was stopped on its way is refused by servers of either
// configuration, and may be repeated or taken back.
func TestReindexingStopped(t *testing.T) {
	const people = 1100 // three steps
	for name, back := range map[string]bool{"repeated": false, "taken back": true} {
		t.Run(name, func(t *testing.T) {
			uri := mongotest.URI(t)
			plain, unique := storetest.Badges(t, storetest.Plain), storetest.Badges(t, storetest.Unique)
			rt, _ := plain.Type("User")
			s := dialtest.Open(t, uri, mongo.Options{Registry: plain})
			if err := s.AddOrganization(t.Context(), directory.Organization{ID: dialtest.Org}); err != nil {
				t.Fatal(err)
			}
			dialtest.Badges(t, s, rt, 0, people)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var steps atomic.Int64
			stopping := &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
				if on, _ := e.Command.Lookup(e.CommandName).StringValueOK(); e.CommandName == "update" && on == "resource" && steps.Add(1) == 2 {
					cancel()
				}
			}}
			if _, err := mongo.Open(ctx, uri, mongo.Options{Registry: unique, Migrate: true, Monitor: stopping}); err == nil {
				t.Fatal("the migration was not stopped")
			}
			for _, types := range []*schemas.Registry{plain, unique} {
				if other, err := mongo.Open(t.Context(), uri, mongo.Options{Registry: types}); err == nil {
					other.Close()
					t.Error("a server starts on what is half done")
				} else if !strings.Contains(err.Error(), "usher migrate") || !strings.Contains(err.Error(), "urn:badge:badge of User") {
					t.Error(err)
				}
			}
			if back {
				other, err := dialtest.Migrated(t, uri, plain)
				if err != nil {
					t.Fatal(err)
				}
				other.Close()
				dialtest.Badges(t, s, rt, people, people+1)
			}
			s, err := dialtest.Migrated(t, uri, unique)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if back {
				owns(t, s, people+1)
			} else {
				owns(t, s, people)
			}
		})
	}
}

// R4, R16: migrations at the same time, also to different configurations, leave nothing
// half done: what the last of them says holds.
func TestReindexingAtOnce(t *testing.T) {
	uri := mongotest.URI(t)
	plain, unique := storetest.Badges(t, storetest.Plain), storetest.Badges(t, storetest.Unique)
	rt, _ := plain.Type("User")
	s := dialtest.Open(t, uri, mongo.Options{Registry: plain})
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: dialtest.Org}); err != nil {
		t.Fatal(err)
	}
	const people = 600
	dialtest.Badges(t, s, rt, 0, people)
	var all sync.WaitGroup
	for i := range 6 {
		types := []*schemas.Registry{plain, unique}[i%2]
		all.Go(func() {
			one, err := mongo.Open(t.Context(), uri, mongo.Options{Registry: types, Migrate: true})
			switch {
			case err == nil:
				err = one.Close()
			case strings.Contains(err.Error(), "another configuration"): // was faster
				err = nil
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s, err := dialtest.Migrated(t, uri, unique)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	owns(t, s, people)
}

// R16: a database of the layout before, which did not say what is kept, is gone
// through once; what was kept too much goes.
func TestListingsOfTheLayoutBefore(t *testing.T) {
	uri := mongotest.URI(t)
	types := storetest.Badges(t, storetest.Unique)
	rt, _ := types.Type("User")
	s := dialtest.Open(t, uri, mongo.Options{Registry: types})
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: dialtest.Org}); err != nil {
		t.Fatal(err)
	}
	dialtest.Badges(t, s, rt, 0, 5)
	db := dialtest.Database(t, uri)
	change := func(collection string, filter, update bson.D) {
		t.Helper()
		if result, err := db.Collection(collection).UpdateMany(t.Context(), filter, update); err != nil || result.ModifiedCount == 0 {
			t.Fatalf("%s: %v", collection, err)
		}
	}
	change("guard", bson.D{{Key: "x", Value: bson.D{{Key: "$exists", Value: true}}}}, bson.D{{Key: "$unset", Value: bson.D{{Key: "x", Value: ""}}}})
	change("state", bson.D{{Key: "_id", Value: "layout"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: 1}}}})
	change("resource", bson.D{{Key: "i", Value: "00000000-0000-7000-8000-000000000001"}}, bson.D{{Key: "$unset", Value: bson.D{{Key: "u", Value: ""}, {Key: "t", Value: ""}}}})
	change("claim", bson.D{{Key: "_id", Value: "a/User/urn:badge:badge\x00badge-2"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "i", Value: "00000000-0000-7000-8000-000000000003"}}}})
	if _, err := db.Collection("claim").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "a/User/urn:badge:badge\x00badge-5"}, {Key: "o", Value: "a"}, {Key: "i", Value: "00000000-0000-7000-8000-000000000001"}}); err != nil {
		t.Fatal(err)
	}
	dialtest.Refused(t, uri, "layout 1", "usher migrate")
	s, err := dialtest.Migrated(t, uri, types)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	owns(t, s, 5)
}
