package search

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/index"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// Find answers a query. Where the server's answer is exact it also sorts and pages;
// otherwise the candidates are read and the predicate decides about each.
func (r *Records) Find(ctx context.Context, in Snapshot, k *record.Kind, q directory.Query) (p directory.Page, err error) {
	s := &search{Snapshot: in, Records: r, k: k, org: q.Org}
	if q.Filter == nil && q.SortBy == nil {
		r.OnFind("list")
		return s.list(ctx, q)
	}
	if s.everyOne(q) {
		r.OnFind("index")
		return s.inOrder(ctx, q)
	}
	l, plan, err := s.plan(ctx, q)
	if err != nil {
		return p, err
	}
	r.OnFind(plan)
	switch {
	case !l.exact, q.SortBy != nil && l.cost <= 1: // few, if any
	case q.SortBy == nil:
		return s.exactPage(ctx, q, l)
	default:
		if o, ok := s.order(q.SortBy); ok {
			return s.sortedPage(ctx, q, l, o)
		}
	}
	return s.walk(ctx, q, l)
}

// Count is how many resources of a type there are.
func (r *Records) Count(ctx context.Context, in Snapshot, k *record.Kind, org directory.OrgID) (int, error) {
	s := &search{Snapshot: in, Records: r, k: k, org: org}
	return s.count(ctx, lowered{cond: s.within(), hint: index.Order})
}

// plan is what the server is asked, and the name of how the query is answered.
func (s *search) plan(ctx context.Context, q directory.Query) (l lowered, plan string, err error) {
	all := lowered{cond: s.within(), hint: index.Order, exact: q.Filter == nil, cost: eachOne}
	if q.Filter == nil {
		s.values, err = s.known(ctx)
		return all, "all", err
	}
	l, ok, err := s.lower(ctx, q.Filter.Root)
	few, answered := ok && l.cost <= 1, ok && l.exact
	if err == nil && !few && (!answered || q.SortBy != nil) {
		if s.values, err = s.known(ctx); err == nil && s.values && !answered {
			l, ok, err = s.lower(ctx, q.Filter.Root)
		}
	}
	switch {
	case err != nil:
		return l, "", err
	case !ok:
		return all, "scan", nil
	case l.cost >= eachOne:
		return l, "scan", nil
	case l.exact:
		return l, "index", nil
	}
	return l, "verify", nil
}

// known reports whether all records have their values in this program's form.
func (s *search) known(ctx context.Context) (bool, error) {
	g, err := s.Numbers(ctx, s.org)
	return err == nil && g.Foreign() == 0, err
}

// list walks the resources of a type in the order of creation. The total is
// counted as they come and go.
func (s *search) list(ctx context.Context, q directory.Query) (p directory.Page, err error) {
	g, err := s.Numbers(ctx, q.Org)
	if err != nil {
		return p, err
	}
	p.Total = int(g.Resources(s.k.Type.Name))
	if q.Count == 0 {
		return p, nil
	}
	if q.After == nil && q.Before == nil && q.Start > p.Total {
		p.Prior = p.Total > 0
		return p, nil
	}
	return s.page(ctx, q, lowered{cond: s.within(), hint: index.Order}, p)
}

// exactPage lets the server count and page.
func (s *search) exactPage(ctx context.Context, q directory.Query, l lowered) (p directory.Page, err error) {
	if q.Count > 0 {
		if p, err = s.page(ctx, q, l, p); err != nil {
			return p, err
		}
		if q.After == nil && q.Before == nil && q.Start <= 1 && !p.More {
			p.Total = len(p.Resources)
			return p, nil
		}
	}
	if p.Total, err = s.count(ctx, l); err != nil {
		return p, err
	}
	if len(p.Resources) == 0 && q.Start > 1 {
		p.Prior = p.Total > 0
	}
	return p, nil
}

func (s *search) count(ctx context.Context, l lowered) (int, error) {
	o := options.Count()
	if l.hint != "" {
		o.SetHint(l.hint)
	}
	n, err := s.Resource.CountDocuments(s.In(ctx), l.cond, o)
	return int(n), s.Fault(err)
}

// page reads one page in the order of creation, which is that of the ids.
func (s *search) page(ctx context.Context, q directory.Query, l lowered, p directory.Page) (directory.Page, error) {
	cond, way := l.cond, 1
	o := options.Find().SetProjection(record.Bare).SetLimit(int64(q.Count) + 1).SetBatchSize(int32(q.Count) + 1)
	switch {
	case q.Before != nil:
		way = -1
		_, id := place(q.Before)
		cond = bson.D{{Key: "$and", Value: bson.A{cond, s.within(bson.E{Key: "i", Value: bson.D{{Key: "$lt", Value: id}}})}}}
	case q.After != nil:
		_, id := place(q.After)
		cond = bson.D{{Key: "$and", Value: bson.A{cond, s.within(bson.E{Key: "i", Value: bson.D{{Key: "$gt", Value: id}}})}}}
	case q.Start > 1:
		o.SetSkip(int64(q.Start) - 1)
	}
	if l.hint != "" {
		o.SetHint(l.hint)
	}
	cursor, err := s.Resource.Find(s.In(ctx), cond, o.SetSort(bson.D{{Key: "i", Value: way}}))
	var docs []record.Resource
	if err == nil {
		err = cursor.All(s.In(ctx), &docs)
	}
	if err != nil {
		return p, s.Fault(err)
	}
	further := len(docs) > q.Count
	docs = docs[:min(len(docs), q.Count)]
	if way < 0 {
		slices.Reverse(docs)
		p.More, p.Prior = len(docs) > 0, further
	} else {
		p.More, p.Prior = further, len(docs) > 0 && (q.After != nil || q.Start > 1)
	}
	for _, d := range docs {
		s.Saw(q.Org, d)
		p.Resources = append(p.Resources, d.Of(s.k.Type))
	}
	if n := len(docs); n > 0 {
		p.First, p.Last = position("", docs[0].ID), position("", docs[n-1].ID)
	}
	return p, nil
}

// position is a place in a list: the id, then the sort key.
func position(key, id string) directory.Position {
	return directory.Position(id + record.Separator + key)
}

func place(p directory.Position) (key, id string) {
	id, key, _ = strings.Cut(string(p), record.Separator)
	return key, id
}
