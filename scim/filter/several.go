package filter

import (
	"github.com/usher-scim/usher/scim"
)

// CompileAll parses a filter and binds it to several resource types that are
// searched together, in their order. An attribute that only some of them have counts
// as absent in the others; what none of them has is refused (RFC 7644 section
// 3.4.2.1).
func CompileAll(src string, types []*scim.ResourceType, dialect scim.Quirks) ([]*Filter, scim.Quirks, error) {
	e, met, err := Parse(src, dialect)
	if err != nil {
		return nil, 0, err
	}
	all := make([]*Filter, len(types))
	for i, rt := range types {
		b := &binder{rt: rt, beside: types, dialect: dialect}
		n, err := b.bind(e)
		if err != nil {
			return nil, 0, err
		}
		n = simplify(n)
		all[i] = &Filter{Type: rt, Root: n, text: src, match: compile(n), edges: usesEdges(n)}
		met |= b.met
	}
	return all, met, nil
}

// The outcome of a part that does not depend on the resource.
var (
	never  = Or{}
	always = And{}
)

// Never reports whether no resource of the type can fulfil the filter.
func (f *Filter) Never() bool { return isNever(f.Root) }

// Always reports whether every resource of the type fulfils it.
func (f *Filter) Always() bool { return isAlways(f.Root) }

func isNever(n Node) bool  { or, ok := n.(Or); return ok && len(or) == 0 }
func isAlways(n Node) bool { and, ok := n.(And); return ok && len(and) == 0 }

// absent is a comparison or element of which the type has no attribute, if another
// of the types has. The error is the most telling one.
func (b *binder) absent(e Expr, err error) (Node, error) {
	for _, rt := range b.beside {
		other := &binder{rt: rt, dialect: b.dialect}
		_, refused := other.bind(e)
		if refused == nil {
			b.unknown = false
			if c, ok := e.(*compareExpr); ok && (c.op == NotEqual) != (c.lit.kind == litNull) && (c.op == NotEqual || c.op == Equal) {
				return always, nil // no value is equal to it, or it is to be null
			}
			return never, nil
		}
		if b.unknown && !other.unknown {
			b.unknown, err = false, refused
		}
	}
	return nil, err
}

// simplify leaves out of a node what does not depend on the resource; all of it may.
func simplify(n Node) Node {
	switch n := n.(type) {
	case And:
		return simplifyAll(n, isAlways, isNever, func(parts []Node) Node { return And(parts) })
	case Or:
		return simplifyAll(n, isNever, isAlways, func(parts []Node) Node { return Or(parts) })
	case Not:
		inner := simplify(n.Node)
		switch {
		case isNever(inner):
			return always
		case isAlways(inner):
			return never
		}
		return Not{inner}
	}
	return n
}

// simplifyAll drops the parts that change nothing; one that settles the whole is
// the whole.
func simplifyAll(parts []Node, idle, settles func(Node) bool, join func([]Node) Node) Node {
	var rest []Node
	for _, part := range parts {
		part = simplify(part)
		switch {
		case settles(part):
			return part
		case !idle(part):
			rest = append(rest, part)
		}
	}
	if len(rest) == 1 {
		return rest[0]
	}
	return join(rest)
}
