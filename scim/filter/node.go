package filter

import (
	"slices"

	"github.com/usher-scim/usher/scim"
)

// Op is a comparison operator (RFC 7644 table 3).
type Op uint8

// The operators.
const (
	Present Op = iota
	Equal
	NotEqual
	Contains
	StartsWith
	EndsWith
	Greater
	GreaterOrEqual
	Less
	LessOrEqual
)

var opNames = [...]string{"pr", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}

func (op Op) String() string { return opNames[op] }

// Node is a part of a filter that is bound to a resource type: And, Or, Not,
// *Leaf or *Element. Stores walk it to lower a filter to their own language.
type Node interface{ node() }

// The bound forms.
type (
	// And holds when all parts do.
	And []Node
	// Or holds when any part does.
	Or []Node
	// Not holds when its part does not.
	Not struct{ Node }
	// Leaf compares one non-complex attribute, or asks whether an attribute of
	// any type is present. With a multi-valued attribute (or parent) it holds
	// when any value does; NotEqual holds when no value is equal, so also when
	// there is none.
	Leaf struct {
		Attr  *scim.Attribute
		Op    Op
		Value scim.Value // the literal in the attribute's type
		Key   string     // the literal as compared: folded unless CaseExact
	}
	// Element holds when one element of a multi-valued complex attribute
	// fulfils all of the inner node by itself.
	Element struct {
		Attr  *scim.Attribute
		Inner Node
	}
)

func (And) node()      {}
func (Or) node()       {}
func (Not) node()      {}
func (*Leaf) node()    {}
func (*Element) node() {}

// Filter is a filter bound to a resource type.
type Filter struct {
	Type *scim.ResourceType
	Root Node

	text  string
	match predicate
	edges bool
}

// String is the filter as the client wrote it.
func (f *Filter) String() string { return f.text }

// Of is a filter of nodes that are bound to the type already. No limits of what clients
// may ask hold for it.
func Of(rt *scim.ResourceType, root Node) *Filter {
	return &Filter{Type: rt, Root: root, match: compile(root), edges: usesEdges(root)}
}

// Equals compares a textual attribute with a text, as eq does.
func Equals(a *scim.Attribute, text string) *Leaf {
	n := &Leaf{Attr: a, Op: Equal, Value: scim.TextValue(text)}
	n.Key = fold(n, text)
	return n
}

// With is the filter with other nodes in place of comparisons of an attribute; those
// within Element stay. The filter itself is returned when it has none.
func (f *Filter) With(a *scim.Attribute, fn func(*Leaf) Node) *Filter {
	if f == nil || !mentions(f.Root, a) {
		return f
	}
	root := simplify(with(f.Root, a, fn))
	next := Of(f.Type, root)
	next.text = f.text
	return next
}

func mentions(n Node, a *scim.Attribute) bool {
	switch n := n.(type) {
	case And:
		return slices.ContainsFunc(n, func(part Node) bool { return mentions(part, a) })
	case Or:
		return slices.ContainsFunc(n, func(part Node) bool { return mentions(part, a) })
	case Not:
		return mentions(n.Node, a)
	case *Leaf:
		return n.Attr == a
	}
	return false
}

func with(n Node, a *scim.Attribute, fn func(*Leaf) Node) Node {
	all := func(parts []Node) []Node {
		next := make([]Node, len(parts))
		for i, part := range parts {
			next[i] = with(part, a, fn)
		}
		return next
	}
	switch n := n.(type) {
	case And:
		return And(all(n))
	case Or:
		return Or(all(n))
	case Not:
		return Not{with(n.Node, a, fn)}
	case *Leaf:
		if n.Attr == a {
			return fn(n)
		}
	}
	return n
}
