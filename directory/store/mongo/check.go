package mongo

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/check"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// Check looks for damage: whether the totals that Usher keeps agree with the
// records, whether every membership has both its ends, and whether resources agree with
// the unique values taken for them and the values that they are searched by. It takes as
// long as there is data. Each step sees one moment, so servers may work on the database
// meanwhile.
func (s *Store) Check(ctx context.Context) error {
	c := &check.Check{Store: moments{s}, Records: s.records, Kinds: s.kinds}
	return c.Run(ctx)
}

// moments is a store as it is looked at.
type moments struct{ *Store }

// Lists are the listings as they are now.
func (m moments) Lists(ctx context.Context) (*record.Lists, error) { return m.lists.Read(ctx) }

// View calls fn with one moment of the store.
func (m moments) View(ctx context.Context, fn func(check.Snapshot) error) error {
	return m.Store.View(ctx, func(r directory.Reader) error { return fn(r.(*reader)) })
}

// Exists reports whether the guard of an organization is complete.
func (r *reader) Exists(ctx context.Context, org directory.OrgID) (bool, error) {
	g, err := r.guards(ctx, org)
	return err == nil && g.exists(), err
}
