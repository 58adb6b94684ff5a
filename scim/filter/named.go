package filter

// Named are the far ends of memberships that the filter compares with, and whether that
// is all that it asks of memberships: then it need not be told of any others.
func (f *Filter) Named() (ids []string, only bool) { return named(nil, f.Root) }

func named(ids []string, n Node) (_ []string, only bool) {
	switch n := n.(type) {
	case And:
		return allNamed(ids, n)
	case Or:
		return allNamed(ids, n)
	case Not:
		return named(ids, n.Node)
	case *Element:
		if !n.Attr.Edge {
			return ids, true
		}
		leaf, single := n.Inner.(*Leaf) // of an element that is another, ne holds
		if !single || leaf.Op != Equal {
			return ids, false
		}
		return named(ids, leaf)
	case *Leaf:
		if !usesEdges(n) {
			return ids, true
		}
		end := n.Attr.Parent() != nil && n.Attr.Parent().Value() == n.Attr
		return append(ids, n.Key), end && (n.Op == Equal || n.Op == NotEqual)
	}
	return ids, false
}

func allNamed(ids []string, parts []Node) (_ []string, only bool) {
	for _, n := range parts {
		if ids, only = named(ids, n); !only {
			return ids, false
		}
	}
	return ids, true
}
