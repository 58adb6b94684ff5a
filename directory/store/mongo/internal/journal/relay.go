package journal

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/outbox"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/index"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// The outbox is the events that have a due time. A lease puts it off, so that what
// a process does not acknowledge is due again.

// pending is the condition for events that were not delivered.
func pending() bson.E {
	return bson.E{Key: "due", Value: bson.D{{Key: "$exists", Value: true}}}
}

// looked bounds the events that one lease walks over, of which those in the hands
// of others, and all behind them, are skipped.
const looked = 20_000

// Lease hands out due envelopes, and none of a resource while an earlier one of it
// is on its way elsewhere. Two that lease at once conflict, and one finds nothing.
func (j *Journal) Lease(ctx context.Context, n int, ttl time.Duration) (batch []outbox.Envelope, err error) {
	sess, err := j.client.StartSession()
	if err != nil {
		return nil, failure.Busy(err)
	}
	defer sess.EndSession(context.WithoutCancel(ctx))
	if err := sess.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot())); err != nil {
		return nil, failure.Busy(err)
	}
	in := driver.NewSessionContext(ctx, sess)
	docs, err := j.claim(in, n, ttl)
	if err == nil && len(docs) > 0 {
		err = sess.CommitTransaction(ctx)
	} else {
		err = errors.Join(err, sess.AbortTransaction(context.WithoutCancel(ctx)))
	}
	if failure.Labelled(err, failure.Transient) {
		return nil, nil
	}
	if err != nil {
		return nil, failure.Busy(err)
	}
	for _, d := range docs {
		e := outbox.Envelope{Key: record.Key(directory.OrgID(d.Org), d.ID), Tries: d.Tries}
		if err := json.Unmarshal(d.Data, &e.Event); err != nil {
			return nil, err
		}
		batch = append(batch, e)
	}
	return batch, nil
}

// claim finds the events and puts off their due time, in a transaction that writes
// the one document of the relay: so two cannot each take a part of what is due.
func (j *Journal) claim(ctx context.Context, n int, ttl time.Duration) ([]Event, error) {
	cursor, err := j.event.Find(ctx, bson.D{pending()}, options.Find().SetHint(index.Pending).SetSort(bson.D{{Key: "s", Value: 1}}).SetLimit(looked).SetBatchSize(int32(2*n)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = cursor.Close(ctx) }() // nothing is lost with it
	type subject struct{ org, resource string }
	now := time.Now()
	behind := map[subject]bool{}
	var docs []Event
	var keys []string
	for len(docs) < n && cursor.Next(ctx) {
		var d Event
		if err := cursor.Decode(&d); err != nil {
			return nil, err
		}
		of := subject{d.Org, d.Resource}
		if behind[of] || *d.Due > now.UnixMilli() {
			behind[of] = true
			continue
		}
		docs, keys = append(docs, d), append(keys, record.Key(directory.OrgID(d.Org), d.ID))
	}
	if err := cursor.Err(); err != nil || len(docs) == 0 {
		return nil, err
	}
	if _, err := j.state.UpdateOne(ctx, bson.D{{Key: "_id", Value: "relay"}, {Key: "o", Value: ""}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}, options.UpdateOne().SetUpsert(true)); err != nil {
		return nil, err
	}
	return docs, j.stamp(ctx, keys, bson.D{{Key: "$set", Value: bson.D{{Key: "due", Value: now.Add(ttl).UnixMilli()}, {Key: "lease", Value: j.self}}}})
}

// stamp changes the events of some envelopes, each organization's by name: so a command
// goes where the events of that organization are.
func (j *Journal) stamp(ctx context.Context, keys []string, update bson.D) error {
	var models []driver.WriteModel
	ids, orgs := map[directory.OrgID]bson.A{}, []directory.OrgID{}
	for _, k := range keys {
		org, id := record.Parted(k)
		if ids[org] == nil {
			orgs = append(orgs, org)
		}
		ids[org] = append(ids[org], id)
	}
	for _, org := range orgs {
		models = append(models, driver.NewUpdateManyModel().SetFilter(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids[org]}}}, {Key: "o", Value: string(org)}}).SetUpdate(update))
	}
	if len(models) == 0 {
		return nil
	}
	_, err := j.event.BulkWrite(ctx, models)
	return err
}

// Ack forgets delivered envelopes.
func (j *Journal) Ack(ctx context.Context, keys ...string) error {
	return failure.Busy(j.stamp(ctx, keys, bson.D{{Key: "$unset", Value: bson.D{{Key: "due", Value: ""}, {Key: "tries", Value: ""}, {Key: "lease", Value: ""}}}}))
}

// Retry makes an envelope due at a later time, unless it was delivered meanwhile.
func (j *Journal) Retry(ctx context.Context, key string, at time.Time) error {
	org, id := record.Parted(key)
	_, err := j.event.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "o", Value: string(org)}, pending()},
		bson.D{{Key: "$set", Value: bson.D{{Key: "due", Value: at.UnixMilli()}}}, {Key: "$inc", Value: bson.D{{Key: "tries", Value: 1}}}, {Key: "$unset", Value: bson.D{{Key: "lease", Value: ""}}}})
	return failure.Busy(err)
}

// lag remembers how many envelopes there were: counting millions takes time.
type lag struct {
	mu    sync.Mutex
	n     int64
	again time.Time
}

// Lag is the age of the oldest envelope and the number of them, which is at most
// fifty times as old as counting takes.
func (j *Journal) Lag(ctx context.Context) (oldest time.Duration, n int, err error) {
	var first Event
	err = j.event.FindOne(ctx, bson.D{pending()}, options.FindOne().SetHint(index.Pending).SetSort(bson.D{{Key: "s", Value: 1}}).SetProjection(bson.D{{Key: "at", Value: 1}})).Decode(&first)
	if errors.Is(err, driver.ErrNoDocuments) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, failure.Busy(err)
	}
	j.lag.mu.Lock()
	defer j.lag.mu.Unlock()
	if began := time.Now(); began.After(j.lag.again) {
		if j.lag.n, err = j.event.CountDocuments(ctx, bson.D{pending()}, options.Count().SetHint(index.Pending)); err != nil {
			return 0, 0, failure.Busy(err)
		}
		j.lag.again = time.Now().Add(50 * time.Since(began))
	}
	return time.Since(time.UnixMilli(first.At)), int(max(1, j.lag.n)), nil
}
