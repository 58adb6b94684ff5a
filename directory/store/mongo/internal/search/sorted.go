package search

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim/schemas"
)

// everyOne reports whether a query sorts all users by their names, which are unique and
// which each of them has: then what is taken of it, in its order, is the answer. Of a
// configured attribute that is required there may be resources from before it was.
func (s *search) everyOne(q directory.Query) bool {
	return q.Filter == nil && q.SortBy == schemas.User.UserName
}

// inOrder answers such a query page by page from the keys of claims, whatever lies
// before and behind the page.
func (s *search) inOrder(ctx context.Context, q directory.Query) (p directory.Page, err error) {
	g, err := s.Numbers(ctx, q.Org)
	if err != nil {
		return p, err
	}
	if p.Total = int(g.Resources(s.k.Type.Name)); q.Count == 0 {
		return p, nil
	}
	first := record.Key(s.org, s.k.Type.Name, q.SortBy.Path()+record.Separator)
	all, err := s.claimsFrom(ctx, q, first)
	if err != nil {
		return p, err
	}
	further := len(all) > q.Count
	all = all[:min(len(all), q.Count)]
	if q.Before != nil {
		slices.Reverse(all)
		p.More, p.Prior = len(all) > 0, further
	} else {
		p.More, p.Prior = further, q.After != nil && len(all) > 0 || q.After == nil && q.Start > 1 && p.Total > 0
	}
	if len(all) == 0 {
		return p, nil
	}
	var rows []row
	for _, c := range all {
		rows = append(rows, row{key: uniqueSortKey(c.Key[len(first):]), id: c.ID})
	}
	last := rows[len(rows)-1]
	p.First, p.Last = position(rows[0].key, rows[0].id), position(last.key, last.id)
	p.Resources, err = s.resources(ctx, rows)
	return p, err
}

// claimsFrom reads the claims of a page and one more, from where the page begins in the
// direction in which it is read.
func (s *search) claimsFrom(ctx context.Context, q directory.Query, first string) (all []record.Claim, err error) {
	within := bson.D{{Key: "$gte", Value: first}, {Key: "$lt", Value: strings.TrimSuffix(first, record.Separator) + record.AfterSeparator}}
	way, from := 1, q.After
	if q.Before != nil {
		way, from = -1, q.Before
	}
	if q.Descending {
		way = -way
	}
	o := options.Find().SetLimit(int64(q.Count) + 1).SetBatchSize(int32(q.Count) + 1).SetSort(bson.D{{Key: "_id", Value: way}})
	switch {
	case from == nil && q.Start > 1:
		o.SetSkip(int64(q.Start) - 1)
	case from != nil:
		at, _ := place(from)
		at = first + strings.TrimPrefix(at, uniqueSortKey(""))
		if way > 0 {
			within[0] = bson.E{Key: "$gt", Value: at}
		} else {
			within[1] = bson.E{Key: "$lt", Value: at}
		}
	}
	cursor, err := s.Claim.Find(s.In(ctx), bson.D{{Key: "_id", Value: within}, {Key: "o", Value: string(s.org)}}, o)
	if err == nil {
		err = cursor.All(s.In(ctx), &all)
	}
	return all, s.Fault(err)
}

// uniqueSortKey is the sort key of a unique value.
func uniqueSortKey(key string) string { return "\x01" + key }
