package mongo_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// tenants are the collections whose documents belong to organizations.
var tenants = map[string]bool{"resource": true, "claim": true, "edge": true, "document": true, "event": true, "guard": true}

// watched hears every command and fails the test for one on an organization's
// documents that does not name the organization (K01): so that each can be sent to
// one shard, and none can reach into another organization. The relay alone asks for
// the events of all.
func watched(t *testing.T) *event.CommandMonitor {
	var once sync.Once
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		name, ok := e.Command.Lookup(e.CommandName).StringValueOK()
		if !ok || !tenants[name] {
			return
		}
		for _, filter := range filters(e) {
			if namesOrganization(filter) {
				continue
			}
			if name == "event" && (of(filter, "due") || of(filter, "_id")) {
				continue // the relay
			}
			text := e.Command.String()
			once.Do(func() { t.Errorf("K01: a command without an organization: %s", text) })
		}
	}}
}

// namesOrganization reports whether a condition fixes the organization.
func namesOrganization(filter bson.Raw) bool {
	if of(filter, "o") {
		return true
	}
	if list, ok := filter.Lookup("$and").ArrayOK(); ok {
		parts, err := list.Values()
		return err == nil && slices.ContainsFunc(parts, func(v bson.RawValue) bool { return namesOrganization(v.Document()) })
	}
	if list, ok := filter.Lookup("$or").ArrayOK(); ok {
		parts, err := list.Values()
		return err == nil && !slices.ContainsFunc(parts, func(v bson.RawValue) bool { return !namesOrganization(v.Document()) })
	}
	return false
}

func of(filter bson.Raw, field string) bool {
	_, err := filter.LookupErr(field)
	return err == nil
}

// filters are what a command says of the documents that it is about.
func filters(e *event.CommandStartedEvent) (all []bson.Raw) {
	doc := func(path ...string) {
		if v, err := e.Command.LookupErr(path...); err == nil {
			if d, ok := v.DocumentOK(); ok {
				all = append(all, d)
			}
		}
	}
	list := func(field, part string) {
		values, err := e.Command.Lookup(field).Array().Values() // the command has it
		if err != nil {
			return
		}
		for _, v := range values {
			d, ok := v.DocumentOK()
			if ok && part != "" {
				d, ok = d.Lookup(part).DocumentOK()
			}
			if ok {
				all = append(all, d)
			}
		}
	}
	switch e.CommandName {
	case "find":
		doc("filter")
	case "count", "distinct", "findAndModify":
		doc("query")
	case "aggregate":
		doc("pipeline", "0", "$match")
	case "update":
		list("updates", "q")
	case "delete":
		list("deletes", "q")
	case "insert":
		list("documents", "")
	}
	return all
}

// Every index of what belongs to organizations begins with the organization, but the
// relay's, and none is unique: so all of it can be sharded by {o, _id} (docs/scale.md).
func TestIndexesCanBeSharded(t *testing.T) {
	uri := mongotest.URI(t)
	dial(t, uri, mongo.Options{})
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	for name := range tenants {
		all, err := client.Database(databaseIn(uri)).Collection(name).Indexes().ListSpecifications(t.Context())
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
