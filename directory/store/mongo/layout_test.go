package mongo_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// drop removes an index.
func drop(t *testing.T, db *driver.Database, collection, name string) {
	t.Helper()
	if err := db.Collection(collection).Indexes().DropOne(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

// A start makes everything in an empty database, and builds nothing in one with
// data: what is missing there is refused, and made by a migration, which says what it
// builds and has nothing to do the second time.
func TestStartsDoNotBuildIndexes(t *testing.T) {
	uri := mongotest.URI(t)
	dialtest.People(t, dialtest.Open(t, uri, mongo.Options{}), 10)
	dialtest.Open(t, uri, mongo.Options{OnBuild: func(doing string) { t.Errorf("a second start is %s", doing) }})
	db := dialtest.Database(t, uri)
	drop(t, db, "resource", "resource_terms")
	drop(t, db, "event", "event_about")
	dialtest.Refused(t, uri, "resource_terms", "event_about", "usher migrate")

	var built []string
	migrate := mongo.Options{Migrate: true, OnBuild: func(doing string) { built = append(built, doing) }}
	dialtest.Open(t, uri, migrate)
	want := []string{"building the index resource_terms of the collection resource", "building the index event_about of the collection event"}
	if !slices.Equal(built, want) {
		t.Errorf("the migration was %q", built)
	}
	dialtest.Open(t, uri, migrate)
	if len(built) != len(want) {
		t.Errorf("the second migration was %q", built[len(want):])
	}
	dialtest.Open(t, uri, mongo.Options{})
}

// An index of one of Usher's names over other fields does not pass for Usher's.
func TestForeignIndexIsRefused(t *testing.T) {
	uri := mongotest.URI(t)
	dialtest.People(t, dialtest.Open(t, uri, mongo.Options{}), 1)
	db := dialtest.Database(t, uri)
	drop(t, db, "edge", "edge_member")
	if _, err := db.Collection("edge").Indexes().CreateOne(t.Context(), driver.IndexModel{Keys: bson.D{{Key: "m", Value: 1}}, Options: options.Index().SetName("edge_member")}); err != nil {
		t.Fatal(err)
	}
	dialtest.Refused(t, uri, "edge_member", "usher migrate")
	if _, err := mongo.Open(t.Context(), uri, mongo.Options{Migrate: true}); err == nil || !strings.Contains(err.Error(), "drop it") {
		t.Errorf("a migration over somebody else's index ends with %v", err)
	}
}

// Data that a newer program has changed so that this one cannot work on it is
// refused; a newer layout that only adds is not, since the programs of the version
// before are started again while servers are replaced.
func TestNewerLayoutIsRefused(t *testing.T) {
	uri := mongotest.URI(t)
	dialtest.People(t, dialtest.Open(t, uri, mongo.Options{}), 1)
	state := dialtest.Database(t, uri).Collection("state")
	layout := func(version, least int) {
		t.Helper()
		result, err := state.UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "layout"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: version}, {Key: "least", Value: least}}}})
		if err != nil || result.MatchedCount != 1 {
			t.Fatalf("the layout is not written down: %v", err)
		}
	}
	layout(9, 1)
	dialtest.Open(t, uri, mongo.Options{})
	dialtest.Open(t, uri, mongo.Options{Migrate: true}) // an older program's migration takes nothing back
	layout(9, 9)
	dialtest.Refused(t, uri, "newer usher", "layout 9")
	layout(0, 0)
	dialtest.Refused(t, uri, "layout 0", "usher migrate")
}

// Building an index takes as long as it takes, not as long as a question may.
func TestLongIndexBuild(t *testing.T) {
	server, uri := mongotest.Ill(t)
	dialtest.People(t, dialtest.Open(t, uri, mongo.Options{}), 10)
	drop(t, dialtest.Database(t, uri), "resource", "resource_terms")
	heal := server.Fail(t, "hangAfterStartingIndexBuild", bson.D{})
	const patience = time.Second
	building, ended := make(chan struct{}), make(chan error)
	go func() {
		s, err := mongo.Open(t.Context(), uri, mongo.Options{Timeout: patience, Migrate: true, OnBuild: func(string) { close(building) }})
		if err == nil {
			err = s.Close()
		}
		ended <- err
	}()
	<-building
	select {
	case err := <-ended:
		t.Fatalf("the migration ended while the index was being built: %v", err)
	case <-time.After(2 * patience):
	}
	heal()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	dialtest.Open(t, uri, mongo.Options{})
}

// Several programs that begin on an empty database at once all start.
func TestStartsAtOnce(t *testing.T) {
	uri := mongotest.URI(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := mongo.Open(t.Context(), uri, mongo.Options{})
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
