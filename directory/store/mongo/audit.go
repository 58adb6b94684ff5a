package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

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
		if err := s.checkClaims(ctx, o.ID); err != nil {
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
				bson.D{{Key: "$project", Value: bson.D{{Key: "f", Value: 1}}}},
			}}}}}
	}
	cursor, err := s.has.edge.Aggregate(ctx, bson.A{
		bson.D{{Key: "$match", Value: bson.D{{Key: "o", Value: string(org)}}}}, lookup("g"), lookup("m"),
		bson.D{{Key: "$match", Value: bson.D{{Key: "$or", Value: bson.A{bson.D{{Key: "gEnd", Value: bson.A{}}}, bson.D{{Key: "mEnd", Value: bson.A{}}}, bson.D{{Key: "mEnd.f", Value: true}}}}}}},
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

// checkClaims compares the unique values that resources have with those that are
// taken for them.
func (s *Store) checkClaims(ctx context.Context, org directory.OrgID) error {
	sum := func(c *driver.Collection, stages ...bson.D) (int64, error) {
		cursor, err := c.Aggregate(ctx, append([]bson.D{{{Key: "$match", Value: bson.D{{Key: "o", Value: string(org)}}}}}, stages...))
		if err != nil {
			return 0, busy(err)
		}
		var found []struct {
			N int64 `bson:"n"`
		}
		err = cursor.All(ctx, &found)
		if len(found) == 0 {
			return 0, busy(err)
		}
		return found[0].N, busy(err)
	}
	has, err := sum(s.has.resource, bson.D{{Key: "$unwind", Value: "$u"}}, bson.D{{Key: "$count", Value: "n"}})
	if err != nil {
		return err
	}
	taken, err := sum(s.has.claim,
		bson.D{{Key: "$lookup", Value: bson.D{{Key: "from", Value: "resource"}, {Key: "as", Value: "of"},
			{Key: "let", Value: bson.D{{Key: "claim", Value: "$_id"}, {Key: "id", Value: bson.D{{Key: "$concat", Value: bson.A{key(org, ""), "$i"}}}}}},
			{Key: "pipeline", Value: bson.A{
				bson.D{{Key: "$match", Value: bson.D{{Key: "$expr", Value: bson.D{{Key: "$eq", Value: bson.A{"$_id", "$$id"}}}}}}},
				bson.D{{Key: "$match", Value: bson.D{{Key: "$expr", Value: bson.D{{Key: "$in", Value: bson.A{"$$claim", bson.D{{Key: "$map", Value: bson.D{
					{Key: "input", Value: "$u"}, {Key: "in", Value: bson.D{{Key: "$concat", Value: bson.A{key(org, ""), "$k", "/", "$$this"}}}}}}}}}}}}}},
				bson.D{{Key: "$project", Value: bson.D{{Key: "_id", Value: 1}}}},
			}}}}},
		bson.D{{Key: "$match", Value: bson.D{{Key: "of", Value: bson.D{{Key: "$ne", Value: bson.A{}}}}}}}, bson.D{{Key: "$count", Value: "n"}})
	if err != nil {
		return err
	}
	all, err := sum(s.has.claim, bson.D{{Key: "$count", Value: "n"}})
	if err == nil && (has != taken || all != taken) {
		err = fmt.Errorf("resources of the organization %s have %d unique values, and %d are taken, %d of them by a resource that has it; restore a backup", org, has, all, taken)
	}
	return err
}
