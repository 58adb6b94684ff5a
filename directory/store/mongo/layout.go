package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/index"
)

const (
	// layoutVersion is the number of the layout of the collections.
	layoutVersion = 2
	// leastVersion is the oldest layout whose programs can work on this one: a
	// layout that only adds keeps it, so that the programs of the version before
	// may go on, and be started again, while servers are replaced.
	leastVersion = 1
)

// SchemaVersion is the number of the layout of the collections.
func SchemaVersion() int { return layoutVersion }

// layoutID is the document of the collection state that says which layout a
// database has. It is written when everything of it is there.
const layoutID = "layout"

type layoutDoc struct {
	Version int `bson:"n"`
	Least   int `bson:"least"`
}

// prepare looks whether the program can work on the database. In an empty one it
// makes everything. In one with data it makes what is missing only if that is
// wanted: building an index of much data is not for a start to do unasked.
func (s *Store) prepare(ctx context.Context) error {
	at, err := s.layout(ctx)
	if err != nil {
		return err
	}
	if at.Least > layoutVersion {
		return fmt.Errorf("the data in the database %s was brought up to date by a newer usher (layout %d, this program knows %d); use that one", s.db().Name(), at.Version, layoutVersion)
	}
	empty, err := s.empty(ctx, at)
	if err != nil {
		return err
	}
	if empty || s.opts.Migrate {
		if err := s.furnish(ctx); err != nil {
			return err
		}
		if err := s.lists.Relist(ctx, lister{s}, empty); err != nil {
			return err
		}
		if err := s.remember(ctx); err != nil {
			return err
		}
		if err := s.adopt(ctx); err != nil {
			return err
		}
		return s.refreshAll(ctx)
	}
	if at.Version < layoutVersion {
		return fmt.Errorf("the data in the database %s is at layout %d, and this program needs %d; run usher migrate with this program, also while servers of the version before run", s.db().Name(), at.Version, layoutVersion)
	}
	if err := s.complete(ctx); err != nil {
		return err
	}
	return s.adopt(ctx)
}

// furnish makes the collections and indexes that are missing. Nothing is changed that
// is there, so servers may work meanwhile. Building an index of much data takes its
// time, which the time for other questions does not bound.
func (s *Store) furnish(ctx context.Context) error {
	for _, c := range s.has.all() {
		if err := index.Ensure(ctx, s.db(), c.Name()); err != nil {
			return err
		}
	}
	lacks, err := index.Missing(ctx, s.db())
	if err != nil {
		return err
	}
	long, cancel := context.WithTimeout(ctx, s.opts.BuildTimeout)
	defer cancel()
	if err := index.Build(long, s.db(), lacks, s.opts.OnBuild); err != nil {
		return err
	}
	return s.seed(ctx)
}

// adopt takes over what the database keeps of records.
func (s *Store) adopt(ctx context.Context) (err error) {
	s.kinds, err = s.lists.Adopt(ctx)
	return err
}

func (s *Store) layout(ctx context.Context) (at layoutDoc, err error) {
	err = s.has.state.FindOne(ctx, bson.D{{Key: "_id", Value: layoutID}, {Key: "o", Value: ""}}).Decode(&at)
	if errors.Is(err, driver.ErrNoDocuments) {
		return at, nil
	}
	return at, failure.Busy(err)
}

// empty reports whether nothing was ever kept in the database. Several processes
// that begin at once find it so together, and make the same.
func (s *Store) empty(ctx context.Context, at layoutDoc) (bool, error) {
	if at.Version > 0 {
		return false, nil
	}
	err := s.has.organization.FindOne(ctx, bson.D{}).Err()
	if errors.Is(err, driver.ErrNoDocuments) {
		return true, nil
	}
	return false, failure.Busy(err)
}

// remember writes down the layout, unless a newer program has.
func (s *Store) remember(ctx context.Context) error {
	_, err := s.has.state.UpdateOne(ctx, bson.D{{Key: "_id", Value: layoutID}, {Key: "o", Value: ""}},
		bson.D{{Key: "$max", Value: bson.D{{Key: "n", Value: layoutVersion}, {Key: "least", Value: leastVersion}}}}, options.UpdateOne().SetUpsert(true))
	if driver.IsDuplicateKeyError(err) {
		return nil // another process has this moment
	}
	return failure.Busy(err)
}

// complete fails when indexes are missing.
func (s *Store) complete(ctx context.Context) error {
	lacks, err := index.Missing(ctx, s.db())
	if err != nil || len(lacks) == 0 {
		return err
	}
	return incompleteError{fmt.Sprintf("the database %s lacks indexes that Usher needs (%s); run usher migrate, also while servers run", s.db().Name(), index.Names(lacks))}
}

// incompleteError says that the database lacks something, and not that it cannot be asked.
type incompleteError struct{ text string }

func (e incompleteError) Error() string { return e.text }

// lookAgain is how often a running server looks whether all indexes are there.
const lookAgain = 2 * time.Second

// health is what was last found out about the indexes.
type health struct {
	mu    sync.Mutex
	until time.Time
	lacks error
}

// whole fails when indexes were dropped under the running server. While that cannot
// be asked, what was found last holds.
func (s *Store) whole(ctx context.Context) error {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if time.Now().Before(s.health.until) {
		return s.health.lacks
	}
	var incomplete incompleteError
	err := s.complete(ctx)
	if err == nil || errors.As(err, &incomplete) {
		s.health.lacks, s.health.until = err, time.Now().Add(lookAgain)
	}
	return s.health.lacks
}
