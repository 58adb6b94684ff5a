package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Names of indexes that queries ask for by name.
const (
	indexTerms   = "resource_terms"
	indexOrder   = "resource_order"
	indexKeys    = "resource_keys"
	indexPending = "event_pending"
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
	{"event", indexPending, []string{"s"}, "due"},
	{"connection", "connection_organization", []string{"o"}, ""},
	{"token", "token_connection", []string{"c"}, ""},
}

func (x index) fields() bson.D {
	keys := bson.D{}
	for _, k := range x.keys {
		keys = append(keys, bson.E{Key: k, Value: 1})
	}
	return keys
}

func (x index) model() driver.IndexModel {
	o := options.Index().SetName(x.name)
	if x.present != "" {
		o.SetPartialFilterExpression(bson.D{{Key: x.present, Value: bson.D{{Key: "$exists", Value: true}}}})
	}
	return driver.IndexModel{Keys: x.fields(), Options: o}
}

// is reports whether an index of the database is this one.
func (x index) is(have driver.IndexSpecification) bool {
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

// missing are the indexes that the database lacks.
func (s *Store) missing(ctx context.Context) (lacks []index, err error) {
	have := map[string][]driver.IndexSpecification{}
	for _, x := range indexes {
		all, asked := have[x.collection]
		if !asked {
			if all, err = s.db().Collection(x.collection).Indexes().ListSpecifications(ctx); err != nil {
				return nil, fmt.Errorf("list the indexes of the collection %s: %w", x.collection, busy(err))
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

// furnish makes the collections and indexes that are missing. Nothing is changed that
// is there, so servers may work meanwhile. Building an index of much data takes its
// time, which the time for other questions does not bound.
func (s *Store) furnish(ctx context.Context) error {
	for _, c := range s.has.all() {
		if err := s.ensure(ctx, c.Name()); err != nil {
			return err
		}
	}
	lacks, err := s.missing(ctx)
	if err != nil {
		return err
	}
	long, cancel := context.WithTimeout(ctx, s.opts.BuildTimeout)
	defer cancel()
	for len(lacks) > 0 { // those of a collection together, which is read once then
		n := 1
		for n < len(lacks) && lacks[n].collection == lacks[0].collection {
			n++
		}
		if err := s.build(long, lacks[:n]); err != nil {
			return err
		}
		lacks = lacks[n:]
	}
	return s.seed(ctx)
}

// build builds indexes of one collection.
func (s *Store) build(ctx context.Context, all []index) error {
	var models []driver.IndexModel
	for _, x := range all {
		models = append(models, x.model())
	}
	what := fmt.Sprintf("the index %s of the collection %s", namesOf(all), all[0].collection)
	s.opts.OnBuild("building " + what)
	_, err := s.db().Collection(all[0].collection).Indexes().CreateMany(ctx, models)
	var server driver.ServerError
	if errors.As(err, &server) && (server.HasErrorCode(codeOptionsConflict) || server.HasErrorCode(codeKeySpecsConflict)) {
		return fmt.Errorf("something that is not Usher's is in the place of %s; drop it or use another database: %w", what, err)
	}
	if err != nil {
		return fmt.Errorf("build %s: %w", what, busy(err))
	}
	return nil
}

func namesOf(all []index) string {
	var names []string
	for _, x := range all {
		names = append(names, x.name)
	}
	return strings.Join(names, ", ")
}

// ensure makes a collection; that it is there is as good.
func (s *Store) ensure(ctx context.Context, name string) error {
	err := s.db().CreateCollection(ctx, name)
	var server driver.ServerError
	switch {
	case err == nil, errors.As(err, &server) && server.HasErrorCode(codeNamespaceExists):
		return nil
	case server != nil && server.HasErrorCode(codeUnauthorized):
		return fmt.Errorf("the user of MongoDB may not work on the database %s; give it the role readWrite there", s.db().Name())
	default:
		return fmt.Errorf("create the collection %s: %w", name, busy(err))
	}
}

// unhinted says what it means that a query cannot have the index that it asks for.
func unhinted(err error) error {
	return fmt.Errorf("an index that Usher needs is not there any more; run usher migrate, also while servers run: %w", err)
}
