package search

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// Conditions that every resource fulfils, and none.
var (
	everyone = bson.E{Key: "_id", Value: bson.D{{Key: "$gt", Value: ""}}}
	nobody   = bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{}}}}
)

// compareCommon lowers a comparison of what every resource has: its id, its times, its
// version, its type and its schemas.
func (s *search) compareCommon(n *filter.Leaf, l lowered) (lowered, bool) {
	cond, ok := everyone, true
	switch {
	case n.Attr == scim.SchemasAttr:
		cond, l.values = s.schemasCondition(n), true
	case n.Op == filter.Present:
	case n.Attr == scim.ID:
		cond, ok = textCondition("i", n)
	case n.Attr == scim.MetaResourceType:
		if !fulfils(n, s.k.Type.Name) {
			cond = nobody
		}
	case n.Attr == scim.MetaCreated:
		cond = instantCondition("c", n)
	case n.Attr == scim.MetaLastModified:
		cond = instantCondition("m", n)
	case n.Attr == scim.MetaVersion:
		cond, ok = versionCondition(n)
	default:
		ok = false
	}
	l.cond = s.within(cond)
	return l, ok
}

// fulfils reports whether one text fulfils a comparison.
func fulfils(n *filter.Leaf, text string) bool {
	return filter.MatchElement(n, scim.ComplexValue(scim.Field{Attr: n.Attr, Value: scim.TextValue(text)}))
}

// schemasCondition asks for the extensions that a resource has.
func (s *search) schemasCondition(n *filter.Leaf) bson.E {
	if fulfils(n, s.k.Type.Schema.ID) {
		return everyone
	}
	var any bson.A
	for _, e := range s.k.Type.Extensions {
		switch {
		case !fulfils(n, e.Schema.ID):
		case e.Required:
			return everyone
		default:
			any = append(any, s.Form.Extension(e.Schema.ID))
		}
	}
	if len(any) == 0 {
		return nobody
	}
	return bson.E{Key: "a", Value: bson.D{{Key: "$in", Value: any}}}
}

// textCondition compares a field that holds one text.
func textCondition(name string, n *filter.Leaf) (bson.E, bool) {
	if comparison := comparisons[n.Op]; comparison != "" {
		return bson.E{Key: name, Value: bson.D{{Key: comparison, Value: n.Key}}}, true
	}
	pattern, ok := patternOf(n)
	return bson.E{Key: name, Value: bson.D{{Key: "$regex", Value: pattern}, {Key: "$options", Value: "s"}}}, ok
}

// comparisons are those of the server.
var comparisons = map[filter.Op]string{filter.Equal: "$eq", filter.Greater: "$gt", filter.GreaterOrEqual: "$gte", filter.Less: "$lt", filter.LessOrEqual: "$lte"}

// patternOf is what a part of a text must be; false when it is longer than patterns may be.
func patternOf(n *filter.Leaf) (string, bool) {
	pattern := literal(n.Key)
	switch n.Op {
	case filter.StartsWith:
		pattern = `\A` + pattern
	case filter.EndsWith:
		pattern += `\z`
	}
	return pattern, len(pattern) <= longestPattern
}

// versionCondition compares the entity tag, which is made of a number.
func versionCondition(n *filter.Leaf) (bson.E, bool) {
	var tag any = bson.D{{Key: "$concat", Value: bson.A{`W/"`, bson.D{{Key: "$toString", Value: "$v"}}, `"`}}}
	if !n.Attr.CaseExact {
		tag = bson.D{{Key: "$toLower", Value: tag}}
	}
	if comparison := comparisons[n.Op]; comparison != "" {
		return expression(bson.D{{Key: comparison, Value: bson.A{tag, bson.D{{Key: "$literal", Value: n.Key}}}}}), true
	}
	pattern, ok := patternOf(n)
	return expression(bson.D{{Key: "$regexMatch", Value: bson.D{{Key: "input", Value: tag}, {Key: "regex", Value: bson.D{{Key: "$literal", Value: pattern}}}, {Key: "options", Value: "s"}}}}), ok
}

func expression(e bson.D) bson.E { return bson.E{Key: "$expr", Value: e} }

// instantCondition compares a field that holds milliseconds with an instant, which is
// one of nanoseconds.
func instantCondition(name string, n *filter.Leaf) bson.E {
	at := n.Value.Instant()
	ms, rest := at/1e6, at%1e6
	if rest < 0 {
		ms--
	}
	comparison := comparisons[n.Op]
	if rest != 0 {
		switch n.Op {
		case filter.Equal:
			return nobody
		case filter.GreaterOrEqual:
			comparison = "$gt"
		case filter.Less:
			comparison = "$lte"
		}
	}
	return bson.E{Key: name, Value: bson.D{{Key: comparison, Value: ms}}}
}
