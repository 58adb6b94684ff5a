package registry

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
)

const (
	// await is how long one question for changes waits at the server.
	await = 2 * time.Second
	// between is the pause before the next stream when one has ended.
	between = time.Second
)

// Watch calls changed when somebody changed a token or a connection, or may have,
// until the context ends. It is a hint that comes early: whoever remembers
// credentials must forget them after a while all the same.
func (r *Registry) Watch(ctx context.Context, changed func()) error {
	for ctx.Err() == nil {
		_ = r.follow(ctx, changed) // a stream that ends, or is not to be had, is begun again
		changed()
		select {
		case <-ctx.Done():
		case <-time.After(between):
		}
	}
	return nil
}

// follow follows one stream to its end. When a token was last used is no change.
func (r *Registry) follow(ctx context.Context, changed func()) error {
	stream, err := r.token.Database().Watch(ctx, bson.A{bson.D{{Key: "$match", Value: bson.D{
		{Key: "ns.coll", Value: bson.D{{Key: "$in", Value: bson.A{r.token.Name(), r.connection.Name()}}}},
		{Key: "updateDescription.updatedFields.used", Value: bson.D{{Key: "$exists", Value: false}}},
	}}}}, options.ChangeStream().SetMaxAwaitTime(await))
	if err != nil {
		return failure.Busy(err)
	}
	defer func() { _ = stream.Close(context.WithoutCancel(ctx)) }()
	for ctx.Err() == nil {
		if stream.TryNext(ctx) {
			changed()
		} else if err := stream.Err(); err != nil {
			return failure.Busy(err)
		}
	}
	return directory.ErrClosed
}
