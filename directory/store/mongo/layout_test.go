package mongo_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// database is the one of an address, without a store in between.
func database(t *testing.T, uri string) *driver.Database {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(databaseIn(uri))
}

// refused wants that no store can be opened, for a reason.
func refused(t *testing.T, uri string, want ...string) {
	t.Helper()
	s, err := mongo.Open(t.Context(), uri, mongo.Options{})
	if err == nil {
		s.Close()
		t.Fatal("the database is accepted")
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the refusal does not speak of %q: %v", part, err)
		}
	}
}

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
	people(t, dial(t, uri, mongo.Options{}), 10)
	dial(t, uri, mongo.Options{OnBuild: func(doing string) { t.Errorf("a second start is %s", doing) }})
	db := database(t, uri)
	drop(t, db, "resource", "resource_terms")
	drop(t, db, "event", "event_about")
	refused(t, uri, "resource_terms", "event_about", "usher migrate")

	var built []string
	migrate := mongo.Options{Migrate: true, OnBuild: func(doing string) { built = append(built, doing) }}
	dial(t, uri, migrate)
	want := []string{"building the index resource_terms of the collection resource", "building the index event_about of the collection event"}
	if !slices.Equal(built, want) {
		t.Errorf("the migration was %q", built)
	}
	dial(t, uri, migrate)
	if len(built) != len(want) {
		t.Errorf("the second migration was %q", built[len(want):])
	}
	dial(t, uri, mongo.Options{})
}

// An index of one of Usher's names over other fields does not pass for Usher's.
func TestForeignIndexIsRefused(t *testing.T) {
	uri := mongotest.URI(t)
	people(t, dial(t, uri, mongo.Options{}), 1)
	db := database(t, uri)
	drop(t, db, "edge", "edge_member")
	if _, err := db.Collection("edge").Indexes().CreateOne(t.Context(), driver.IndexModel{Keys: bson.D{{Key: "m", Value: 1}}, Options: options.Index().SetName("edge_member")}); err != nil {
		t.Fatal(err)
	}
	refused(t, uri, "edge_member", "usher migrate")
	if _, err := mongo.Open(t.Context(), uri, mongo.Options{Migrate: true}); err == nil || !strings.Contains(err.Error(), "drop it") {
		t.Errorf("a migration over somebody else's index ends with %v", err)
	}
}

// Data that a newer program has changed so that this one cannot work on it is
// refused; a newer layout that only adds is not, since the programs of the version
// before are started again while servers are replaced.
func TestNewerLayoutIsRefused(t *testing.T) {
	uri := mongotest.URI(t)
	people(t, dial(t, uri, mongo.Options{}), 1)
	state := database(t, uri).Collection("state")
	layout := func(version, least int) {
		t.Helper()
		result, err := state.UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "layout"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: version}, {Key: "least", Value: least}}}})
		if err != nil || result.MatchedCount != 1 {
			t.Fatalf("the layout is not written down: %v", err)
		}
	}
	layout(9, 1)
	dial(t, uri, mongo.Options{})
	dial(t, uri, mongo.Options{Migrate: true}) // an older program's migration takes nothing back
	layout(9, 9)
	refused(t, uri, "newer usher", "layout 9")
	layout(0, 0)
	refused(t, uri, "layout 0", "usher migrate")
}

// Building an index takes as long as it takes, not as long as a question may.
func TestLongIndexBuild(t *testing.T) {
	server, uri := mongotest.Ill(t)
	people(t, dial(t, uri, mongo.Options{}), 10)
	drop(t, database(t, uri), "resource", "resource_terms")
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
	dial(t, uri, mongo.Options{})
}

// Looking for damage takes longer than a question may, and works beside changes.
func TestLongCheck(t *testing.T) {
	server, uri := mongotest.Ill(t)
	const patience = time.Second
	people(t, dial(t, uri, mongo.Options{}), 10)
	s := dial(t, uri, mongo.Options{Timeout: patience})
	server.Fail(t, "failCommand", bson.D{{Key: "failCommands", Value: bson.A{"aggregate"}}, {Key: "blockConnection", Value: true}, {Key: "blockTimeMS", Value: 3 * patience.Milliseconds() / 2},
		{Key: "namespace", Value: databaseIn(uri) + ".resource"}})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// Damage is found wherever it is, also behind the first step of the search.
func TestCheckFindsDamage(t *testing.T) {
	uri := mongotest.URI(t)
	s := dial(t, uri, mongo.Options{})
	people(t, s, 2500)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := database(t, uri)
	last := options.FindOneAndDelete().SetSort(bson.D{{Key: "_id", Value: -1}})
	for _, c := range []struct{ collection, want string }{{"claim", "1 unique values"}, {"resource", "total of User"}} {
		doc, err := db.Collection(c.collection).FindOneAndDelete(t.Context(), bson.D{{Key: "o", Value: string(orgA)}}, last).Raw()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("without a document of %s: %v", c.collection, err)
		}
		if _, err := db.Collection(c.collection).InsertOne(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	first := bson.D{{Key: "i", Value: "00000000-0000-7000-8000-000000000001"}}
	if _, err := db.Collection("resource").UpdateOne(t.Context(), first, bson.D{{Key: "$push", Value: bson.D{{Key: "a", Value: "title\x00boss"}}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "1 records") {
		t.Errorf("with a value that is not the record's: %v", err)
	}
	if _, err := db.Collection("resource").UpdateOne(t.Context(), first, bson.D{{Key: "$pull", Value: bson.D{{Key: "a", Value: "title\x00boss"}}}}); err != nil {
		t.Fatal(err)
	}
	for _, stray := range []bson.D{{{Key: "_id", Value: "a/User/userName\x00stray"}, {Key: "o", Value: "a"}, {Key: "i", Value: "00000000-0000-7000-8000-000000000001"}}} {
		if _, err := db.Collection("claim").InsertOne(t.Context(), stray); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "1 are taken that no resource has") {
			t.Errorf("with a stray claim: %v", err)
		}
	}
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
