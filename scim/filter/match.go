package filter

import (
	"strings"

	"github.com/usher-scim/usher/scim"
)

// predicate is a compiled node; place gives access to the values it is asked
// about.
type predicate func(p place) bool

// place is a record, or one element of it.
type place struct {
	res  *scim.Resource
	elem scim.Value
}

// Match reports whether the resource fulfils the filter. It is the one meaning
// of filters: whatever a store does must agree with it. Memberships are looked
// for in the record, where the caller has put them if UsesEdges.
func (f *Filter) Match(r *scim.Resource) bool { return f.match(place{res: r}) }

// UsesEdges reports whether the filter speaks of memberships.
func (f *Filter) UsesEdges() bool { return f.edges }

// MatchElement reports whether one element of a multi-valued complex attribute
// fulfils a node bound by BindElement.
func MatchElement(n Node, elem scim.Value) bool { return compile(n)(place{elem: elem}) }

// ElementTest is MatchElement for many elements.
func ElementTest(n Node) func(elem scim.Value) bool {
	test := compile(n)
	return func(elem scim.Value) bool { return test(place{elem: elem}) }
}

func usesEdges(n Node) bool {
	switch n := n.(type) {
	case And:
		return anyUsesEdges(n)
	case Or:
		return anyUsesEdges(n)
	case Not:
		return usesEdges(n.Node)
	case *Element:
		return n.Attr.Edge
	case *Leaf:
		return n.Attr.Edge || n.Attr.Parent() != nil && n.Attr.Parent().Edge
	}
	return false
}

func anyUsesEdges(parts []Node) bool {
	for _, p := range parts {
		if usesEdges(p) {
			return true
		}
	}
	return false
}

func compile(n Node) predicate {
	switch n := n.(type) {
	case And:
		return compileAll(n, false)
	case Or:
		return compileAll(n, true)
	case Not:
		inner := compile(n.Node)
		return func(p place) bool { return !inner(p) }
	case *Element:
		return compileElement(n)
	case *Leaf:
		return compileLeaf(n)
	}
	return func(place) bool { return false }
}

// compileAll combines parts; stop is the outcome that settles the whole.
func compileAll(parts []Node, stop bool) predicate {
	ps := make([]predicate, len(parts))
	for i, n := range parts {
		ps[i] = compile(n)
	}
	return func(p place) bool {
		for _, part := range ps {
			if part(p) == stop {
				return stop
			}
		}
		return !stop
	}
}

func compileElement(n *Element) predicate {
	inner := compile(n.Inner)
	return func(p place) bool {
		v, ok := p.res.Get(n.Attr)
		if !ok {
			return false
		}
		if v.Kind() != scim.KindList {
			return inner(place{elem: v})
		}
		for _, e := range v.List() {
			if inner(place{elem: e}) {
				return true
			}
		}
		return false
	}
}

func compileLeaf(n *Leaf) predicate {
	test := comparison(n)
	if n.Op == NotEqual {
		equal := *n
		equal.Op = Equal
		test = comparison(&equal)
		return func(p place) bool { return !p.any(n.Attr, test) }
	}
	return func(p place) bool { return p.any(n.Attr, test) }
}

// any reports whether some value of the attribute passes the test.
func (p place) any(a *scim.Attribute, test func(scim.Value) bool) bool {
	if p.res == nil {
		v, ok := p.elem.Get(a)
		return ok && anyOf(v, test)
	}
	if parent := a.Parent(); parent != nil && parent.MultiValued {
		outer, _ := p.res.Get(parent)
		for _, e := range outer.List() {
			if v, ok := e.Get(a); ok && anyOf(v, test) {
				return true
			}
		}
		return false
	}
	v, ok := p.res.Get(a)
	return ok && anyOf(v, test)
}

func anyOf(v scim.Value, test func(scim.Value) bool) bool {
	if v.Kind() != scim.KindList {
		return test(v)
	}
	for _, e := range v.List() {
		if test(e) {
			return true
		}
	}
	return false
}

// comparison makes the test of one value.
func comparison(n *Leaf) func(scim.Value) bool {
	if n.Op == Present {
		return func(v scim.Value) bool { return !v.IsZero() && (v.Kind() != scim.KindText || v.Text() != "") }
	}
	switch n.Attr.Type {
	case scim.Boolean:
		want := n.Value.Bool()
		return func(v scim.Value) bool { return v.Bool() == want }
	case scim.Integer, scim.Decimal:
		return func(v scim.Value) bool { return ordered(n.Op, compareNumbers(v, n.Value)) }
	case scim.DateTime:
		want := n.Value.Instant()
		return func(v scim.Value) bool { return ordered(n.Op, compare(v.Instant(), want)) }
	}
	return textTest(n)
}

func textTest(n *Leaf) func(scim.Value) bool {
	key, op := n.Key, n.Op
	return func(v scim.Value) bool {
		text := v.Text()
		if op == Equal && text == key {
			return true
		}
		text = fold(n, text)
		switch op {
		case Contains:
			return strings.Contains(text, key)
		case StartsWith:
			return strings.HasPrefix(text, key)
		case EndsWith:
			return strings.HasSuffix(text, key)
		}
		return ordered(op, strings.Compare(text, key))
	}
}

func compareNumbers(v, w scim.Value) int {
	if v.Kind() == scim.KindInt && w.Kind() == scim.KindInt {
		return compare(v.Int(), w.Int())
	}
	return compare(v.Float(), w.Float())
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func ordered(op Op, c int) bool {
	switch op {
	case Equal:
		return c == 0
	case Greater:
		return c > 0
	case GreaterOrEqual:
		return c >= 0
	case Less:
		return c < 0
	case LessOrEqual:
		return c <= 0
	}
	return false
}
