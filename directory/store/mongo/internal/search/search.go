// Package search answers queries. A filter becomes a condition for the indexes or for the
// values that records keep, an order one for the server; where that is exact the server
// counts, sorts and pages, and otherwise filter.Match decides about each candidate.
package search

import (
	"context"

	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// Snapshot is where a search reads: a view, or a transaction.
type Snapshot interface {
	directory.Memberships
	// In is the context of a command that reads there.
	In(ctx context.Context) context.Context
	// Fault is the error of such a command.
	Fault(err error) error
	// Saw is told of every record that is read.
	Saw(org directory.OrgID, d record.Resource)
	// Numbers are what is counted in an organization.
	Numbers(ctx context.Context, org directory.OrgID) (Numbers, error)
}

// Numbers are what is counted in an organization.
type Numbers interface {
	// Resources is how many resources of a type there are.
	Resources(kind string) int64
	// Foreign is how many changes there were whose values are not in this program's
	// form, since all records had them.
	Foreign() int64
}

// Records are what the searches of a store look through.
type Records struct {
	Resource, Claim, Edge *driver.Collection

	Form   *record.Form
	OnFind func(plan string) // is told how each query was answered: list, index, verify or scan
}

// search is one query under way.
type search struct {
	Snapshot
	*Records
	k       *record.Kind
	org     directory.OrgID
	element bool // the node is about one element of an attribute
	values  bool // records have their values in this program's form
}
