package search

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// edgeEnd tells whether the attribute is the id at the far end of a membership.
func edgeEnd(a *scim.Attribute) bool {
	return a.Parent() != nil && a.Parent().Edge && a.Parent().Value() == a
}

// mostLinked is how many resources are named to the server, and how many memberships
// are looked at to find them.
const mostLinked = 10_000

// linked finds the groups of a member, or who belongs to a group, directly or through
// others; false when there are too many.
func (s *search) linked(ctx context.Context, n *filter.Leaf) (lowered, bool, error) {
	find := s.groupsOf
	if n.Attr.Parent().Mutability == scim.ReadOnly {
		find = s.insiders
	}
	all, ok, err := find(ctx, n.Key)
	if !ok || err != nil {
		return lowered{}, false, err
	}
	ids := bson.A{}
	for _, id := range all {
		ids = append(ids, record.Key(s.org, id))
	}
	return lowered{cond: s.within(bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}), exact: true, hint: "_id_", cost: 1}, true, nil
}

func (s *search) groupsOf(ctx context.Context, member string) (ids []string, ok bool, err error) {
	cursor, err := s.Edge.Find(s.In(ctx), bson.D{{Key: "o", Value: string(s.org)}, {Key: "m", Value: member}}, options.Find().SetSort(bson.D{{Key: "g", Value: 1}}).SetBatchSize(10_000))
	var all []record.Edge
	if err == nil {
		err = cursor.All(s.In(ctx), &all)
	}
	for _, e := range all {
		ids = append(ids, e.Group)
	}
	return ids, len(ids) <= mostLinked, s.Fault(err)
}

// insiders walks down from a group, which may be in itself.
func (s *search) insiders(ctx context.Context, group string) (ids []string, ok bool, err error) {
	found, left := map[string]bool{}, mostLinked
	for groups := []string{group}; len(groups) > 0; groups = groups[1:] {
		all, err := s.someOf(ctx, groups[0], left+1)
		if left -= len(all); err != nil || left < 0 {
			return nil, false, err
		}
		for _, e := range all {
			if found[e.Member] {
				continue
			}
			found[e.Member] = true
			if e.Kind == s.k.Type.Name {
				ids = append(ids, e.Member)
			} else {
				groups = append(groups, e.Member)
			}
		}
	}
	return ids, true, nil
}

// someOf are at most so many memberships of a group.
func (s *search) someOf(ctx context.Context, group string, most int) (all []record.Edge, err error) {
	cursor, err := s.Edge.Find(s.In(ctx), bson.D{{Key: "_id", Value: record.Below(record.Key(s.org, group))}, {Key: "o", Value: string(s.org)}},
		options.Find().SetProjection(record.Only("m", "mk")).SetLimit(int64(most)).SetBatchSize(int32(most)))
	if err == nil {
		err = cursor.All(s.In(ctx), &all)
	}
	return all, s.Fault(err)
}
