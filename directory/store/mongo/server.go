package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/index"
)

// Why a server is refused.
var (
	errStandalone = errors.New("the MongoDB server is a standalone one, which has no transactions; make it a replica set (start it with --replSet rs0 and run rs.initiate() once, also with a single node) and name the set in store.uri")
	errOld        = errors.New("the MongoDB server is older than 6.0; Usher needs 6.0 or later")
	errPassword   = errors.New("MongoDB does not accept the user or the password; look at the address in the file that store.uri_file names, and at its authSource")
	errFaked      = errors.New("the server accepts transactions and does not undo one that is aborted; Usher needs MongoDB itself, 6.0 or later")
)

// leastWire is the wire version of MongoDB 6.0.
const leastWire = 17

// check asks the server for what the store cannot do without, and says which
// server it is.
func (s *Store) check(ctx context.Context, db *driver.Database) (string, error) {
	var hello struct {
		Set     string `bson:"setName"`
		Message string `bson:"msg"`
		Wire    int    `bson:"maxWireVersion"`
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		if strings.Contains(err.Error(), "AuthenticationFailed") { // the driver gives no type to it
			return "", errPassword
		}
		return "", fmt.Errorf("MongoDB cannot be reached; look at store.uri, the network, TLS and the server: %w", err)
	}
	what := "replica set " + hello.Set
	switch {
	case hello.Message == "isdbgrid":
		what = "mongos"
	case hello.Set == "":
		return "", errStandalone
	}
	if hello.Wire < leastWire {
		return "", errOld
	}
	var info struct {
		Version string `bson:"version"`
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
		return "", fmt.Errorf("ask MongoDB for its version: %w", failure.Busy(err))
	}
	return "MongoDB " + info.Version + ", " + what, s.probe(ctx)
}

// probe aborts a transaction and looks whether anything of it is left.
func (s *Store) probe(ctx context.Context) error {
	sess, err := s.client.StartSession()
	if err != nil {
		return fmt.Errorf("open a session: %w", failure.Busy(err))
	}
	defer sess.EndSession(context.WithoutCancel(ctx))
	if err := index.Ensure(ctx, s.db(), "state"); err != nil {
		return err
	}
	if err := sess.StartTransaction(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	mark := bson.D{{Key: "_id", Value: "probe/" + s.self}, {Key: "o", Value: ""}}
	if _, err := s.has.state.InsertOne(driver.NewSessionContext(ctx, sess), mark); err != nil {
		return fmt.Errorf("the server does not take transactions; Usher needs a MongoDB replica set, 6.0 or later: %w", err)
	}
	if err := sess.AbortTransaction(ctx); err != nil {
		return fmt.Errorf("abort a transaction: %w", failure.Busy(err))
	}
	switch err := s.has.state.FindOne(ctx, mark).Err(); {
	case err == nil:
		return errFaked
	case !errors.Is(err, driver.ErrNoDocuments):
		return failure.Busy(err)
	}
	return nil
}
