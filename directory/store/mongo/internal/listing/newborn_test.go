package listing_test

import (
	"regexp"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// R2: servers start on a database of a version that had one externalId for all clients
// without being told to migrate it; what is kept from then on is found.
func TestDatabaseWithOneExternalIDForAll(t *testing.T) {
	uri := mongotest.URI(t)
	s := dialtest.Open(t, uri, mongo.Options{})
	dialtest.People(t, s, 3)
	guard := dialtest.Database(t, uri).Collection("guard")
	var d struct {
		Lists string `bson:"x"`
	}
	at := bson.D{{Key: "x", Value: bson.D{{Key: "$exists", Value: true}}}}
	if err := guard.FindOne(t.Context(), at).Decode(&d); err != nil {
		t.Fatal(err)
	}
	earlier := regexp.MustCompile(`,?\{"k":"[A-Za-z]+","p":"\$externalIds[^}]*\}`).ReplaceAllString(d.Lists, "")
	if len(earlier) == len(d.Lists) {
		t.Fatalf("nothing to take out of %s", d.Lists)
	}
	if _, err := guard.UpdateOne(t.Context(), at, bson.D{{Key: "$set", Value: bson.D{{Key: "x", Value: earlier}}}}); err != nil {
		t.Fatal(err)
	}
	s = dialtest.Open(t, uri, mongo.Options{OnBuild: func(doing string) { t.Errorf("the start is %s", doing) }})
	rt := dialtest.Type(t, "User")
	f, _, err := filter.Compile(`externalId eq "h1"`, rt, scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx directory.Tx) error {
		r, err := tx.Get(t.Context(), directory.Ref{Org: dialtest.Org, Type: rt, ID: "00000000-0000-7000-8000-000000000001"})
		if err != nil {
			return err
		}
		next := r.Next(r.Modified)
		next.SetExternalIDOf("hr", "h1")
		return tx.Put(t.Context(), dialtest.Org, r, next)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := dialtest.Database(t, uri).Collection("resource").CountDocuments(t.Context(), bson.D{{Key: "t", Value: "$externalIds.value\x00h1"}}); n != 1 || err != nil {
		t.Errorf("%d are kept to be found, %v", n, err)
	}
	err = s.View(t.Context(), func(r directory.Reader) error {
		p, err := r.Find(t.Context(), directory.Query{Org: dialtest.Org, Type: rt, Filter: directory.AnyExternalID(f), Start: 1, Count: 1})
		if p.Total != 1 {
			t.Errorf("%d have the externalId", p.Total)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
