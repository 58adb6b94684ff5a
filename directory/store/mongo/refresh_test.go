package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// found are the ids that a filter finds.
func found(t *testing.T, s *mongo.Store, src string) (ids []string) {
	t.Helper()
	err := s.View(t.Context(), func(r directory.Reader) (err error) {
		ids, err = foundBy(t, r, src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func foundBy(t *testing.T, r directory.Reader, src string) (ids []string, err error) {
	t.Helper()
	rt, err := r.Type("User")
	if err != nil {
		return nil, err
	}
	q := directory.Query{Org: dialtest.Org, Type: rt, Start: 1, Count: 10_000}
	if src != "" {
		if q.Filter, _, err = filter.Compile(src, rt, scim.Tolerant); err != nil {
			return nil, err
		}
	}
	p, err := r.Find(t.Context(), q)
	for _, res := range p.Resources {
		ids = append(ids, res.ID)
	}
	return ids, err
}

// before writes a person as programs of the version before do, which keep no values to
// compare.
func before(t *testing.T, uri string, n int, body string) {
	t.Helper()
	db := dialtest.Database(t, uri)
	for _, c := range []struct {
		collection    string
		which, update bson.D
	}{
		{"resource", bson.D{{Key: "i", Value: fmt.Sprintf("00000000-0000-7000-8000-%012x", n)}}, bson.D{{Key: "$set", Value: bson.D{{Key: "b", Value: []byte(body)}}}, {Key: "$inc", Value: bson.D{{Key: "v", Value: 1}}}, {Key: "$unset", Value: bson.D{{Key: "a", Value: ""}, {Key: "e", Value: ""}, {Key: "q", Value: ""}}}}},
		{"guard", bson.D{{Key: "_id", Value: "a/03"}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}},
	} {
		if result, err := db.Collection(c.collection).UpdateOne(t.Context(), c.which, c.update); err != nil || result.ModifiedCount != 1 {
			t.Fatalf("%s: %v", c.collection, err)
		}
	}
}

func titled(title string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user00003@corp.io","title":%q}`, title)
}

// R16: what servers of the version before write is found at once, by reading what there
// is; after a refresh the server of MongoDB finds it again, unless such a server wrote
// meanwhile. A migration refreshes, too.
func TestRefreshAfterServersOfTheVersionBefore(t *testing.T) {
	uri, heard := mongotest.URI(t), &dialtest.Watcher{}
	s := dialtest.Open(t, uri, mongo.Options{Monitor: heard.Monitor()})
	dialtest.People(t, s, 1200)
	third := []string{"00000000-0000-7000-8000-000000000003"}
	judged := func(src string) bool { // here, and not by the server
		heard.Take()
		found(t, s, src)
		finds := dialtest.Named(heard.Take(), "find", "resource")
		_, limited := finds[0].Lookup("limit").AsInt64OK()
		return !limited
	}
	if judged(`title pr`) {
		t.Error("the server does not compare from the beginning")
	}
	before(t, uri, 3, titled("Head"))
	if ids := found(t, s, `title eq "head"`); !slices.Equal(ids, third) || !judged(`title pr`) {
		t.Errorf("after a change by the version before: %v", ids)
	}
	refresh := func(between func()) {
		t.Helper()
		for more := true; more; {
			var err error
			if more, err = s.Refresh(t.Context(), dialtest.Org); err != nil {
				t.Fatal(err)
			}
			if more {
				between()
			}
		}
	}
	before(t, uri, 1000, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user01000@corp.io"}`)
	for i := 400; i < 900; i++ { // more than a step
		before(t, uri, i, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%05d@corp.io"}`, i))
	}
	refresh(func() { before(t, uri, 3, titled("Chief")) })
	if ids := found(t, s, `title eq "chief"`); !slices.Equal(ids, third) || !judged(`title pr`) {
		t.Errorf("after a change by the version before while records were refreshed: %v", ids)
	}
	refresh(func() {})
	if ids := found(t, s, `title eq "chief" and not (emails[type eq "home"])`); !slices.Equal(ids, third) || judged(`title pr`) {
		t.Errorf("after the refresh: %v", ids)
	}
	before(t, uri, 3, titled("Last"))
	if _, err := dialtest.Migrated(t, uri, schemas.Default); err != nil {
		t.Fatal(err)
	}
	if ids := found(t, s, `title eq "last"`); !slices.Equal(ids, third) || judged(`title pr`) {
		t.Errorf("after a migration: %v", ids)
	}
}

// R2, R17: servers of two configurations, which write values differently, each find what
// is there while both change and refresh it.
func TestRefreshingSideBySide(t *testing.T) {
	uri := mongotest.URI(t)
	var stores []*mongo.Store
	for _, types := range []*schemas.Registry{storetest.Badges(t, storetest.Plain), storetest.Badges(t, storetest.Indexed)} {
		s, err := dialtest.Migrated(t, uri, types)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		stores = append(stores, s)
	}
	if err := stores[0].AddOrganization(t.Context(), directory.Organization{ID: dialtest.Org}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for k, s := range stores {
		rt, err := typeIn(s)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for i := range 40 {
				dialtest.Badges(t, s, rt, 1000*k+i, 1000*k+i+1)
			}
		})
		all.Go(func() {
			for range 40 {
				if _, err := s.Refresh(t.Context(), dialtest.Org); err != nil && !errors.Is(err, directory.ErrBusy) {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 80 {
				agrees(t, s, `urn:badge:badge ew "1" or urn:badge:notes co "of u2"`)
			}
		})
	}
	all.Wait()
	for _, s := range stores { // and in the end each can have it its way
		for more := true; more; {
			var err error
			if more, err = s.Refresh(t.Context(), dialtest.Org); err != nil {
				t.Fatal(err)
			}
		}
		agrees(t, s, `urn:badge:badge ew "1"`)
	}
}

func typeIn(s *mongo.Store) (rt *scim.ResourceType, err error) {
	err = s.View(context.Background(), func(r directory.Reader) (err error) {
		rt, err = r.Type("User")
		return err
	})
	return rt, err
}

// agrees wants that a filter finds what the predicate says of everybody.
func agrees(t *testing.T, s *mongo.Store, src string) {
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
		got, err := foundBy(t, r, src)
		if err != nil {
			return err
		}
		everybody, err := r.Find(t.Context(), directory.Query{Org: dialtest.Org, Type: rt, Start: 1, Count: 10_000})
		want := []string(nil)
		for _, res := range everybody.Resources {
			if f.Match(res) {
				want = append(want, res.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %d, want %d", src, len(got), len(want))
		}
		return err
	})
	if err != nil && !errors.Is(err, directory.ErrBusy) {
		t.Error(err)
	}
}
