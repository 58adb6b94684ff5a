package journal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// Event is an event as it is kept: the record of the audit, and the message of
// the outbox as long as it has a due time.
type Event struct {
	ID       string   `bson:"_id"`
	Org      string   `bson:"o"`
	Place    int64    `bson:"s"`
	At       int64    `bson:"at"` // milliseconds since 1970
	Resource string   `bson:"r"`
	Action   string   `bson:"a"`
	About    []string `bson:"w,omitempty"` // resource, actor, values of effects; see ownOf
	Data     []byte   `bson:"d"`           // JSON
	Due      *int64   `bson:"due,omitempty"`
	Tries    int      `bson:"tries,omitempty"`
	Lease    string   `bson:"lease,omitempty"`
}

// EventOf makes an event as it is kept, due for the relay at once.
func EventOf(e directory.Event) (Event, error) {
	data, err := json.Marshal(e)
	due := int64(0)
	about := []string{e.Resource}
	switch {
	case e.Actor.User != "":
		about = append(about, e.Actor.User)
	case e.Actor.Kind == directory.Client:
		about = append(about, ownOf(e.Actor.Connection))
	}
	for _, effect := range e.Effects {
		if effect.Value != "" && !slices.Contains(about, effect.Value) && !strings.Contains(effect.Value, record.Separator) {
			about = append(about, effect.Value)
		}
	}
	return Event{About: about, ID: e.ID, Org: string(e.Org), Place: placeOf(e), At: e.Time.UnixMilli(), Resource: e.Resource, Action: e.Action, Data: data, Due: &due}, err
}

// ownOf stands, among what an event is about, for the client that is its actor. No id
// has the separator in it.
func ownOf(c directory.ConnectionID) string { return "client" + record.Separator + string(c) }

// placeOf is where an event stands in the audit: the time in milliseconds and, below
// it, the 12 bits that order the ids of one millisecond. There is no counter, which
// all changes would fight over. It fits what JavaScript holds exactly until 2039.
func placeOf(e directory.Event) int64 {
	at := e.Time.UnixMilli() << 12
	if id, err := uuid.Parse(e.ID); err == nil && id.Version() == 7 {
		return (int64(binary.BigEndian.Uint64(id[:8])>>16) << 12) | int64(binary.BigEndian.Uint16(id[6:8])&0xfff)
	}
	return at
}

// Trail reads events in their order. Events of one place are never torn apart.
func (j *Journal) Trail(ctx context.Context, q directory.TrailQuery) (list []directory.Entry, err error) {
	filter := bson.D{{Key: "o", Value: string(q.Org)}, {Key: "s", Value: bson.D{{Key: "$gt", Value: q.After}}}}
	about := bson.A{}
	if q.Resource != "" {
		about = append(about, q.Resource)
		filter = append(filter, bson.E{Key: "r", Value: q.Resource})
	}
	if q.Action != "" {
		filter = append(filter, bson.E{Key: "a", Value: q.Action})
	}
	if q.About != "" {
		about = append(about, q.About)
	}
	if q.Client != "" {
		about = append(about, ownOf(q.Client))
	}
	if len(about) > 0 {
		filter = append(filter, bson.E{Key: "w", Value: bson.D{{Key: "$all", Value: about}}})
	}
	if q.Waiting {
		filter = append(filter, bson.E{Key: "due", Value: bson.D{{Key: "$exists", Value: true}}})
	}
	docs, err := j.events(ctx, filter, q.Limit)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	if last := docs[len(docs)-1].Place; len(docs) == q.Limit {
		filter[1].Value = last
		same, err := j.events(ctx, filter, 0)
		if err != nil {
			return nil, err
		}
		for len(docs) > 0 && docs[len(docs)-1].Place == last {
			docs = docs[:len(docs)-1]
		}
		docs = append(docs, same...)
	}
	for _, d := range docs {
		e := directory.Entry{Seq: d.Place}
		if err := json.Unmarshal(d.Data, &e.Event); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func (j *Journal) events(ctx context.Context, filter bson.D, limit int) (all []Event, err error) {
	o := options.Find().SetSort(bson.D{{Key: "s", Value: 1}, {Key: "_id", Value: 1}})
	if limit > 0 {
		o.SetLimit(int64(limit))
	}
	cursor, err := j.event.Find(ctx, filter, o)
	if err == nil {
		err = cursor.All(ctx, &all)
	}
	return all, failure.Busy(err)
}

// Event finds one event.
func (j *Journal) Event(ctx context.Context, org directory.OrgID, id string) (e directory.Event, err error) {
	var d Event
	err = j.event.FindOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "o", Value: string(org)}}).Decode(&d)
	if errors.Is(err, driver.ErrNoDocuments) {
		return e, directory.ErrNotFound
	}
	if err != nil {
		return e, failure.Busy(err)
	}
	return e, json.Unmarshal(d.Data, &e)
}
