package mongo

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// gives are the writes by which a resource gives up unique values: some, and all of
// attributes that this program does not know, of which what it writes has none. Until
// all resources have their claims a value may be another's.
func gives(org directory.OrgID, kind, id string, values, unknown []string) (models []driver.WriteModel) {
	of := func(which any) bson.D {
		return bson.D{{Key: "_id", Value: which}, {Key: "o", Value: string(org)}, {Key: "i", Value: id}}
	}
	for _, claim := range record.Claims(org, kind, values) {
		models = append(models, driver.NewDeleteOneModel().SetFilter(of(claim)))
	}
	for _, prefix := range unknown {
		models = append(models, driver.NewDeleteManyModel().SetFilter(of(record.ClaimRange(org, kind, prefix, ""))))
	}
	return models
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
				models = append(models, driver.NewInsertOneModel().SetDocument(record.Claim{Key: record.Key(directory.OrgID(w.doc.Org), w.doc.Kind, value), Org: w.doc.Org, ID: w.doc.ID}))
			}
		}
	}
	models = append(give, models...)
	if len(models) == 0 {
		return nil
	}
	_, err := t.store.has.claim.BulkWrite(t.In(ctx), models, options.BulkWrite().SetOrdered(true))
	var bulk driver.BulkWriteException
	switch {
	case !driver.IsDuplicateKeyError(err) || !errors.As(err, &bulk):
		return t.Fault(err)
	case len(t.assumed) > 0: // what an attempt had only taken for free is looked up in the next
		t.attempt.sure = true
		return t.retry()
	}
	for _, e := range bulk.WriteErrors {
		if m, ok := models[e.Index].(*driver.InsertOneModel); ok {
			return taken(m.Document.(record.Claim))
		}
	}
	return t.Fault(err)
}

// taken is the refusal of a unique value.
func taken(c record.Claim) error {
	_, rest, _ := strings.Cut(c.Key, "/")
	_, rest, _ = strings.Cut(rest, "/")
	path, _, _ := strings.Cut(rest, record.Separator)
	return &directory.UniqueError{Path: path, Detail: "The " + path + " is already in use; choose a different value."}
}
