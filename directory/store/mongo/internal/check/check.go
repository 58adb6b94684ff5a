// Package check looks for damage: whether what is counted, claimed and searched by agrees
// with the records.
package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/directory/store/mongo/internal/search"
)

const (
	// checked is how many records one step of Check looks at.
	checked = 2_000
	// longestCount bounds the only question of Check that grows with the data.
	longestCount = 30 * time.Minute
)

// Store is what is looked at.
type Store interface {
	Organizations(ctx context.Context) ([]directory.Organization, error)
	// Lists are the listings as they are now.
	Lists(ctx context.Context) (*record.Lists, error)
	// View calls fn with one moment of it.
	View(ctx context.Context, fn func(Snapshot) error) error
}

// Snapshot is one moment of a store.
type Snapshot interface {
	search.Snapshot
	// Exists reports whether the guard of an organization is complete.
	Exists(ctx context.Context, org directory.OrgID) (bool, error)
}

// Check is a look at a store.
type Check struct {
	Store   Store
	Records *search.Records
	Kinds   record.Kinds
}

// Run looks for damage: whether the totals that Usher keeps agree with the
// records, whether every membership has both its ends, and whether resources agree with
// the unique values taken for them and the values that they are searched by. It takes as
// long as there is data. Each step sees one moment, so servers may work on the database
// meanwhile.
func (c *Check) Run(ctx context.Context) error {
	orgs, err := c.Store.Organizations(ctx)
	if err != nil {
		return err
	}
	settled, err := c.settledKeys(ctx)
	if err != nil {
		return err
	}
	for _, o := range orgs {
		if err := c.totals(ctx, o.ID); err != nil {
			return err
		}
		if err := c.edges(ctx, o.ID); err != nil {
			return err
		}
		if err := c.claims(ctx, o.ID, settled); err != nil {
			return err
		}
		if err := c.values(ctx, o.ID); err != nil {
			return err
		}
	}
	return nil
}

func (c *Check) totals(ctx context.Context, org directory.OrgID) error {
	ctx, cancel := context.WithTimeout(ctx, longestCount) // instead of the time for other questions
	defer cancel()
	return c.Store.View(ctx, func(in Snapshot) error {
		whole, err := in.Exists(ctx, org)
		if err != nil {
			return err
		}
		if !whole {
			return fmt.Errorf("the guard of the organization %s is damaged; restore a backup", org)
		}
		g, err := in.Numbers(ctx, org)
		if err != nil {
			return err
		}
		for _, k := range c.Kinds {
			n, err := c.Records.Count(ctx, in, k, org)
			if err != nil {
				return err
			}
			if have := g.Resources(k.Type.Name); have != int64(n) {
				return fmt.Errorf("the total of %s of the organization %s is kept as %d, and there are %d; restore a backup", k.Type.Name, org, have, n)
			}
		}
		return nil
	})
}

// edges wants both ends of every membership, neither of which was never a
// member of a group.
func (c *Check) edges(ctx context.Context, org directory.OrgID) error {
	wrong := 0
	err := inSteps(ctx, c.Store, c.Records.Edge, org, lean, func(in Snapshot, page []record.Edge) error {
		var ids []string
		for _, e := range page {
			ids = append(ids, record.Key(org, e.Group), record.Key(org, e.Member))
		}
		ends, err := byKey(ctx, in, c.Records.Resource, org, ids, func(d record.Resource) string { return d.Key })
		for _, e := range page {
			_, group := ends[record.Key(org, e.Group)]
			member, there := ends[record.Key(org, e.Member)]
			if !group || !there || member.Free {
				wrong++
			}
		}
		return err
	}, func(e record.Edge) string { return e.Key })
	if err == nil && wrong > 0 {
		err = fmt.Errorf("the memberships of the organization %s disagree with the records in %d places; restore a backup", org, wrong)
	}
	return err
}

