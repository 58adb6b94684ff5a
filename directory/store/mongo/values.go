package mongo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Besides what is indexed, a record keeps every value that can be asked about, so that
// the server compares what no index tells. They are texts as the indexed ones are:
// path, separator, and the value in its order (scim.OrderKey).

// values are those of one record.
type values struct {
	Plain    []string  `bson:"a,omitempty"` // but those of elements, and the indexed ones
	Elements []element `bson:"e,omitempty"` // of multi-valued complex attributes
	Form     string    `bson:"q,omitempty"` // the form that says what is where
}

func (v values) equal(w values) bool {
	return slices.Equal(v.Plain, w.Plain) && slices.EqualFunc(v.Elements, w.Elements, func(a, b element) bool { return a.Path == b.Path && slices.Equal(a.Values, b.Values) })
}

// element is one element of an attribute.
type element struct {
	Path   string   `bson:"p"`
	Values []string `bson:"s,omitempty"`
}

// valuesVersion is another one whenever a program writes the values of the same record
// differently, as when text is folded in another way.
const valuesVersion = 1

// form is how the values of records are written. It follows from the program and its
// configuration, so two may differ in it; what another wrote cannot be searched (see
// refresh.go).
type form struct {
	name    string
	indexed map[*scim.Attribute]bool // written as terms already
}

// formOf is the form of a configuration.
func formOf(reg *schemas.Registry) *form {
	f, sum := &form{indexed: map[*scim.Attribute]bool{}}, sha256.New()
	fmt.Fprintln(sum, valuesVersion)
	for _, rt := range reg.Types {
		if rt.ReadOnly {
			continue // not kept as resources
		}
		for _, a := range rt.IndexedAttributes() {
			if a.Type.Textual() && !inElement(a) {
				f.indexed[a] = true
			}
		}
		var write func(all []*scim.Attribute)
		write = func(all []*scim.Attribute) {
			for _, a := range all {
				fmt.Fprintf(sum, "%s %s %s %t %t %t\n", rt.Name, a.Path(), a.Type, a.MultiValued, a.CaseExact, f.indexed[a])
				write(a.Sub)
			}
		}
		write(rt.Roots())
	}
	f.name = hex.EncodeToString(sum.Sum(nil)[:4])
	return f
}

// inElement reports whether the values of an attribute lie in elements of its parent.
func inElement(a *scim.Attribute) bool { return a.Parent() != nil && a.Parent().MultiValued }

// values lists what a record keeps.
func (f *form) values(r *scim.Resource) values {
	v := values{Form: f.name}
	f.add(&v, r.Fields())
	return v
}

func (f *form) add(to *values, fields []scim.Field) {
	for _, one := range fields {
		a := one.Attr
		switch {
		case a.Edge || one.Value.IsZero():
		case a.Type != scim.Complex:
			if !f.indexed[a] {
				to.Plain = appendValues(to.Plain, one)
			}
		case a.MultiValued:
			for _, e := range one.Value.List() {
				in := element{Path: a.Path()}
				for _, sub := range e.Fields() {
					in.Values = appendValues(in.Values, sub)
				}
				to.Elements = append(to.Elements, in)
			}
		default:
			to.Plain = append(to.Plain, a.Path()+separator) // tells that it is there
			f.add(to, one.Value.Fields())
		}
	}
}

// appendValues appends the values of an attribute that is not complex.
func appendValues(dst []string, f scim.Field) []string {
	all := f.Value.List()
	if f.Value.Kind() != scim.KindList {
		all = []scim.Value{f.Value}
	}
	for _, v := range all {
		if text, ok := scim.OrderKey(f.Attr, v); ok {
			dst = append(dst, f.Attr.Path()+separator+text)
		}
	}
	return dst
}
