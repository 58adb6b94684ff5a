package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
)

// claimDoc is a unique value that a resource has; its _id is the organization, the
// type, the path and the key. It is a document of its own, and not an entry in a
// unique index, so that the resources of one organization may lie on several shards.
type claimDoc struct {
	Key string `bson:"_id"`
	Org string `bson:"o"`
	ID  string `bson:"i"` // of the resource
}

// claims are the keys of unique values.
func claims(org directory.OrgID, kind string, values []string) (keys []string) {
	for _, v := range values {
		keys = append(keys, key(org, kind, v))
	}
	return keys
}

// gives are the writes by which a resource gives up unique values: some, and all of
// attributes that this program does not know, of which what it writes has none. Until
// all resources have their claims a value may be another's.
func gives(org directory.OrgID, kind, id string, values, unknown []string) (models []driver.WriteModel) {
	of := func(which any) bson.D {
		return bson.D{{Key: "_id", Value: which}, {Key: "o", Value: string(org)}, {Key: "i", Value: id}}
	}
	for _, claim := range claims(org, kind, values) {
		models = append(models, driver.NewDeleteOneModel().SetFilter(of(claim)))
	}
	for _, prefix := range unknown {
		models = append(models, driver.NewDeleteManyModel().SetFilter(of(claimsOf(org, kind, prefix, ""))))
	}
	return models
}

// claimsOf is the range of the claims whose values begin with a prefix, behind one.
func claimsOf(org directory.OrgID, kind, prefix, after string) bson.D {
	first := key(org, kind, prefix)
	return bson.D{{Key: "$gt", Value: cmp.Or(after, first)}, {Key: "$lt", Value: strings.TrimSuffix(first, separator) + afterSeparator}}
}

// sendClaims gives up the unique values that resources had and takes those that they
// have now.
func (t *tx) sendClaims(ctx context.Context) error {
	var give, models []driver.WriteModel
	for _, w := range t.queue.resources {
		lost := slices.DeleteFunc(slices.Clone(w.had), func(value string) bool { return slices.Contains(w.takes, value) })
		give = append(give, gives(directory.OrgID(w.doc.Org), w.doc.Kind, w.doc.ID, lost, w.unknown)...)
		for _, value := range w.takes {
			if !slices.Contains(w.had, value) {
				models = append(models, driver.NewInsertOneModel().SetDocument(claimDoc{key(directory.OrgID(w.doc.Org), w.doc.Kind, value), w.doc.Org, w.doc.ID}))
			}
		}
	}
	models = append(give, models...)
	if len(models) == 0 {
		return nil
	}
	_, err := t.store.has.claim.BulkWrite(t.in(ctx), models, options.BulkWrite().SetOrdered(true))
	var bulk driver.BulkWriteException
	switch {
	case !driver.IsDuplicateKeyError(err) || !errors.As(err, &bulk):
		return t.fault(err)
	case len(t.assumed) > 0: // what an attempt had only taken for free is looked up in the next
		t.attempt.sure = true
		return t.retry()
	}
	for _, e := range bulk.WriteErrors {
		if m, ok := models[e.Index].(*driver.InsertOneModel); ok {
			return taken(m.Document.(claimDoc))
		}
	}
	return t.fault(err)
}

// taken is the refusal of a unique value.
func taken(c claimDoc) error {
	_, rest, _ := strings.Cut(c.Key, "/")
	_, rest, _ = strings.Cut(rest, "/")
	path, _, _ := strings.Cut(rest, separator)
	return &directory.UniqueError{Path: path, Detail: "The " + path + " is already in use; choose a different value."}
}
