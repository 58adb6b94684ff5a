package search

import (
	"context"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory/store/mongo/internal/index"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// conditions are those on the values that records keep in a form.
type conditions struct{ *record.Form }

// compare lowers a comparison that no index helps with: the server looks at the values
// of every resource of the type. false for memberships, which are not in the resource.
func (s *search) compare(n *filter.Leaf) (lowered, bool) {
	l := lowered{exact: true, hint: index.Order, cost: eachOne}
	a, form := n.Attr, conditions{s.Form}
	switch {
	case s.element || !s.values || a.Edge || a.Parent() != nil && a.Parent().Edge:
		return l, false
	case a.Schema() == nil && a != scim.ExternalID:
		return s.compareCommon(n, l)
	case a.Type == scim.Complex && a.MultiValued: // only pr is asked of complex attributes
		l.cond = s.within(bson.E{Key: "e.p", Value: form.Path(a)})
	case a.Type == scim.Complex:
		l.cond = s.within(bson.E{Key: "a", Value: form.Prefix(a)})
	default:
		term := form.condition(n)
		if term == nil {
			return l, false
		}
		l.cond = s.within(bson.E{Key: "a", Value: term})
		if record.InElement(a) {
			l.cond = s.within(form.some(a.Parent(), bson.E{Key: "s", Value: term}))
		}
	}
	l.values = true
	return l, true
}

// some asks for an element of an attribute.
func (f conditions) some(a *scim.Attribute, cond bson.E) bson.E {
	return bson.E{Key: "e", Value: bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "p", Value: f.Path(a)}, cond}}}}
}

// condition is what one value of a record must fulfil; nil when it cannot be said.
// Keys of unique values are not among them.
func (f conditions) condition(n *filter.Leaf) any {
	if n.Op == filter.Equal && n.Attr.Uniqueness != scim.NotUnique {
		return nil
	}
	term, _ := termCondition(f.Prefix(n.Attr), n)
	return term
}

// elements lowers what one element of an attribute must fulfil by itself.
func (s *search) elements(ctx context.Context, n *filter.Element) (lowered, bool, error) {
	if !n.Attr.MultiValued {
		return s.brackets(ctx, n)
	}
	inner := *s
	inner.element = true
	narrow, narrowed, err := inner.lower(ctx, n.Inner)
	narrow.exact = false
	if err != nil || !s.values || n.Attr.Edge {
		return narrow, narrowed, err
	}
	cond, ok := conditions{s.Form}.element(n.Attr, n.Inner)
	if !ok {
		return narrow, narrowed, nil
	}
	l := lowered{cond: s.within(conditions{s.Form}.some(n.Attr, bson.E{Key: "$and", Value: bson.A{cond}})), exact: true, hint: index.Order, cost: eachOne, values: true}
	if narrowed && narrow.cost < eachOne {
		l.cond, l.hint, l.cost = bson.D{{Key: "$and", Value: bson.A{narrow.cond, l.cond}}}, narrow.hint, narrow.cost
	}
	return l, true, nil
}

// brackets lowers brackets after an attribute that has one value: it must be there.
func (s *search) brackets(ctx context.Context, n *filter.Element) (lowered, bool, error) {
	if !ownOnly(n.Attr, n.Inner) {
		return lowered{}, false, nil
	}
	return s.and(ctx, filter.And{&filter.Leaf{Attr: n.Attr, Op: filter.Present}, n.Inner})
}

// ownOnly reports whether a node asks about sub-attributes of an attribute alone.
func ownOnly(of *scim.Attribute, n filter.Node) bool {
	all := func(parts []filter.Node) bool {
		for _, p := range parts {
			if !ownOnly(of, p) {
				return false
			}
		}
		return true
	}
	switch n := n.(type) {
	case *filter.Leaf:
		return n.Attr.Parent() == of
	case filter.Not:
		return ownOnly(of, n.Node)
	case filter.And:
		return all(n)
	case filter.Or:
		return all(n)
	}
	return false
}

// element is what an element as it is kept must fulfil; false when that cannot
// be said.
func (f conditions) element(of *scim.Attribute, n filter.Node) (bson.D, bool) {
	switch n := n.(type) {
	case *filter.Leaf:
		return f.elementLeaf(of, n)
	case filter.Not:
		cond, ok := f.element(of, n.Node)
		return bson.D{{Key: "$nor", Value: bson.A{cond}}}, ok
	case filter.And:
		return f.elements(of, "$and", n)
	case filter.Or:
		return f.elements(of, "$or", n)
	}
	return nil, false
}

func (f conditions) elements(of *scim.Attribute, join string, parts []filter.Node) (bson.D, bool) {
	all := bson.A{}
	for _, p := range parts {
		cond, ok := f.element(of, p)
		if !ok {
			return nil, false
		}
		all = append(all, cond)
	}
	return bson.D{{Key: join, Value: all}}, true
}

func (f conditions) elementLeaf(of *scim.Attribute, n *filter.Leaf) (bson.D, bool) {
	if n.Attr.Parent() != of {
		return nil, false
	}
	if n.Op == filter.NotEqual {
		equal := *n
		equal.Op = filter.Equal
		cond, ok := f.elementLeaf(of, &equal)
		return bson.D{{Key: "$nor", Value: bson.A{cond}}}, ok
	}
	term := f.condition(n)
	return bson.D{{Key: "s", Value: term}}, term != nil
}

// wholeNumbers is the range of the whole numbers that compare with a number as the leaf
// asks, as their keys. That number is a fraction, or too large for a whole one.
func wholeNumbers(n *filter.Leaf) (from, below string) {
	const least, none = "", "g" // below and above all digits
	first := func(fits func(v float64) bool) string {
		low, high := int64(math.MinInt64), int64(math.MaxInt64)
		if !fits(float64(high)) {
			return none
		}
		for low < high {
			if mid := low + int64((uint64(high)-uint64(low))/2); fits(float64(mid)) {
				high = mid
			} else {
				low = mid + 1
			}
		}
		text, _ := scim.OrderKey(n.Attr, scim.IntValue(low))
		return text
	}
	f := n.Value.Float()
	reached, passed := first(func(v float64) bool { return v >= f }), first(func(v float64) bool { return v > f })
	switch n.Op {
	case filter.Equal:
		return reached, passed
	case filter.Greater:
		return passed, none
	case filter.GreaterOrEqual:
		return reached, none
	case filter.Less:
		return least, reached
	case filter.LessOrEqual:
		return least, passed
	}
	return none, none
}
