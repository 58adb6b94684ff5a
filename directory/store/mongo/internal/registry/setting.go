package registry

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
)

// Setting reads a setting of the server.
func (r *Registry) Setting(ctx context.Context, name string) ([]byte, error) {
	var d struct {
		Value []byte `bson:"v"`
	}
	err := r.setting.FindOne(ctx, bson.D{{Key: "_id", Value: name}}).Decode(&d)
	if errors.Is(err, driver.ErrNoDocuments) {
		return nil, directory.ErrNotFound
	}
	return d.Value, failure.Busy(err)
}

// PutSetting adds or replaces a setting.
func (r *Registry) PutSetting(ctx context.Context, name string, value []byte) error {
	_, err := r.setting.UpdateOne(ctx, bson.D{{Key: "_id", Value: name}}, bson.D{{Key: "$set", Value: bson.D{{Key: "v", Value: value}}}}, options.UpdateOne().SetUpsert(true))
	return failure.Busy(err)
}

// Settings lists the names of the settings.
func (r *Registry) Settings(ctx context.Context) (names []string, err error) {
	cursor, err := r.setting.Find(ctx, bson.D{}, options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}).SetSort(bson.D{{Key: "_id", Value: 1}}))
	var all []struct {
		Name string `bson:"_id"`
	}
	if err == nil {
		err = cursor.All(ctx, &all)
	}
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names, failure.Busy(err)
}

// AddSetting keeps a setting unless there is one of that name, and returns the one
// that is kept.
func (r *Registry) AddSetting(ctx context.Context, name string, value []byte) ([]byte, error) {
	_, err := r.setting.UpdateOne(ctx, bson.D{{Key: "_id", Value: name}}, bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "v", Value: value}}}}, options.UpdateOne().SetUpsert(true))
	if err != nil && !driver.IsDuplicateKeyError(err) {
		return nil, failure.Busy(err)
	}
	return r.Setting(ctx, name)
}

// Hold takes or prolongs a duty that one process has at a time, for as long as ttl
// by the server's clock; for no time at all, it asks whether the duty can be had, and
// gives it up. It reports false while another has it.
func (r *Registry) Hold(ctx context.Context, duty string, ttl time.Duration) (bool, error) {
	mineOrOver := bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "$eq", Value: bson.A{"$holder", r.self}}},
		bson.D{{Key: "$lte", Value: bson.A{"$until", "$$NOW"}}},
	}}}
	id, org := bson.E{Key: "_id", Value: "duty/" + duty}, bson.E{Key: "o", Value: ""}
	mine := bson.A{bson.D{{Key: "$set", Value: bson.D{{Key: "holder", Value: r.self}, {Key: "until", Value: bson.D{{Key: "$add", Value: bson.A{"$$NOW", ttl.Milliseconds()}}}}}}}}
	for again := false; ; again = true {
		result, err := r.state.UpdateOne(ctx, bson.D{id, org, {Key: "$expr", Value: mineOrOver}}, mine)
		if err != nil || result.MatchedCount > 0 || again {
			return err == nil && result.MatchedCount > 0, failure.Busy(err)
		}
		// Another has it, or nobody ever had: then it is over before it can be taken.
		_, err = r.state.InsertOne(ctx, bson.D{id, org, {Key: "holder", Value: ""}, {Key: "until", Value: time.Unix(0, 0)}})
		if err != nil && !driver.IsDuplicateKeyError(err) {
			return false, failure.Busy(err)
		}
	}
}
