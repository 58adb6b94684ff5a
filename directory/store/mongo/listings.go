package mongo

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/listing"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// alone calls fn with the only transaction of an organization.
func (s *Store) alone(ctx context.Context, org directory.OrgID, fn func(*tx, *record.Lists) error) error {
	return s.Update(ctx, func(dir directory.Tx) error {
		t := dir.(*tx)
		if err := t.Alone(ctx, org); err != nil {
			return err
		}
		g, err := t.guards(ctx, org)
		if err != nil {
			return err
		}
		t.wrote = true
		return fn(t, g.lists)
	})
}

// lister is a store as its listings are made in it.
type lister struct{ *Store }

// Alone calls fn with the only transaction of an organization.
func (l lister) Alone(ctx context.Context, org directory.OrgID, fn func(listing.Transaction, *record.Lists) error) error {
	return l.alone(ctx, org, func(t *tx, lists *record.Lists) error { return fn(t, lists) })
}

// Count is how many resources of some types an organization has.
func (l lister) Count(ctx context.Context, org directory.OrgID, kinds []string) (n int64, err error) {
	err = l.View(ctx, func(r directory.Reader) error {
		g, err := r.(*reader).guards(ctx, org)
		if err == nil {
			for _, kind := range kinds {
				n += g.Resources(kind)
			}
		}
		return err
	})
	return n, err
}
