package filter

import (
	"math"
	"strconv"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// Compile parses a filter and binds it to a resource type.
func Compile(src string, rt *scim.ResourceType, dialect scim.Quirks) (*Filter, scim.Quirks, error) {
	e, met, err := Parse(src, dialect)
	if err != nil {
		return nil, 0, err
	}
	f, bound, err := Bind(e, rt, dialect)
	if err != nil {
		return nil, 0, err
	}
	f.text = src
	return f, met | bound, nil
}

// Bind resolves the names of a filter against a resource type and its values
// against the attributes. Errors are *scim.Error of type invalidFilter.
func Bind(e Expr, rt *scim.ResourceType, dialect scim.Quirks) (*Filter, scim.Quirks, error) {
	b := &binder{rt: rt, dialect: dialect}
	n, err := b.bind(e)
	if err != nil {
		return nil, 0, err
	}
	f := &Filter{Type: rt, Root: n, text: e.String()}
	f.match = compile(n)
	f.edges = usesEdges(n)
	return f, b.met, nil
}

// BindElement resolves a filter in brackets against the sub-attributes of attr.
func BindElement(e Expr, attr *scim.Attribute, dialect scim.Quirks) (Node, scim.Quirks, error) {
	if attr.Type != scim.Complex {
		return nil, 0, scim.Errorf(scim.InvalidFilter, "The attribute %s has no sub-attributes to filter by.", attr.Path())
	}
	b := &binder{within: attr, dialect: dialect}
	n, err := b.bind(e)
	return n, b.met, err
}

type binder struct {
	rt      *scim.ResourceType
	within  *scim.Attribute      // names are sub-attributes of it
	beside  []*scim.ResourceType // others that are searched together with it
	dialect scim.Quirks
	met     scim.Quirks
	unknown bool // a name is not one of an attribute
}

func (b *binder) bind(e Expr) (Node, error) {
	switch e := e.(type) {
	case andExpr:
		parts, err := b.all(e.parts)
		return And(parts), err
	case orExpr:
		parts, err := b.all(e.parts)
		return Or(parts), err
	case notExpr:
		n, err := b.bind(e.part)
		return Not{n}, err
	case elemExpr:
		n, err := b.element(e)
		if err != nil {
			return b.absent(e, err)
		}
		return n, nil
	case *compareExpr:
		n, err := b.compare(e)
		if err != nil {
			return b.absent(e, err)
		}
		return n, nil
	}
	return nil, scim.Errorf(scim.InvalidFilter, "The filter has a part that cannot be understood.")
}

func (b *binder) all(parts []Expr) ([]Node, error) {
	nodes := make([]Node, len(parts))
	for i, p := range parts {
		n, err := b.bind(p)
		if err != nil {
			return nil, err
		}
		nodes[i] = n
	}
	return nodes, nil
}

func (b *binder) element(e elemExpr) (Node, error) {
	attr, err := b.resolve(e.path)
	if err != nil {
		return nil, err
	}
	if attr.Type != scim.Complex || b.within != nil || e.sub != "" && e.rest == nil {
		return nil, scim.Errorf(scim.InvalidFilter, "The attribute %s cannot be followed by a filter in brackets there.", attr.Path())
	}
	inner := &binder{rt: b.rt, within: attr, dialect: b.dialect}
	n, err := inner.bind(e.inner)
	if err == nil && e.rest != nil {
		var rest Node
		rest, err = inner.compare(e.rest)
		n = And{n, rest}
	}
	b.met, b.unknown = b.met|inner.met, b.unknown || inner.unknown
	if err != nil {
		return nil, err
	}
	return &Element{attr, n}, nil
}

// resolve finds an attribute that may be asked about.
func (b *binder) resolve(path string) (*scim.Attribute, error) {
	var a *scim.Attribute
	var ok bool
	if b.within != nil {
		a, ok = b.within.Lookup(path)
	} else if a, ok = b.rt.Resolve(path); !ok {
		a, ok = b.inExtension(path)
	}
	if !ok {
		b.unknown = true
		if len(b.beside) > 0 {
			return nil, scim.Errorf(scim.InvalidFilter, "The attribute %q is not one of any resource type that is searched.", path)
		}
		return nil, scim.Errorf(scim.InvalidFilter, "The attribute %q is not one of this resource type.", path)
	}
	if a.Hidden() {
		return nil, scim.Errorf(scim.InvalidFilter, "The attribute %s cannot be filtered by.", a.Path())
	}
	if other := a.MadeOf(); other != nil && b.rt != nil { // PATCH says by itself what it takes
		return nil, scim.Errorf(scim.InvalidFilter, "The attribute %s cannot be filtered by; use %s.", a.Path(), other.Path())
	}
	if last := a.Name; !strings.HasSuffix(path, last) {
		b.met |= scim.MixedCase
	}
	return a, nil
}

// inExtension finds an attribute of an extension by its bare name, if only one
// extension has it.
func (b *binder) inExtension(path string) (found *scim.Attribute, ok bool) {
	if !b.dialect.Has(scim.LoosePath) {
		return nil, false
	}
	for _, e := range b.rt.Extensions {
		if a, have := b.rt.Resolve(e.Schema.ID + ":" + path); have {
			if found != nil {
				return nil, false
			}
			found = a
		}
	}
	b.met |= scim.LoosePath
	return found, found != nil
}

func (b *binder) compare(e *compareExpr) (Node, error) {
	a, err := b.resolve(e.path)
	if err != nil {
		return nil, err
	}
	op, lit := e.op, e.lit
	if lit.kind == litNull && op != Present {
		switch op {
		case Equal:
			return Not{&Leaf{Attr: a, Op: Present}}, nil
		case NotEqual:
			return &Leaf{Attr: a, Op: Present}, nil
		}
		return nil, scim.Errorf(scim.InvalidFilter, "Nothing can be compared with null but by eq and ne.")
	}
	if op == Present {
		return &Leaf{Attr: a, Op: op}, nil
	}
	if a.Type == scim.Complex {
		if a.Value() == nil {
			return nil, scim.Errorf(scim.InvalidFilter, "The attribute %s is complex; name one of its sub-attributes.", a.Path())
		}
		a = a.Value()
	}
	leaf := &Leaf{Attr: a, Op: op}
	return leaf, b.typed(leaf, lit)
}

// typed gives the leaf its literal in the attribute's type.
func (b *binder) typed(n *Leaf, lit literal) error {
	mismatch := func() error {
		return scim.Errorf(scim.InvalidFilter, "The attribute %s is a %s and cannot be compared by %s with the value given.", n.Attr.Path(), n.Attr.Type, n.Op)
	}
	textual := n.Op == Contains || n.Op == StartsWith || n.Op == EndsWith
	switch n.Attr.Type {
	case scim.Boolean:
		yes, ok := scim.ParseBool(lit.text)
		if !ok || n.Op > NotEqual {
			return mismatch()
		}
		if lit.kind == litString {
			if !b.dialect.Has(scim.StringBoolean) {
				return mismatch()
			}
			b.met |= scim.StringBoolean
		}
		n.Value = scim.BoolValue(yes)
	case scim.Integer, scim.Decimal:
		f, err := strconv.ParseFloat(lit.text, 64)
		if err != nil || textual || math.IsInf(f, 0) || math.IsNaN(f) || lit.kind == litBool {
			return mismatch()
		}
		n.Value = scim.DecimalValue(f, lit.text)
		if i, err := strconv.ParseInt(lit.text, 10, 64); err == nil && n.Attr.Type == scim.Integer {
			n.Value = scim.IntValue(i)
		}
	case scim.DateTime:
		t, ok := scim.ParseTime(lit.text)
		if !ok || textual {
			return mismatch()
		}
		n.Value = scim.TimeValue(t, lit.text)
	default:
		if lit.kind == litBool && b.dialect == scim.Strict || (lit.kind == litBool || lit.kind == litNumber) && n.Op > NotEqual {
			return mismatch() // as their text they are only equal or not
		}
		n.Value, n.Key = scim.TextValue(lit.text), fold(n, lit.text)
	}
	return nil
}

// fold writes a text as the leaf compares it.
func fold(n *Leaf, text string) string {
	switch {
	case n.Attr.CaseExact:
		return text
	case n.Attr.Uniqueness != scim.NotUnique && n.Op <= NotEqual:
		return scim.Key(text)
	}
	return scim.Fold(text)
}

// EqTerms returns the comparisons of a conjunction of eq, which describes an
// element; false for any other filter.
func EqTerms(n Node) ([]*Leaf, bool) {
	switch n := n.(type) {
	case *Leaf:
		return []*Leaf{n}, n.Op == Equal
	case And:
		var all []*Leaf
		for _, part := range n {
			terms, ok := EqTerms(part)
			if !ok {
				return nil, false
			}
			all = append(all, terms...)
		}
		return all, true
	}
	return nil, false
}
