package index_test

import (
	"context"
	"testing"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// Every index of what belongs to organizations begins with the organization, but the
// relay's, and none is unique: so all of it can be sharded by {o, _id} (docs/scale.md).
func TestIndexesCanBeSharded(t *testing.T) {
	uri := mongotest.URI(t)
	dialtest.Open(t, uri, mongo.Options{})
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	for _, name := range mongotest.Tenants {
		all, err := client.Database(dialtest.NameIn(uri)).Collection(name).Indexes().ListSpecifications(t.Context())
		if err != nil || len(all) == 0 {
			t.Fatalf("%s has %d indexes, %v", name, len(all), err)
		}
		for _, x := range all {
			first, err := x.KeysDocument.IndexErr(0)
			if err != nil {
				t.Fatal(err)
			}
			if key := first.Key(); x.Name != "_id_" && (key != "o" && x.Name != "event_pending" || x.Unique != nil && *x.Unique) {
				t.Errorf("the index %s of %s begins with %s", x.Name, name, key)
			}
		}
	}
}
