package check_test

import (
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// Looking for damage takes longer than a question may, and works beside changes.
func TestLongCheck(t *testing.T) {
	server, uri := mongotest.Ill(t)
	const patience = time.Second
	dialtest.People(t, dialtest.Open(t, uri, mongo.Options{}), 10)
	s := dialtest.Open(t, uri, mongo.Options{Timeout: patience})
	server.Fail(t, "failCommand", bson.D{{Key: "failCommands", Value: bson.A{"aggregate"}}, {Key: "blockConnection", Value: true}, {Key: "blockTimeMS", Value: 3 * patience.Milliseconds() / 2},
		{Key: "namespace", Value: dialtest.NameIn(uri) + ".resource"}})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// Damage is found wherever it is, also behind the first step of the search.
func TestCheckFindsDamage(t *testing.T) {
	uri := mongotest.URI(t)
	s := dialtest.Open(t, uri, mongo.Options{})
	dialtest.People(t, s, 2500)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := dialtest.Database(t, uri)
	last := options.FindOneAndDelete().SetSort(bson.D{{Key: "_id", Value: -1}})
	for _, c := range []struct{ collection, want string }{{"claim", "1 unique values"}, {"resource", "total of User"}} {
		doc, err := db.Collection(c.collection).FindOneAndDelete(t.Context(), bson.D{{Key: "o", Value: string(dialtest.Org)}}, last).Raw()
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
