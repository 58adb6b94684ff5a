// Package dialtest opens stores for the tests of what they are made of, fills them, and
// hears what they ask the server.
package dialtest

import (
	"context"
	"strings"
	"testing"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/scim/schemas"
)

// Open opens a store on a database.
func Open(t *testing.T, uri string, o mongo.Options) *mongo.Store {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = mongotest.Patience
	}
	s, err := mongo.Open(t.Context(), uri, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Two are two replicas over one database with an organization.
func Two(t *testing.T) [2]*mongo.Store {
	t.Helper()
	uri := mongotest.URI(t)
	all := [2]*mongo.Store{Open(t, uri, mongo.Options{}), Open(t, uri, mongo.Options{})}
	if err := all[0].AddOrganization(t.Context(), directory.Organization{ID: Org}); err != nil {
		t.Fatal(err)
	}
	return all
}

// Migrated opens a database that was brought up to date for some types before.
func Migrated(t *testing.T, uri string, types *schemas.Registry) (*mongo.Store, error) {
	t.Helper()
	s, err := mongo.Open(t.Context(), uri, mongo.Options{Registry: types, Migrate: true, Monitor: mongotest.Separated(t)})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return mongo.Open(t.Context(), uri, mongo.Options{Registry: types, Monitor: mongotest.Separated(t)})
}

// Refused wants that no store can be opened, for a reason.
func Refused(t *testing.T, uri string, want ...string) {
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

// Database is the one of an address, without a store in between.
func Database(t *testing.T, uri string) *driver.Database {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(NameIn(uri))
}

// NameIn is the database that an address of mongotest names.
func NameIn(uri string) string {
	rest, _, _ := strings.Cut(uri, "?")
	return rest[strings.LastIndex(rest, "/")+1:]
}
