package search

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
)

// order is how the server orders resources by an attribute, as scim.Resource.SortKey does.
type order struct {
	by  any                     // of a resource; what has no value comes after all others
	key func(sorted string) any // of a sort key
}

// order is that of an attribute; false when the server does not know its values.
func (s *search) order(a *scim.Attribute) (order, bool) {
	switch a {
	case scim.ID:
		return order{"$i", func(key string) any { return strings.TrimPrefix(key, "\x01") }}, true
	case scim.MetaCreated:
		return order{"$c", milliseconds}, true
	case scim.MetaLastModified:
		return order{"$m", milliseconds}, true
	}
	if a.Schema() == nil && a != scim.ExternalID || a.Type == scim.Complex || a.Edge || a.Parent() != nil && a.Parent().Edge {
		return order{}, false
	}
	prefix, by := s.Form.Prefix(a), any(nil)
	if unique, ok := s.k.Unique[a]; ok {
		prefix, by = unique, firstOf("$u", unique)
	} else if indexed, ok := s.k.Indexed[a]; ok && !record.InElement(a) {
		prefix, by = indexed, firstOf("$t", indexed)
	} else if !s.values || a.Uniqueness != scim.NotUnique {
		return order{}, false
	} else if record.InElement(a) {
		by = conditions{s.Form}.firstElement(a)
	} else {
		by = firstOf("$a", prefix)
	}
	last := strings.TrimSuffix(prefix, record.Separator) + record.AfterSeparator
	return order{
		by: bson.D{{Key: "$ifNull", Value: bson.A{by, last}}},
		key: func(key string) any {
			if key == "" {
				return last
			}
			return prefix + key[1:]
		},
	}, true
}

// milliseconds reads the sort key of an instant as it is kept.
func milliseconds(key string) any {
	digits, err := strconv.ParseUint(strings.TrimPrefix(key, "\x01"), 16, 64)
	if err != nil {
		return int64(0)
	}
	return time.Unix(0, int64(digits^1<<63)).UnixMilli()
}

// begins are the texts of a list that begin with a path and the separator.
func begins(list any, prefix string) bson.D {
	from, below := bson.D{{Key: "$literal", Value: prefix}}, bson.D{{Key: "$literal", Value: strings.TrimSuffix(prefix, record.Separator) + record.AfterSeparator}}
	return bson.D{{Key: "$filter", Value: bson.D{
		{Key: "input", Value: bson.D{{Key: "$ifNull", Value: bson.A{list, bson.A{}}}}},
		{Key: "cond", Value: bson.D{{Key: "$and", Value: bson.A{
			bson.D{{Key: "$gte", Value: bson.A{"$$this", from}}},
			bson.D{{Key: "$lt", Value: bson.A{"$$this", below}}},
		}}}},
	}}}
}

func firstOf(list any, prefix string) bson.D {
	return bson.D{{Key: "$first", Value: begins(list, prefix)}}
}

// firstElement is the value of the primary element, or else the first value.
func (f conditions) firstElement(a *scim.Attribute) bson.D {
	value := func(element string) bson.D { return firstOf(element+".s", f.Prefix(a)) }
	own := func(cond ...any) bson.D {
		return bson.D{{Key: "$filter", Value: bson.D{
			{Key: "input", Value: bson.D{{Key: "$ifNull", Value: bson.A{"$e", bson.A{}}}}},
			{Key: "cond", Value: bson.D{{Key: "$and", Value: append(bson.A{bson.D{{Key: "$eq", Value: bson.A{"$$this.p", bson.D{{Key: "$literal", Value: f.Path(a.Parent())}}}}}}, cond...)}}},
		}}}
	}
	first := bson.D{{Key: "$first", Value: bson.D{{Key: "$filter", Value: bson.D{
		{Key: "input", Value: bson.D{{Key: "$map", Value: bson.D{{Key: "input", Value: own()}, {Key: "in", Value: value("$$this")}}}}},
		{Key: "cond", Value: bson.D{{Key: "$gt", Value: bson.A{"$$this", nil}}}},
	}}}}}
	flag, ok := a.Parent().Lookup("primary")
	if !ok {
		return first
	}
	primary := bson.D{{Key: "$first", Value: own(bson.D{{Key: "$in", Value: bson.A{bson.D{{Key: "$literal", Value: f.Prefix(flag) + "true"}}, bson.D{{Key: "$ifNull", Value: bson.A{"$$this.s", bson.A{}}}}}}})}}
	return bson.D{{Key: "$ifNull", Value: bson.A{
		bson.D{{Key: "$let", Value: bson.D{{Key: "vars", Value: bson.D{{Key: "primary", Value: primary}}}, {Key: "in", Value: value("$$primary")}}}},
		first,
	}}}
}

