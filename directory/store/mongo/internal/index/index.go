// Package index is the indexes of the database: which there are, which of them it
// lacks, and how these are made.
package index

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
)

// Names of indexes that queries ask for by name.
const (
	Terms   = "resource_terms"
	Order   = "resource_order"
	Keys    = "resource_keys"
	Pending = "event_pending"
)

// Index is one index of the database.
type Index struct {
	collection, name string
	keys             []string
	present          string // only documents that have this field
}

// indexes are all of them; the organization is the first field of each but of the
// queue, which is the server's. None is unique: an _id is unique everywhere, another
// index of a sharded collection only if it begins with the shard key.
var indexes = []Index{
	{"resource", Keys, []string{"o", "k", "u"}, "u"},
	{"resource", Terms, []string{"o", "k", "t"}, ""},
	{"resource", Order, []string{"o", "k", "i"}, ""},
	{"edge", "edge_member", []string{"o", "m", "g"}, ""},
	{"document", "document_order", []string{"o", "k", "i"}, ""},
	{"document", "document_keys", []string{"o", "k", "keys", "i"}, "keys"},
	{"event", "event_order", []string{"o", "s"}, ""},
	{"event", "event_about", []string{"o", "w", "s"}, ""},
	{"event", Pending, []string{"s"}, "due"},
	{"connection", "connection_organization", []string{"o"}, ""},
	{"token", "token_connection", []string{"c"}, ""},
}

func (x Index) fields() bson.D {
	keys := bson.D{}
	for _, k := range x.keys {
		keys = append(keys, bson.E{Key: k, Value: 1})
	}
	return keys
}

func (x Index) model() driver.IndexModel {
	o := options.Index().SetName(x.name)
	if x.present != "" {
		o.SetPartialFilterExpression(bson.D{{Key: x.present, Value: bson.D{{Key: "$exists", Value: true}}}})
	}
	return driver.IndexModel{Keys: x.fields(), Options: o}
}

// is reports whether an index of the database is this one.
func (x Index) is(have driver.IndexSpecification) bool {
	fields, err := have.KeysDocument.Elements()
	if err != nil || have.Name != x.name || len(fields) != len(x.keys) {
		return false
	}
	for i, f := range fields {
		if f.Key() != x.keys[i] {
			return false
		}
	}
	return true
}

// Missing are the indexes that the database lacks.
func Missing(ctx context.Context, db *driver.Database) (lacks []Index, err error) {
	have := map[string][]driver.IndexSpecification{}
	for _, x := range indexes {
		all, asked := have[x.collection]
		if !asked {
			if all, err = db.Collection(x.collection).Indexes().ListSpecifications(ctx); err != nil {
				return nil, fmt.Errorf("list the indexes of the collection %s: %w", x.collection, failure.Busy(err))
			}
			have[x.collection] = all
		}
		found := false
		for _, one := range all {
			found = found || x.is(one)
		}
		if !found {
			lacks = append(lacks, x)
		}
	}
	return lacks, nil
}

// Build builds indexes, those of a collection together, which is read once then. It
// tells of each before.
func Build(ctx context.Context, db *driver.Database, lacks []Index, tell func(doing string)) error {
	for len(lacks) > 0 {
		n := 1
		for n < len(lacks) && lacks[n].collection == lacks[0].collection {
			n++
		}
		if err := together(ctx, db, lacks[:n], tell); err != nil {
			return err
		}
		lacks = lacks[n:]
	}
	return nil
}

// together builds indexes of one collection.
func together(ctx context.Context, db *driver.Database, all []Index, tell func(doing string)) error {
	var models []driver.IndexModel
	for _, x := range all {
		models = append(models, x.model())
	}
	what := fmt.Sprintf("the index %s of the collection %s", Names(all), all[0].collection)
	tell("building " + what)
	_, err := db.Collection(all[0].collection).Indexes().CreateMany(ctx, models)
	var server driver.ServerError
	if errors.As(err, &server) && (server.HasErrorCode(failure.OptionsConflict) || server.HasErrorCode(failure.KeySpecsConflict)) {
		return fmt.Errorf("something that is not Usher's is in the place of %s; drop it or use another database: %w", what, err)
	}
	if err != nil {
		return fmt.Errorf("build %s: %w", what, failure.Busy(err))
	}
	return nil
}

// Names lists the names of indexes for a sentence.
func Names(all []Index) string {
	var names []string
	for _, x := range all {
		names = append(names, x.name)
	}
	return strings.Join(names, ", ")
}

// Ensure makes a collection; that it is there is as good.
func Ensure(ctx context.Context, db *driver.Database, name string) error {
	err := db.CreateCollection(ctx, name)
	var server driver.ServerError
	switch {
	case err == nil, errors.As(err, &server) && server.HasErrorCode(failure.NamespaceExists):
		return nil
	case server != nil && server.HasErrorCode(failure.Unauthorized):
		return fmt.Errorf("the user of MongoDB may not work on the database %s; give it the role readWrite there", db.Name())
	default:
		return fmt.Errorf("create the collection %s: %w", name, failure.Busy(err))
	}
}
