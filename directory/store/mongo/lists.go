package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// serverSlot is where the listings are.
func serverSlot() bson.D { return bson.D{{Key: "_id", Value: slotKey("", 0)}, {Key: "o", Value: ""}} }

// listsOf reads the listings out of the guard of the server.
func (s *Store) listsOf(text string) (*record.Lists, error) {
	if l := s.lists.Load(); l != nil && l.Text == text {
		return l, nil
	}
	var all []record.Listing
	if text != "" {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return nil, fmt.Errorf("the listings of the database %s are damaged; restore a backup: %w", s.db().Name(), err)
		}
	}
	l := record.NewLists(text, all, s.opts.Registry, s.form)
	s.lists.Store(l)
	return l, nil
}

// readLists reads the listings as they are now.
func (s *Store) readLists(ctx context.Context) (*record.Lists, error) {
	var d guardDoc
	err := s.has.guard.FindOne(ctx, serverSlot()).Decode(&d)
	if err != nil && !errors.Is(err, driver.ErrNoDocuments) {
		return nil, failure.Busy(err)
	}
	return s.listsOf(d.Lists)
}

// swap replaces the listings, unless another process has meanwhile.
func (s *Store) swap(ctx context.Context, have *record.Lists, next []record.Listing) (bool, error) {
	text, err := json.Marshal(next)
	if err != nil {
		return false, err
	}
	at := append(serverSlot(), bson.E{Key: "x", Value: have.Text})
	if have.Text == "" {
		at[2].Value = nil // is not there
	}
	result, err := s.has.guard.UpdateOne(ctx, at, bson.D{{Key: "$set", Value: bson.D{{Key: "x", Value: string(text)}}}})
	return err == nil && result.MatchedCount == 1, failure.Busy(err)
}

// adopt fails when something that this program looks up is not there of all resources,
// or when keys are unique that it says are not. Then it takes over how it is kept.
func (s *Store) adopt(ctx context.Context) error {
	l, err := s.readLists(ctx)
	if err != nil {
		return err
	}
	var lacks []string
	for _, next := range l.Toward(s.opts.Registry) {
		mine := slices.ContainsFunc(record.Wanted(s.opts.Registry), next.Is)
		if have, ok := l.Find(next); mine && next.State != "" || ok && have.Claimed() && next.State == record.Giving {
			lacks = append(lacks, next.Path+" of "+next.Kind)
		}
	}
	if len(lacks) > 0 {
		slices.Sort(lacks)
		return incompleteError{fmt.Sprintf("the records in the database %s are indexed for another configuration, which differs in %s; run usher migrate with this configuration, also while servers with the other run",
			s.db().Name(), strings.Join(slices.Compact(lacks), ", "))}
	}
	if next := l.Toward(s.opts.Registry); !slices.Equal(next, l.All) { // with what is newborn
		if l, err = s.propose(ctx, false); err != nil {
			return err
		}
	}
	s.kinds = record.KindsOf(s.opts.Registry, l)
	return nil
}
