package mongo

import (
	"context"
	"errors"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
)

// documentDoc is a document as it is kept.
type documentDoc struct {
	Key     string   `bson:"_id"`
	Org     string   `bson:"o"`
	Kind    string   `bson:"k"`
	ID      string   `bson:"i"`
	Version int64    `bson:"v"`
	Keys    []string `bson:"keys,omitempty"`
	Data    []byte   `bson:"d"` // JSON
}

func documentKey(org directory.OrgID, kind directory.Kind, id string) string {
	return record.Key(org, string(kind), id)
}

func documentOf(key string, d directory.Document) documentDoc {
	return documentDoc{key, string(d.Org), string(d.Kind), d.ID, int64(d.Version), d.Keys, d.Data}
}

func (d documentDoc) document() directory.Document {
	return directory.Document{Org: directory.OrgID(d.Org), Kind: directory.Kind(d.Kind), ID: d.ID, Version: scim.Version(d.Version), Keys: d.Keys, Data: d.Data}
}

// may reports whether an organization has documents of a kind at all. A transaction
// knows from its guards; a view reads them when it asks for the second time.
func (r *reader) may(ctx context.Context, org directory.OrgID, kind directory.Kind) (bool, error) {
	if r.tx == nil {
		if _, again := r.asked[org]; !again && r.read[org] == nil {
			r.asked[org] = struct{}{}
			return true, nil
		}
	}
	if org == "" && r.read[org] == nil {
		for _, g := range r.read { // what kinds the server has is read with any guards
			return g.server[kind], nil
		}
	}
	g, err := r.guards(ctx, org)
	if err != nil {
		return false, err
	}
	return g.kinds[kind], nil
}

// Document reads one document.
func (r *reader) Document(ctx context.Context, org directory.OrgID, kind directory.Kind, id string) (d directory.Document, err error) {
	if r.tx != nil {
		if d, gone, ok := r.tx.queue.document(documentKey(org, kind, id)); ok {
			if gone {
				return directory.Document{}, directory.ErrNotFound
			}
			return d, nil
		}
	}
	ok, err := r.may(ctx, org, kind)
	if err != nil {
		return d, err
	}
	if !ok {
		return d, directory.ErrNotFound
	}
	var doc documentDoc
	err = r.store.has.document.FindOne(r.In(ctx), bson.D{{Key: "_id", Value: documentKey(org, kind, id)}, {Key: "o", Value: string(org)}, {Key: "k", Value: string(kind)}}).Decode(&doc)
	if errors.Is(err, driver.ErrNoDocuments) {
		return d, directory.ErrNotFound
	}
	return doc.document(), r.Fault(err)
}

// Documents walks the documents that a query asks for. They are read before the
// first is handed out, so that the caller may read more meanwhile.
func (r *reader) Documents(ctx context.Context, q directory.DocumentQuery) iter.Seq2[directory.Document, error] {
	return func(yield func(directory.Document, error) bool) {
		all, err := r.documents(ctx, q)
		if err != nil {
			yield(directory.Document{}, err)
			return
		}
		for _, d := range all {
			if !yield(d.document(), nil) {
				return
			}
		}
	}
}

func (r *reader) documents(ctx context.Context, q directory.DocumentQuery) (all []documentDoc, err error) {
	if r.tx != nil && r.tx.queue.hasKind(q.Kind) {
		if err := r.tx.flush(ctx); err != nil {
			return nil, err
		}
	}
	ok, err := r.may(ctx, q.Org, q.Kind)
	if err != nil || !ok {
		return nil, err
	}
	var cursor *driver.Cursor
	if q.Below != "" {
		cursor, err = r.inRange(ctx, q)
	} else {
		cursor, err = r.byID(ctx, q)
	}
	if err == nil {
		err = cursor.All(r.In(ctx), &all)
	}
	return all, r.Fault(err)
}

// byID asks in the order of ids: for all, or those with a key.
func (r *reader) byID(ctx context.Context, q directory.DocumentQuery) (*driver.Cursor, error) {
	filter := bson.D{{Key: "o", Value: string(q.Org)}, {Key: "k", Value: string(q.Kind)}}
	switch {
	case q.Or != "":
		filter = append(filter, bson.E{Key: "keys", Value: bson.D{{Key: "$in", Value: bson.A{q.Key, q.Or}}}})
	case q.Key != "":
		filter = append(filter, bson.E{Key: "keys", Value: q.Key})
	}
	if q.After != "" {
		filter = append(filter, bson.E{Key: "i", Value: bson.D{{Key: "$gt", Value: q.After}}})
	}
	o := options.Find().SetSort(bson.D{{Key: "i", Value: 1}}).SetBatchSize(10_000)
	if q.Limit > 0 {
		o.SetLimit(int64(q.Limit))
	}
	return r.store.has.document.Find(r.In(ctx), filter, o)
}

// inRange asks in the order of the keys that lie in a range; a document with two of
// them comes twice.
func (r *reader) inRange(ctx context.Context, q directory.DocumentQuery) (*driver.Cursor, error) {
	within := bson.D{{Key: "$gte", Value: q.From}, {Key: "$lt", Value: q.Below}}
	steps := bson.A{
		bson.D{{Key: "$match", Value: bson.D{{Key: "o", Value: string(q.Org)}, {Key: "k", Value: string(q.Kind)}, {Key: "keys", Value: bson.D{{Key: "$elemMatch", Value: within}}}}}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "at", Value: bson.D{{Key: "$setUnion", Value: bson.A{"$keys"}}}}}}},
		bson.D{{Key: "$unwind", Value: "$at"}},
		bson.D{{Key: "$match", Value: bson.D{{Key: "at", Value: within}}}},
		bson.D{{Key: "$sort", Value: bson.D{{Key: "at", Value: 1}, {Key: "i", Value: 1}}}},
	}
	if q.Limit > 0 {
		steps = append(steps, bson.D{{Key: "$limit", Value: int64(q.Limit)}})
	}
	return r.store.has.document.Aggregate(r.In(ctx), steps)
}
