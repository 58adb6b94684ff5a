package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory"
)

// Check looks for damage: whether the totals that Usher keeps agree with the
// records, and whether every membership has both its ends.
func (s *Store) Check(ctx context.Context) error {
	orgs, err := s.Organizations(ctx)
	if err != nil {
		return err
	}
	for _, o := range orgs {
		if err := s.View(ctx, func(r directory.Reader) error { return r.(*reader).checkTotals(ctx, o.ID) }); err != nil {
			return err
		}
		if err := s.checkEdges(ctx, o.ID); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) checkTotals(ctx context.Context, org directory.OrgID) error {
	g, err := r.guards(ctx, org)
	if err != nil {
		return err
	}
	if !g.exists() {
		return fmt.Errorf("the guard of the organization %s is damaged; restore a backup", org)
	}
	for _, k := range r.store.kinds {
		s := &search{reader: r, k: k, org: org}
		n, err := s.count(ctx, lowered{cond: s.within(), hint: indexOrder})
		if err != nil {
			return err
		}
		if have := g.resources(k.rt.Name); have != int64(n) {
			return fmt.Errorf("the total of %s of the organization %s is kept as %d, and there are %d", k.rt.Name, org, have, n)
		}
	}
	return nil
}

func (s *Store) checkEdges(ctx context.Context, org directory.OrgID) error {
	lookup := func(end string) bson.D {
		return bson.D{{Key: "$lookup", Value: bson.D{{Key: "from", Value: "resource"}, {Key: "as", Value: end + "End"},
			{Key: "let", Value: bson.D{{Key: "id", Value: bson.D{{Key: "$concat", Value: bson.A{key(org, ""), "$" + end}}}}}},
			{Key: "pipeline", Value: bson.A{
				bson.D{{Key: "$match", Value: bson.D{{Key: "$expr", Value: bson.D{{Key: "$eq", Value: bson.A{"$_id", "$$id"}}}}}}},
				bson.D{{Key: "$project", Value: bson.D{{Key: "_id", Value: 1}}}},
			}}}}}
	}
	cursor, err := s.has.edge.Aggregate(ctx, bson.A{
		bson.D{{Key: "$match", Value: bson.D{{Key: "o", Value: string(org)}}}}, lookup("g"), lookup("m"),
		bson.D{{Key: "$match", Value: bson.D{{Key: "$or", Value: bson.A{bson.D{{Key: "gEnd", Value: bson.A{}}}, bson.D{{Key: "mEnd", Value: bson.A{}}}}}}}},
		bson.D{{Key: "$count", Value: "n"}},
	})
	if err != nil {
		return busy(err)
	}
	var found []struct {
		N int64 `bson:"n"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return busy(err)
	}
	if len(found) > 0 {
		return fmt.Errorf("the memberships disagree with the records in %d places", found[0].N)
	}
	return nil
}
