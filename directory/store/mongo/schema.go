package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Names of indexes that queries ask for by name.
const (
	indexTerms = "resource_terms"
	indexOrder = "resource_order"
	indexKeys  = "resource_keys"
)

// index is one index of the database.
type index struct {
	collection, name string
	keys             []string
	present          string // only documents that have this field
}

// indexes are all of them; the organization is the first field of each but of the
// queue, which is the server's. None is unique: an _id is unique everywhere, another
// index of a sharded collection only if it begins with the shard key.
var indexes = []index{
	{"resource", indexKeys, []string{"o", "k", "u"}, "u"},
	{"resource", indexTerms, []string{"o", "k", "t"}, ""},
	{"resource", indexOrder, []string{"o", "k", "i"}, ""},
	{"edge", "edge_member", []string{"o", "m", "g"}, ""},
	{"document", "document_order", []string{"o", "k", "i"}, ""},
	{"document", "document_keys", []string{"o", "k", "keys", "i"}, "keys"},
	{"event", "event_order", []string{"o", "s"}, ""},
	{"event", "event_about", []string{"o", "w", "s"}, ""},
	{"event", "event_pending", []string{"s"}, "due"},
	{"connection", "connection_organization", []string{"o"}, ""},
	{"token", "token_connection", []string{"c"}, ""},
}

// create makes the collections and indexes that are missing. Nothing is changed
// that is there.
func (s *Store) create(ctx context.Context, db *driver.Database) error {
	have, err := db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return fmt.Errorf("list the collections: %w", busy(err))
	}
	known := map[string]bool{}
	for _, name := range have {
		known[name] = true
	}
	for _, c := range []*driver.Collection{s.has.resource, s.has.claim, s.has.edge, s.has.document, s.has.event, s.has.guard, s.has.organization, s.has.connection, s.has.token, s.has.setting, s.has.state} {
		if known[c.Name()] {
			continue
		}
		if err := s.ensure(ctx, db, c.Name()); err != nil {
			return err
		}
	}
	models := map[string][]driver.IndexModel{}
	for _, x := range indexes {
		models[x.collection] = append(models[x.collection], x.model())
	}
	for name, all := range models {
		if _, err := db.Collection(name).Indexes().CreateMany(ctx, all); err != nil {
			return refusedIndex(name, err)
		}
	}
	return s.seed(ctx)
}

func refusedIndex(name string, err error) error {
	var server driver.ServerError
	if errors.As(err, &server) && (server.HasErrorCode(codeOptionsConflict) || server.HasErrorCode(codeKeySpecsConflict)) {
		return fmt.Errorf("the collection %s has an index of one of Usher's names that is not Usher's; drop it or use another database: %w", name, err)
	}
	return fmt.Errorf("create the indexes of the collection %s: %w", name, busy(err))
}

func (x index) model() driver.IndexModel {
	keys := bson.D{}
	for _, k := range x.keys {
		keys = append(keys, bson.E{Key: k, Value: 1})
	}
	o := options.Index().SetName(x.name)
	if x.present != "" {
		o.SetPartialFilterExpression(bson.D{{Key: x.present, Value: bson.D{{Key: "$exists", Value: true}}}})
	}
	return driver.IndexModel{Keys: keys, Options: o}
}

// ensure makes a collection; that another process made it is as good.
func (s *Store) ensure(ctx context.Context, db *driver.Database, name string) error {
	err := db.CreateCollection(ctx, name)
	var server driver.ServerError
	switch {
	case err == nil, errors.As(err, &server) && server.HasErrorCode(codeNamespaceExists):
		return nil
	case server != nil && server.HasErrorCode(codeUnauthorized):
		return fmt.Errorf("the user of MongoDB may not work on the database %s; give it the role readWrite there", db.Name())
	default:
		return fmt.Errorf("create the collection %s: %w", name, busy(err))
	}
}

// SchemaVersion is the number of the layout of the collections.
func SchemaVersion() int { return 1 }
