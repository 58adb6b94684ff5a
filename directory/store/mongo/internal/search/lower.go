package search

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory/store/mongo/internal/index"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// lowered is what the server is asked instead of a node of a filter: every resource
// that fulfils the node fulfils it too.
type lowered struct {
	cond  bson.D
	exact bool   // and no other resource does
	hint  string // the index that answers it; "" when it is no single one
	cost  int    // a guess of how much it leaves, for comparison only

	values bool // it asks about values that only programs of one form keep
}

// eachOne is the cost of what the server finds by looking at every resource of the type.
const eachOne = 7

// lower turns a node into a condition; false when the server is no help.
func (s *search) lower(ctx context.Context, n filter.Node) (lowered, bool, error) {
	switch n := n.(type) {
	case *filter.Leaf:
		return s.leaf(ctx, n)
	case *filter.Element:
		return s.elements(ctx, n)
	case filter.And:
		return s.and(ctx, n)
	case filter.Or:
		return s.or(ctx, n)
	case filter.Not:
		return s.not(ctx, n.Node)
	}
	return lowered{}, false, nil
}

// not is everything else of the type, if the node is told exactly. What an element is
// not says nothing of the others.
func (s *search) not(ctx context.Context, n filter.Node) (lowered, bool, error) {
	if s.element {
		return lowered{}, false, nil
	}
	l, ok, err := s.lower(ctx, n)
	if !ok || err != nil || !l.exact {
		return lowered{}, false, err
	}
	cost := max(6, min(l.cost, eachOne))
	return lowered{cond: s.within(bson.E{Key: "$nor", Value: bson.A{l.cond}}), exact: true, hint: index.Order, cost: cost, values: l.values}, true, nil
}

// and joins the parts that can be lowered. The index of the cheapest is asked.
func (s *search) and(ctx context.Context, parts filter.And) (lowered, bool, error) {
	var all []lowered
	exact, values := true, false
	for _, n := range parts {
		l, ok, err := s.lower(ctx, n)
		if err != nil {
			return l, false, err
		}
		if !ok {
			exact = false
			continue
		}
		exact, values = exact && l.exact, values || l.values
		all = append(all, l)
	}
	if len(all) == 0 {
		return lowered{}, false, nil
	}
	slices.SortStableFunc(all, func(a, b lowered) int { return a.cost - b.cost })
	conds := bson.A{}
	for _, l := range all {
		conds = append(conds, l.cond)
	}
	return lowered{bson.D{{Key: "$and", Value: conds}}, exact, all[0].hint, all[0].cost, values}, true, nil
}

// or needs every part lowered.
func (s *search) or(ctx context.Context, parts filter.Or) (lowered, bool, error) {
	out := lowered{exact: true}
	conds := bson.A{}
	for _, n := range parts {
		l, ok, err := s.lower(ctx, n)
		if !ok || err != nil {
			return l, false, err
		}
		out.exact, out.cost, out.values = out.exact && l.exact, max(out.cost, l.cost), out.values || l.values
		conds = append(conds, l.cond)
	}
	if out.cost >= eachOne {
		out.hint = index.Order
	}
	out.cond = bson.D{{Key: "$or", Value: conds}}
	return out, true, nil
}

// within is a condition on the resources of the type that is searched. Every leaf
// names the organization and the type, so that each can be answered by an index.
func (s *search) within(more ...bson.E) bson.D {
	return append(bson.D{{Key: "o", Value: string(s.org)}, {Key: "k", Value: s.k.Type.Name}}, more...)
}

// leaf lowers one comparison.
func (s *search) leaf(ctx context.Context, n *filter.Leaf) (lowered, bool, error) {
	if n.Op == filter.NotEqual {
		equal := *n
		equal.Op = filter.Equal
		return s.not(ctx, &equal)
	}
	if n.Attr == scim.ID && n.Op == filter.Equal {
		return lowered{cond: s.within(bson.E{Key: "_id", Value: record.Key(s.org, n.Key)}), exact: true, hint: "_id_"}, true, nil
	}
	if n.Op == filter.Equal && edgeEnd(n.Attr) {
		return s.linked(ctx, n)
	}
	if prefix, unique := s.k.Unique[n.Attr]; unique && n.Op == filter.Equal {
		return lowered{cond: s.within(bson.E{Key: "u", Value: prefix + n.Key}), exact: true, hint: index.Keys}, true, nil
	}
	prefix, indexed := s.k.Indexed[n.Attr]
	if !indexed {
		l, ok := s.compare(n)
		return l, ok, nil
	}
	term, cost := termCondition(prefix, n)
	if term == nil {
		return lowered{}, false, nil
	}
	return lowered{cond: s.within(bson.E{Key: "t", Value: term}), exact: true, hint: index.Terms, cost: cost}, true, nil
}

// termCondition is what one value must fulfil; nil when it cannot be said.
func termCondition(path string, n *filter.Leaf) (cond any, cost int) {
	end := strings.TrimSuffix(path, record.Separator) + record.AfterSeparator
	between := func(low, from, high, to string) any {
		return bson.D{{Key: "$elemMatch", Value: bson.D{{Key: low, Value: from}, {Key: high, Value: to}}}}
	}
	text := n.Key
	switch {
	case n.Op == filter.Present:
		return between("$gt", path, "$lt", end), 5
	case n.Attr.Type == scim.Integer && n.Value.Kind() == scim.KindDecimal:
		from, below := wholeNumbers(n)
		return between("$gte", path+from, "$lt", path+below), 4
	case !n.Attr.Type.Textual():
		text, _ = scim.OrderKey(n.Attr, n.Value)
	}
	switch n.Op {
	case filter.Equal:
		return path + text, 1
	case filter.StartsWith:
		return between("$gte", path+text, "$lt", prefixEnd(path+text)), 2
	case filter.Greater:
		return between("$gt", path+text, "$lt", end), 4
	case filter.GreaterOrEqual:
		return between("$gte", path+text, "$lt", end), 4
	case filter.Less:
		return between("$gte", path, "$lt", path+text), 4
	case filter.LessOrEqual:
		return between("$gte", path, "$lte", path+text), 4
	case filter.Contains, filter.EndsWith:
		pattern, ok := patternOf(n)
		if !ok {
			return nil, 0
		}
		return bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "$gte", Value: path}, {Key: "$lt", Value: end},
			{Key: "$regex", Value: `\x00.*` + pattern}, {Key: "$options", Value: "s"}}}}, 3
	}
	return nil, 0
}

// longestPattern keeps patterns well below what servers take.
const longestPattern = 8 << 10

// literal writes a text so that a pattern matches exactly it.
func literal(text string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(text), "\x00", `\x00`)
}

// prefixEnd is the least text above all that begin with the prefix, which begins
// with a path and so always has one.
func prefixEnd(prefix string) string {
	for len(prefix) > 0 {
		r, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xD7FF:
			r = 0xE000 // what lies between is no character
		default:
			r++
		}
		return prefix + string(r)
	}
	return record.AfterSeparator
}
