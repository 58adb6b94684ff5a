package patch

import (
	"cmp"
	"iter"
	"slices"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// EdgeKind says what an EdgeOp does (RFC 7644 section 3.5.2).
type EdgeKind uint8

// The kinds of EdgeOps.
const (
	AddEdges     EdgeKind = iota // the listed members join
	RemoveEdges                  // the listed members leave
	RemoveWhere                  // all members leave for which Where holds
	ReplaceEdges                 // exactly the listed ones are members; none clears
)

// EdgeOp is an operation on a relation that is not kept in the record, such as
// the members of a group (RFC 7643 section 4.2). EdgeOps apply in order.
type EdgeOp struct {
	Kind    EdgeKind
	Members []Member
	Where   func(Member) bool
	Cost    int // of asking Where once, in comparisons
}

// Member is one value of the relation (RFC 7643 section 4.2). Type is "" where
// the client did not name it.
type Member struct{ ID, Type string }

// Members are the members that a decoded value of the attribute names, as in the
// body of a POST or PUT. One that has no value shows with an empty ID, which no
// resource has.
func Members(v scim.Value, a *scim.Attribute) []Member {
	id, typ := a.Value(), (*scim.Attribute)(nil)
	if t, ok := a.Lookup("type"); ok {
		typ = t
	}
	elements := v.List()
	if v.Kind() == scim.KindComplex {
		elements = []scim.Value{v}
	}
	members := make([]Member, 0, len(elements))
	for _, e := range elements {
		var m Member
		if id != nil {
			text, _ := e.Get(id)
			m.ID = text.Text()
		}
		if typ != nil {
			text, _ := e.Get(typ)
			m.Type = canonical(typ, text.Text())
		}
		members = append(members, m)
	}
	return members
}

// canonical gives a text the letter case of the attribute's canonical values.
func canonical(a *scim.Attribute, s string) string {
	for _, c := range a.CanonicalValues {
		if scim.EqualName(c, s) {
			return c
		}
	}
	return s
}

// edge makes an operation on a relation.
func (b *binder) edge(v verb, t target, raw []byte) error {
	switch {
	case t.sub != nil:
		return scim.Errorf(scim.BadMutability, "The attribute %s cannot be changed; remove the value of %s and add another.", t.sub.Path(), t.attr.Path())
	case t.where != nil:
		return b.edgesWhere(v, t, raw)
	}
	raw, err := b.unwrapped(t.attr, raw)
	if err != nil {
		return err
	}
	op := EdgeOp{Kind: [verbs]EdgeKind{AddEdges, RemoveEdges, ReplaceEdges}[v]}
	if v == remove {
		listed, err := b.lists(t.attr, raw)
		if err != nil {
			return err
		}
		if !listed {
			return b.pushEdge(t.attr, EdgeOp{Kind: ReplaceEdges})
		}
	}
	if op.Members, err = b.members(t.attr, raw); err != nil {
		return err
	}
	if len(op.Members) == 0 && v != replace {
		return nil
	}
	return b.pushEdge(t.attr, op)
}

func (b *binder) pushEdge(a *scim.Attribute, op EdgeOp) error {
	return b.push(operation{shape: edges, attr: a, edge: op})
}

// members reads a list of them.
func (b *binder) members(a *scim.Attribute, raw []byte) ([]Member, error) {
	v, err := b.value(a, raw)
	if err != nil {
		return nil, err
	}
	members := Members(v, a)
	nameless := slices.ContainsFunc(members, func(m Member) bool { return m.ID == "" })
	if n, err := objects(raw); err != nil || n > len(members) || nameless {
		return nil, cmp.Or(err, error(scim.Errorf(scim.InvalidValue, "A value of %s has no value; send the id of the resource that is meant.", a.Path())))
	}
	return members, nil
}

// edgesWhere makes an operation on the members that a filter selects.
func (b *binder) edgesWhere(v verb, t target, raw []byte) error {
	if v != remove {
		return b.describedEdge(t, raw)
	}
	b.superfluous(v, raw)
	if ids, ok := named(t.where, t.attr.Value()); ok {
		return b.pushEdge(t.attr, EdgeOp{Kind: RemoveEdges, Members: ids})
	}
	typ, _ := t.attr.Lookup("type")
	id, where := t.attr.Value(), t.where
	if !speaksOnlyOf(where, id, typ) {
		return scim.Errorf(scim.NoTarget, "The values of %s can be selected by value and type only.", t.attr.Path())
	}
	test := filter.ElementTest(where)
	return b.pushEdge(t.attr, EdgeOp{Kind: RemoveWhere, Cost: 1 + comparisons(where), Where: func(m Member) bool {
		fields := []scim.Field{{Attr: id, Value: scim.TextValue(m.ID)}}
		if m.Type != "" && typ != nil {
			fields = append(fields, scim.Field{Attr: typ, Value: scim.TextValue(m.Type)})
		}
		return test(scim.ComplexValue(fields...))
	}})
}

// describedEdge adds the one member that the filter names.
func (b *binder) describedEdge(t target, raw []byte) error {
	terms, ok := filter.EqTerms(t.where)
	if !ok || len(terms) != 1 || terms[0].Attr != t.attr.Value() || !b.allow(scim.CreateUnmatched) {
		return scim.Errorf(scim.NoTarget, "The filter names no single value of %s to add; leave it out.", t.attr.Path())
	}
	id := terms[0].Value.Text()
	members, err := b.members(t.attr, raw)
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.ID != id {
			return fixed(t.attr.Value())
		}
	}
	return b.pushEdge(t.attr, EdgeOp{Kind: AddEdges, Members: []Member{{ID: id}}})
}

// named lists the members of a filter that is nothing but value eq "…", or
// several of them joined by or.
func named(n filter.Node, id *scim.Attribute) ([]Member, bool) {
	switch n := n.(type) {
	case *filter.Leaf:
		return []Member{{ID: n.Value.Text()}}, n.Attr == id && n.Op == filter.Equal
	case filter.Or:
		var all []Member
		for _, part := range n {
			some, ok := named(part, id)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, true
	}
	return nil, false
}

// speaksOnlyOf reports whether the filter can be answered from an edge.
func speaksOnlyOf(n filter.Node, attrs ...*scim.Attribute) bool {
	for l := range leaves(n) {
		if !slices.Contains(attrs, l.Attr) {
			return false
		}
	}
	return true
}

// comparisons counts those of a filter.
func comparisons(n filter.Node) (count int) {
	for range leaves(n) {
		count++
	}
	return count
}

// leaves are the comparisons of a filter.
func leaves(n filter.Node) iter.Seq[*filter.Leaf] {
	return func(yield func(*filter.Leaf) bool) { walk(n, yield) }
}

func walk(n filter.Node, yield func(*filter.Leaf) bool) bool {
	parts := []filter.Node(nil)
	switch n := n.(type) {
	case *filter.Leaf:
		return yield(n)
	case filter.And:
		parts = n
	case filter.Or:
		parts = n
	case filter.Not:
		parts = []filter.Node{n.Node}
	case *filter.Element:
		parts = []filter.Node{n.Inner}
	}
	for _, part := range parts {
		if !walk(part, yield) {
			return false
		}
	}
	return true
}
