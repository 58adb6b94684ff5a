// Package listing keeps the listings of a database, which say what is kept of records:
// it reads and replaces them, and makes what a configuration lacks beside running servers.
package listing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Book is the listings of a database.
type Book struct {
	DB           *driver.Database
	Slot         bson.D // where they stand: the guard of the server
	Registry     *schemas.Registry
	Form         *record.Form
	OnBuild      func(doing string) // is told of what will take its time
	BuildTimeout time.Duration
	last         atomic.Pointer[record.Lists]
}

// Store is where listings are made.
type Store interface {
	Organizations(ctx context.Context) ([]directory.Organization, error)
	// Count is how many resources of some types an organization has.
	Count(ctx context.Context, org directory.OrgID, kinds []string) (int64, error)
	// Alone calls fn with the only transaction of an organization, and the listings as
	// it sees them.
	Alone(ctx context.Context, org directory.OrgID, fn func(Transaction, *record.Lists) error) error
}

// Transaction is what listings are made with.
type Transaction interface {
	// In is the context of a command of the transaction.
	In(ctx context.Context) context.Context
	// Fault is the error of such a command.
	Fault(err error) error
	// Type is the resource type of that name.
	Type(name string) (*scim.ResourceType, error)
}

func (b *Book) guard() *driver.Collection { return b.DB.Collection("guard") }

// Parse reads the listings out of the guard of the server.
func (b *Book) Parse(text string) (*record.Lists, error) {
	if l := b.last.Load(); l != nil && l.Text == text {
		return l, nil
	}
	var all []record.Listing
	if text != "" {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return nil, fmt.Errorf("the listings of the database %s are damaged; restore a backup: %w", b.DB.Name(), err)
		}
	}
	l := record.NewLists(text, all, b.Registry, b.Form)
	b.last.Store(l)
	return l, nil
}

// Read reads the listings as they are now.
func (b *Book) Read(ctx context.Context) (*record.Lists, error) {
	var d struct {
		Lists string `bson:"x"`
	}
	err := b.guard().FindOne(ctx, b.Slot).Decode(&d)
	if err != nil && !errors.Is(err, driver.ErrNoDocuments) {
		return nil, failure.Busy(err)
	}
	return b.Parse(d.Lists)
}

// swap replaces the listings, unless another process has meanwhile.
func (b *Book) swap(ctx context.Context, have *record.Lists, next []record.Listing) (bool, error) {
	text, err := json.Marshal(next)
	if err != nil {
		return false, err
	}
	was := bson.E{Key: "x", Value: have.Text}
	if have.Text == "" {
		was.Value = nil // is not there
	}
	result, err := b.guard().UpdateOne(ctx, slices.Concat(b.Slot, bson.D{was}), bson.D{{Key: "$set", Value: bson.D{{Key: "x", Value: string(text)}}}})
	return err == nil && result.MatchedCount == 1, failure.Busy(err)
}

// Adopt fails when something that this program looks up is not there of all resources,
// or when keys are unique that it says are not. Then it takes over how it is kept.
func (b *Book) Adopt(ctx context.Context) (record.Kinds, error) {
	l, err := b.Read(ctx)
	if err != nil {
		return nil, err
	}
	var lacks []string
	for _, next := range l.Toward(b.Registry) {
		mine := slices.ContainsFunc(record.Wanted(b.Registry), next.Is)
		if have, ok := l.Find(next); mine && next.State != "" || ok && have.Claimed() && next.State == record.Giving {
			lacks = append(lacks, next.Path+" of "+next.Kind)
		}
	}
	if len(lacks) > 0 {
		slices.Sort(lacks)
		return nil, fmt.Errorf("the records in the database %s are indexed for another configuration, which differs in %s; run usher migrate with this configuration, also while servers with the other run",
			b.DB.Name(), strings.Join(slices.Compact(lacks), ", "))
	}
	if next := l.Toward(b.Registry); !slices.Equal(next, l.All) { // with what is newborn
		if l, err = b.propose(ctx, false); err != nil {
			return nil, err
		}
	}
	return record.KindsOf(b.Registry, l), nil
}
