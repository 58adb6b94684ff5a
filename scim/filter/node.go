package filter

import "github.com/usher-scim/usher/scim"

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
