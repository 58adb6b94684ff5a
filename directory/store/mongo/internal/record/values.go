package record

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

// Values are those of one record.
type Values struct {
	Plain    []string  `bson:"a,omitempty"` // but those of elements, and the indexed ones
	Elements []Element `bson:"e,omitempty"` // of multi-valued complex attributes
	Form     string    `bson:"q,omitempty"` // the form that says what is where
}

// Equal reports whether they are the same; the form is not looked at.
func (v Values) Equal(w Values) bool {
	return slices.Equal(v.Plain, w.Plain) && slices.EqualFunc(v.Elements, w.Elements, func(a, b Element) bool { return a.Path == b.Path && slices.Equal(a.Values, b.Values) })
}

// Element is one element of an attribute.
type Element struct {
	Path   string   `bson:"p"` // of the attribute
	Values []string `bson:"s,omitempty"`
}

// valuesVersion is another one whenever a program writes the values of the same record
// differently, as when text is folded in another way.
const valuesVersion = 1

// Form is how the values of records are written. It follows from the program and its
// configuration, so two may differ in it; what another wrote cannot be searched until
// it is refreshed.
type Form struct {
	Name    string
	paths   map[*scim.Attribute]string
	indexed map[*scim.Attribute]bool // written as terms already
	numbers map[string]int           // of extensions
	types   *schemas.Registry
}

// FormOf is the form of a configuration.
func FormOf(reg *schemas.Registry) *Form {
	f, sum := &Form{paths: map[*scim.Attribute]string{}, indexed: map[*scim.Attribute]bool{}, numbers: map[string]int{}, types: reg}, sha256.New()
	fmt.Fprintln(sum, valuesVersion)
	for _, rt := range reg.Types {
		if rt.ReadOnly {
			continue // not kept as resources
		}
		for _, a := range rt.IndexedAttributes() {
			if a.Type.Textual() && !InElement(a) {
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
	f.Name = hex.EncodeToString(sum.Sum(nil)[:4])
	return f
}

// read gives an attribute its path, and those in it.
func (f *Form) read(a *scim.Attribute, in string) {
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

// Path stands for an attribute in what is kept.
func (f *Form) Path(a *scim.Attribute) string { return f.paths[a] }

// Extension is what a record keeps that has one, by the id of its schema.
func (f *Form) Extension(id string) string { return strconv.Itoa(f.numbers[id]) + Separator }

// Prefix is what the values of an attribute begin with.
func (f *Form) Prefix(a *scim.Attribute) string { return f.paths[a] + Separator }

// InElement reports whether the values of an attribute lie in elements of its parent.
func InElement(a *scim.Attribute) bool { return a.Parent() != nil && a.Parent().MultiValued }

// Values lists what a record keeps.
func (f *Form) Values(r *scim.Resource) Values {
	v := Values{Form: f.Name}
	f.add(&v, r.Fields())
	return v
}

// ValuesOf lists what a record that is kept is to keep.
func (f *Form) ValuesOf(d Resource) (Values, error) {
	rt, ok := f.types.Type(d.Kind)
	if !ok {
		return Values{}, fmt.Errorf("the store was opened without the resource type %s", d.Kind)
	}
	r := d.Of(rt)
	if err := r.Load(); err != nil {
		return Values{}, err
	}
	return f.Values(r), nil
}

func (f *Form) add(to *Values, fields []scim.Field) {
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
				in := Element{Path: f.paths[a]}
				for _, sub := range e.Fields() {
					in.Values = f.appendValues(in.Values, sub)
				}
				to.Elements = append(to.Elements, in)
			}
		default:
			to.Plain = append(to.Plain, f.Prefix(a)) // tells that it is there
			f.add(to, one.Value.Fields())
		}
	}
}

// appendValues appends the values of an attribute that is not complex.
func (f *Form) appendValues(dst []string, of scim.Field) []string {
	all := of.Value.List()
	if of.Value.Kind() != scim.KindList {
		all = []scim.Value{of.Value}
	}
	for _, v := range all {
		if text, ok := scim.OrderKey(of.Attr, v); ok {
			dst = append(dst, f.Prefix(of.Attr)+text)
		}
	}
	return dst
}
