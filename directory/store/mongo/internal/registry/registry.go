// Package registry is what operators set up: organizations, connections, tokens and
// settings, who has which duty, and the news that credentials changed.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
)

// Registry is a directory.Registry and directory.Settings, and shares out the duties
// that one process has at a time.
type Registry struct {
	client *driver.Client

	organization, connection, token, setting, state *driver.Collection

	self  string                                               // names this process in duties
	guard func(ctx context.Context, org directory.OrgID) error // makes the guard of a new organization
}

// New is the registry in a database. It calls guard in the transaction that
// makes a new organization.
func New(db *driver.Database, self string, guard func(context.Context, directory.OrgID) error) *Registry {
	return &Registry{db.Client(), db.Collection("organization"), db.Collection("connection"), db.Collection("token"), db.Collection("setting"), db.Collection("state"), self, guard}
}

// jsonDoc is something that is kept as JSON.
type jsonDoc struct {
	ID   string `bson:"_id"`
	Org  string `bson:"o"`
	Data []byte `bson:"d"`
}

// one reads a single document as JSON.
func one[T any](ctx context.Context, c *driver.Collection, id string) (v T, err error) {
	var d jsonDoc
	err = c.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Decode(&d)
	if errors.Is(err, driver.ErrNoDocuments) {
		return v, directory.ErrNotFound
	}
	if err != nil {
		return v, failure.Busy(err)
	}
	return v, json.Unmarshal(d.Data, &v)
}

// many reads documents as JSON.
func many[T any](ctx context.Context, c *driver.Collection, filter, sort bson.D) (all []T, err error) {
	cursor, err := c.Find(ctx, filter, options.Find().SetSort(sort))
	var docs []jsonDoc
	if err == nil {
		err = cursor.All(ctx, &docs)
	}
	if err != nil {
		return nil, failure.Busy(err)
	}
	for _, d := range docs {
		var v T
		if err := json.Unmarshal(d.Data, &v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Organization reads one organization.
func (r *Registry) Organization(ctx context.Context, id directory.OrgID) (directory.Organization, error) {
	return one[directory.Organization](ctx, r.organization, string(id))
}

// Organizations lists all of them.
func (r *Registry) Organizations(ctx context.Context) ([]directory.Organization, error) {
	return many[directory.Organization](ctx, r.organization, bson.D{}, bson.D{{Key: "_id", Value: 1}})
}

// AddOrganization makes a new one, with its guard.
func (r *Registry) AddOrganization(ctx context.Context, o directory.Organization) error {
	if o.ID == "" {
		return fmt.Errorf("an organization needs an id")
	}
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	sess, err := r.client.StartSession()
	if err != nil {
		return failure.Busy(err)
	}
	defer sess.EndSession(context.WithoutCancel(ctx))
	_, err = sess.WithTransaction(ctx, func(ctx context.Context) (any, error) {
		if _, err := r.organization.InsertOne(ctx, jsonDoc{string(o.ID), string(o.ID), data}); err != nil {
			return nil, err
		}
		return nil, r.guard(ctx, o.ID)
	})
	if driver.IsDuplicateKeyError(err) {
		return directory.ErrExists
	}
	return failure.Busy(err)
}

// Connection reads one connection.
func (r *Registry) Connection(ctx context.Context, id directory.ConnectionID) (directory.Connection, error) {
	return one[directory.Connection](ctx, r.connection, string(id))
}

// Connections lists those of an organization, or all.
func (r *Registry) Connections(ctx context.Context, org directory.OrgID) ([]directory.Connection, error) {
	filter := bson.D{}
	if org != "" {
		filter = bson.D{{Key: "o", Value: string(org)}}
	}
	return many[directory.Connection](ctx, r.connection, filter, bson.D{{Key: "o", Value: 1}, {Key: "_id", Value: 1}})
}

// PutConnection adds or replaces a connection.
func (r *Registry) PutConnection(ctx context.Context, c directory.Connection) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = r.connection.ReplaceOne(ctx, bson.D{{Key: "_id", Value: string(c.ID)}}, jsonDoc{string(c.ID), string(c.Org), data}, options.Replace().SetUpsert(true))
	return failure.Busy(err)
}

// tokenDoc is a token. What only ever moves forward has fields of its own, so that
// a process with an older copy does not undo it: a revocation is for good.
type tokenDoc struct {
	ID         string `bson:"_id"`
	Org        string `bson:"o"`
	Connection string `bson:"c"`
	Hash       []byte `bson:"h"`
	Data       []byte `bson:"d"`
	Used       int64  `bson:"used,omitempty"`    // nanoseconds since 1970
	Revoked    int64  `bson:"revoked,omitempty"` // the same
}

func (d tokenDoc) token() (t directory.Token, err error) {
	err = json.Unmarshal(d.Data, &t)
	t.Hash, t.LastUsed, t.Revoked = d.Hash, moment(d.Used), moment(d.Revoked)
	return t, err
}

func moment(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// Token reads one token.
func (r *Registry) Token(ctx context.Context, id string) (t directory.Token, err error) {
	var d tokenDoc
	err = r.token.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Decode(&d)
	if errors.Is(err, driver.ErrNoDocuments) {
		return t, directory.ErrNotFound
	}
	if err != nil {
		return t, failure.Busy(err)
	}
	return d.token()
}

// Tokens lists those of a connection, or all, oldest first.
func (r *Registry) Tokens(ctx context.Context, c directory.ConnectionID) (all []directory.Token, err error) {
	filter := bson.D{}
	if c != "" {
		filter = bson.D{{Key: "c", Value: string(c)}}
	}
	cursor, err := r.token.Find(ctx, filter, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	var docs []tokenDoc
	if err == nil {
		err = cursor.All(ctx, &docs)
	}
	if err != nil {
		return nil, failure.Busy(err)
	}
	for _, d := range docs {
		t, err := d.token()
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(a, b directory.Token) int { return a.Created.Compare(b.Created) })
	return all, nil
}

// PutToken adds or replaces a token. It never takes a revocation back.
func (r *Registry) PutToken(ctx context.Context, t directory.Token) error {
	plain := t
	plain.LastUsed, plain.Revoked = time.Time{}, time.Time{}
	data, err := json.Marshal(plain)
	if err != nil {
		return err
	}
	update := bson.D{{Key: "$set", Value: bson.D{{Key: "o", Value: string(t.Org)}, {Key: "c", Value: string(t.Connection)}, {Key: "h", Value: t.Hash}, {Key: "d", Value: data}}}}
	if !t.LastUsed.IsZero() {
		update = append(update, bson.E{Key: "$max", Value: bson.D{{Key: "used", Value: t.LastUsed.UnixNano()}}})
	}
	if !t.Revoked.IsZero() {
		update = append(update, bson.E{Key: "$min", Value: bson.D{{Key: "revoked", Value: t.Revoked.UnixNano()}}})
	}
	_, err = r.token.UpdateOne(ctx, bson.D{{Key: "_id", Value: t.ID}}, update, options.UpdateOne().SetUpsert(true))
	return failure.Busy(err)
}

// TouchTokens records when tokens were last used.
func (r *Registry) TouchTokens(ctx context.Context, used map[string]time.Time) error {
	var models []driver.WriteModel
	for id, at := range used {
		models = append(models, driver.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: id}}).SetUpdate(bson.D{{Key: "$max", Value: bson.D{{Key: "used", Value: at.UnixNano()}}}}))
	}
	if len(models) == 0 {
		return nil
	}
	_, err := r.token.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	return failure.Busy(err)
}