// sortedPage lets the server sort, and reads the resources of the page.
func (s *search) sortedPage(ctx context.Context, q directory.Query, l lowered, o order) (p directory.Page, err error) {
	if p.Total, err = s.total(ctx, q, l); err != nil || q.Count == 0 {
		return p, err
	}
	rows, err := s.sorted(ctx, q, l, o)
	if err != nil {
		return p, err
	}
	further := len(rows) > q.Count
	rows = rows[:min(len(rows), q.Count)]
	if q.Before != nil {
		slices.Reverse(rows)
		p.More, p.Prior = len(rows) > 0, further
	} else {
		p.More, p.Prior = further, q.After != nil && len(rows) > 0 || q.After == nil && q.Start > 1 && p.Total > 0
	}
	if len(rows) == 0 {
		return p, nil
	}
	if p.Resources, err = s.resources(ctx, rows); err != nil {
		return p, err
	}
	first, last := p.Resources[0], p.Resources[len(p.Resources)-1]
	p.First, p.Last = position(first.SortKey(q.SortBy), first.ID), position(last.SortKey(q.SortBy), last.ID)
	return p, nil
}

// total is how many resources fulfil the filter.
func (s *search) total(ctx context.Context, q directory.Query, l lowered) (int, error) {
	if q.Filter != nil {
		return s.count(ctx, l)
	}
	g, err := s.Numbers(ctx, s.org)
	if err != nil {
		return 0, err
	}
	return int(g.Resources(s.k.Type.Name)), nil
}

// sorted are the ids of a page and one more, in the direction in which it is read.
// Nothing but ids and keys is sorted.
func (s *search) sorted(ctx context.Context, q directory.Query, l lowered, o order) (rows []row, err error) {
	way, ids, from := 1, 1, q.After
	if q.Descending {
		way = -1
	}
	if q.Before != nil {
		way, ids, from = -way, -1, q.Before
	}
	steps := bson.A{
		bson.D{{Key: "$match", Value: l.cond}},
		bson.D{{Key: "$project", Value: bson.D{{Key: "_id", Value: 0}, {Key: "i", Value: 1}, {Key: "x", Value: o.by}}}},
	}
	if from != nil {
		key, id := place(from)
		at := o.key(key)
		steps = append(steps, bson.D{{Key: "$match", Value: bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: "x", Value: bson.D{{Key: beyond(way), Value: at}}}},
			bson.D{{Key: "x", Value: at}, {Key: "i", Value: bson.D{{Key: beyond(ids), Value: id}}}},
		}}}}})
	}
	steps = append(steps, bson.D{{Key: "$sort", Value: bson.D{{Key: "x", Value: way}, {Key: "i", Value: ids}}}})
	if from == nil && q.Start > 1 {
		steps = append(steps, bson.D{{Key: "$skip", Value: int64(q.Start) - 1}})
	}
	steps = append(steps, bson.D{{Key: "$limit", Value: int64(q.Count) + 1}})
	options := options.Aggregate().SetBatchSize(int32(q.Count) + 2).SetAllowDiskUse(true)
	if l.hint != "" {
		options.SetHint(l.hint)
	}
	cursor, err := s.Resource.Aggregate(s.In(ctx), steps, options)
	var all []struct {
		ID string `bson:"i"`
	}
	if err == nil {
		err = cursor.All(s.In(ctx), &all)
	}
	for _, one := range all {
		rows = append(rows, row{id: one.ID})
	}
	return rows, s.Fault(err)
}

// beyond compares with what lies further on in a direction.
func beyond(way int) string {
	if way < 0 {
		return "$lt"
	}
	return "$gt"
}
