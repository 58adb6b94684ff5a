package mongo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Besides what is indexed, a record keeps every value that can be asked about, so that
// the server compares what no index tells. They are texts: a short path, separator, and
// the value in its order (scim.OrderKey). An extension is a number in the path, and what
// is in an element needs no more than its name.

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
	Path   string   `bson:"p"` // of the attribute
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
	paths   map[*scim.Attribute]string
	indexed map[*scim.Attribute]bool // written as terms already
	numbers map[string]int           // of extensions
}

// formOf is the form of a configuration.
func formOf(reg *schemas.Registry) *form {
	f, sum := &form{paths: map[*scim.Attribute]string{}, indexed: map[*scim.Attribute]bool{}, numbers: map[string]int{}}, sha256.New()
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
		for _, a := range rt.Roots() {
			f.read(a, "")
		}
		var write func(all []*scim.Attribute)
		write = func(all []*scim.Attribute) {
			for _, a := range all {
				fmt.Fprintf(sum, "%s %s %s %s %t %t %t\n", rt.Name, a.Path(), f.paths[a], a.Type, a.MultiValued, a.CaseExact, f.indexed[a])
				write(a.Sub)
			}
		}
		write(rt.Roots())
	}
	f.name = hex.EncodeToString(sum.Sum(nil)[:4])
	return f
}

// read gives an attribute its path, and those in it.
func (f *form) read(a *scim.Attribute, in string) {
	path := in + a.Name
	if a.IsExtension() {
		if f.numbers[a.Name] == 0 {
			f.numbers[a.Name] = len(f.numbers) + 1
		}
		path = strconv.Itoa(f.numbers[a.Name])
	}
	f.paths[a] = path
	if in = path + "."; a.MultiValued {
		in = ""
	}
	for _, sub := range a.Sub {
		f.read(sub, in)
	}
}

// prefix is what the values of an attribute begin with.
func (f *form) prefix(a *scim.Attribute) string { return f.paths[a] + separator }

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
				to.Plain = f.appendValues(to.Plain, one)
			}
		case a.MultiValued:
			for _, e := range one.Value.List() {
				in := element{Path: f.paths[a]}
				for _, sub := range e.Fields() {
					in.Values = f.appendValues(in.Values, sub)
				}
				to.Elements = append(to.Elements, in)
			}
		default:
			to.Plain = append(to.Plain, f.prefix(a)) // tells that it is there
			f.add(to, one.Value.Fields())
		}
	}
}

// appendValues appends the values of an attribute that is not complex.
func (f *form) appendValues(dst []string, of scim.Field) []string {
	all := of.Value.List()
	if of.Value.Kind() != scim.KindList {
		all = []scim.Value{of.Value}
	}
	for _, v := range all {
		if text, ok := scim.OrderKey(of.Attr, v); ok {
			dst = append(dst, f.prefix(of.Attr)+text)
		}
	}
	return dst
}
