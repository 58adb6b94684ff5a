package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
)

// finish sends what is queued and the guards, which every change writes.
func (t *tx) finish(ctx context.Context) error {
	if !t.wrote {
		return nil
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	var models []driver.WriteModel
	for _, g := range t.read {
		if g.exists() {
			models = append(models, g.models()...)
		}
	}
	if len(models) == 0 {
		return nil
	}
	_, err := t.store.has.guard.BulkWrite(t.In(ctx), models)
	return t.Fault(err)
}

// flush sends what is queued. What it comes to is the error of the change, even if
// fn goes on as if nothing were wrong.
func (t *tx) flush(ctx context.Context) error {
	if t.queue.empty() {
		return nil
	}
	err := t.send(ctx)
	t.queue.reset()
	if err != nil && t.err == nil {
		t.err = err
	}
	return err
}

func (t *tx) send(ctx context.Context) error {
	if err := t.sendClaims(ctx); err != nil {
		return err
	}
	if err := t.sendResources(ctx); err != nil {
		return err
	}
	if err := t.sendDocuments(ctx); err != nil {
		return err
	}
	if len(t.queue.joins) > 0 {
		if _, err := t.store.has.resource.BulkWrite(t.In(ctx), t.queue.joins); err != nil {
			return t.Fault(err)
		}
	}
	if len(t.queue.edges) > 0 {
		if _, err := t.store.has.edge.BulkWrite(t.In(ctx), t.queue.edges, options.BulkWrite().SetOrdered(true)); err != nil {
			return t.Fault(err)
		}
	}
	if len(t.queue.events) > 0 {
		if _, err := t.store.has.event.InsertMany(t.In(ctx), t.queue.events); err != nil {
			return t.Fault(err)
		}
	}
	return nil
}

// at is the condition that something is what was read.
func at(key string, org directory.OrgID, was scim.Version) bson.D {
	return bson.D{{Key: "_id", Value: key}, {Key: "o", Value: string(org)}, {Key: "v", Value: int64(was)}}
}

// sendResources writes resources, in the order in which they were put.
func (t *tx) sendResources(ctx context.Context) error {
	var models []driver.WriteModel
	met := int64(0)
	for _, w := range t.queue.resources {
		if w.was == 0 {
			models = append(models, driver.NewInsertOneModel().SetDocument(w.doc))
			continue
		}
		met++
		models = append(models, driver.NewReplaceOneModel().SetFilter(at(w.key, directory.OrgID(w.doc.Org), w.was)).SetReplacement(w.doc))
	}
	return t.bulk(ctx, t.store.has.resource, models, met)
}

// sendDocuments writes and removes documents.
func (t *tx) sendDocuments(ctx context.Context) error {
	var models []driver.WriteModel
	met := int64(0)
	for _, w := range t.queue.documents {
		switch {
		case w.gone:
			met++
			models = append(models, driver.NewDeleteOneModel().SetFilter(at(w.key, w.doc.Org, w.was)))
		case w.was == 0:
			models = append(models, driver.NewInsertOneModel().SetDocument(documentOf(w.key, w.doc)))
		default:
			met++
			models = append(models, driver.NewReplaceOneModel().SetFilter(at(w.key, w.doc.Org, w.was)).SetReplacement(documentOf(w.key, w.doc)))
		}
	}
	return t.bulk(ctx, t.store.has.document, models, met)
}

// bulk sends writes of which so many must meet the version that was read.
func (t *tx) bulk(ctx context.Context, c *driver.Collection, models []driver.WriteModel, met int64) error {
	if len(models) == 0 {
		return nil
	}
	result, err := c.BulkWrite(t.In(ctx), models, options.BulkWrite().SetOrdered(true))
	if err != nil {
		return t.refused(err)
	}
	if result.MatchedCount+result.DeletedCount != met {
		return directory.ErrVersion
	}
	return nil
}

// refused says what a duplicate key means: that the id exists already.
func (t *tx) refused(err error) error {
	if driver.IsDuplicateKeyError(err) {
		return directory.ErrVersion
	}
	return t.Fault(err)
}

// sendDelete removes a resource at once, and gives up its unique values.
func (t *tx) sendDelete(ctx context.Context, org directory.OrgID, before *scim.Resource, is *record.Kept) error {
	models := gives(org, before.Type.Name, before.ID, is.Claims(before), is.Unknown)
	if len(models) > 0 {
		if _, err := t.store.has.claim.BulkWrite(t.In(ctx), models); err != nil {
			return t.Fault(err)
		}
	}
	result, err := t.store.has.resource.DeleteOne(t.In(ctx), at(record.Key(org, before.ID), org, before.Version))
	if err == nil && result.DeletedCount == 0 {
		err = directory.ErrVersion
	}
	if errors.Is(err, directory.ErrVersion) {
		t.err = err
		return err
	}
	return t.Fault(err)
}