// claims compares the unique values that resources have with those that are
// taken for them, from both sides.
func (c *Check) claims(ctx context.Context, org directory.OrgID, settled settledKeys) error {
	untaken, unheld := 0, 0
	err := inSteps(ctx, c.Store, c.Records.Resource, org, lean, func(in Snapshot, page []record.Resource) error {
		var ids []string
		for _, d := range page {
			ids = append(ids, record.Claims(org, d.Kind, settled.of(d))...)
		}
		taken, err := byKey(ctx, in, c.Records.Claim, org, ids, func(c record.Claim) string { return c.Key })
		for _, d := range page {
			for _, id := range record.Claims(org, d.Kind, settled.of(d)) {
				if taken[id].ID != d.ID {
					untaken++
				}
			}
		}
		return err
	}, func(d record.Resource) string { return d.Key })
	if err != nil {
		return err
	}
	err = inSteps(ctx, c.Store, c.Records.Claim, org, lean, func(in Snapshot, page []record.Claim) error {
		var ids []string
		for _, c := range page {
			ids = append(ids, record.Key(org, c.ID))
		}
		held, err := byKey(ctx, in, c.Records.Resource, org, ids, func(d record.Resource) string { return d.Key })
		for _, c := range page {
			d := held[record.Key(org, c.ID)]
			if settled.claim(c) && !slices.Contains(record.Claims(org, d.Kind, d.Unique), c.Key) {
				unheld++
			}
		}
		return err
	}, func(c record.Claim) string { return c.Key })
	if err == nil && untaken+unheld > 0 {
		err = fmt.Errorf("%d unique values of resources of the organization %s are not taken for them, and %d are taken that no resource has; restore a backup", untaken, org, unheld)
	}
	return err
}

// values compares the values that records are searched by with the records, but for
// those that programs of another version or configuration wrote.
func (c *Check) values(ctx context.Context, org directory.OrgID) error {
	wrong := 0
	err := inSteps(ctx, c.Store, c.Records.Resource, org, options.Find().SetProjection(bson.D{{Key: "u", Value: 0}, {Key: "t", Value: 0}}), func(_ Snapshot, page []record.Resource) error {
		for _, d := range page {
			if d.Values.Form != c.Records.Form.Name {
				continue
			}
			v, err := c.Records.Form.ValuesOf(d)
			if err != nil {
				return err
			}
			if !v.Equal(d.Values) {
				wrong++
			}
		}
		return nil
	}, func(d record.Resource) string { return d.Key })
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d records of the organization %s are searched by values that they do not have; restore a backup", wrong, org)
	}
	return err
}

// settledKeys are the attributes of each type whose values are unique, but for those of
// which that is just changing, as what the values begin with.
type settledKeys map[string][]string

func (c *Check) settledKeys(ctx context.Context) (settledKeys, error) {
	l, err := c.Store.Lists(ctx)
	if err != nil {
		return nil, err
	}
	all := settledKeys{}
	for _, one := range l.All {
		if one.Form == record.FormKeys && one.State == "" {
			all[one.Kind] = append(all[one.Kind], one.Prefix())
		}
	}
	return all, nil
}

func (k settledKeys) has(kind, value string) bool {
	return slices.ContainsFunc(k[kind], func(prefix string) bool { return strings.HasPrefix(value, prefix) })
}

// claim reports whether a claim is of one of them.
func (k settledKeys) claim(c record.Claim) bool {
	_, rest, _ := strings.Cut(c.Key, "/")
	kind, value, _ := strings.Cut(rest, "/")
	return k.has(kind, value)
}

// of lists the unique values of a resource.
func (k settledKeys) of(d record.Resource) []string {
	return slices.DeleteFunc(slices.Clone(d.Unique), func(value string) bool { return !k.has(d.Kind, value) })
}

// lean is what Check asks of documents: not their contents.
var lean = options.Find().SetProjection(bson.D{{Key: "b", Value: 0}, {Key: "t", Value: 0}, {Key: "a", Value: 0}, {Key: "e", Value: 0}})

// inSteps calls fn with all documents that an organization has in a collection, in
// the order of their keys, a step at a time from a snapshot of its own.
func inSteps[T any](ctx context.Context, s Store, c *driver.Collection, org directory.OrgID, what *options.FindOptionsBuilder, fn func(Snapshot, []T) error, keyOf func(T) string) error {
	for after := ""; ; {
		var page []T
		err := s.View(ctx, func(in Snapshot) error {
			within := record.Within(org)
			within[0].Value = cmp.Or(after, within[0].Value.(string))
			cursor, err := c.Find(in.In(ctx), bson.D{{Key: "_id", Value: within}, {Key: "o", Value: string(org)}}, what, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(checked))
			if err == nil {
				err = cursor.All(in.In(ctx), &page)
			}
			if err != nil {
				return in.Fault(err)
			}
			return fn(in, page)
		})
		if err != nil || len(page) < checked {
			return err
		}
		after = keyOf(page[len(page)-1])
	}
}

// byKey reads the documents of some keys.
func byKey[T any](ctx context.Context, in Snapshot, c *driver.Collection, org directory.OrgID, ids []string, keyOf func(T) string) (map[string]T, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var all []T
	cursor, err := c.Find(in.In(ctx), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, {Key: "o", Value: string(org)}}, lean)
	if err == nil {
		err = cursor.All(in.In(ctx), &all)
	}
	found := make(map[string]T, len(all))
	for _, d := range all {
		found[keyOf(d)] = d
	}
	return found, in.Fault(err)
}
