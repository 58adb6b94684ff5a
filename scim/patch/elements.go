package patch

import (
	"cmp"
	"slices"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// elements are the values of a multi-valued attribute while an operation changes
// them.
type elements struct {
	attr    *scim.Attribute
	list    []scim.Value
	changed []int // places of elements that are new or not what they were
	first   []int // places of elements that the operation made primary
}

// elements copies the values of the operation's attribute.
func (s *state) elements(o *operation) *elements {
	v, _ := s.rec.Get(o.attr)
	return &elements{attr: o.attr, list: slices.Clone(v.List())}
}

// put sets the element at place i; v is what the operation says about it.
func (e *elements) put(i int, next, v scim.Value) {
	if i == len(e.list) {
		e.list = append(e.list, next)
	} else {
		e.list[i] = next
	}
	e.changed = append(e.changed, i)
	if primary, ok := e.attr.Lookup("primary"); ok {
		if yes, _ := v.Get(primary); yes.Bool() {
			e.first = append(e.first, i)
		}
	}
}

// store writes the values back: one primary at most (RFC 7643 section 2.4),
// nothing empty, nothing twice.
func (s *state) store(e *elements) error {
	if len(e.first) > 1 {
		return scim.Errorf(scim.InvalidValue, "Only one value of %s can be primary; %d would be.", e.attr.Path(), len(e.first))
	}
	if primary, ok := e.attr.Lookup("primary"); ok && len(e.first) == 1 {
		for i, v := range e.list {
			if yes, _ := v.Get(primary); yes.Bool() && i != e.first[0] {
				e.list[i] = v.With(primary, scim.BoolValue(false))
			}
		}
	}
	if err := s.unrepeat(e); err != nil {
		return err
	}
	e.list = slices.DeleteFunc(e.list, scim.Value.IsZero)
	if len(e.list) > scim.MaxListElements {
		return scim.Errorf(scim.InvalidValue, "The attribute %s has more than %d values.", e.attr.Path(), scim.MaxListElements)
	}
	s.rec.SetPath(e.attr, scim.ListValue(e.list...))
	return nil
}

// unrepeat empties the places of elements that say what a changed one says.
func (s *state) unrepeat(e *elements) error {
	if err := s.spend(len(e.changed) * len(e.list)); err != nil {
		return err
	}
	changed := make([]bool, len(e.list))
	for _, i := range e.changed {
		changed[i] = true
	}
	for _, i := range e.changed {
		for j, v := range e.list {
			switch {
			case j == i || !same(e.attr, v, e.list[i]):
			case changed[j]:
				e.list[max(i, j)] = scim.Value{}
			default:
				e.list[j] = scim.Value{}
			}
		}
	}
	return nil
}

// same reports whether two elements are the same value: equal altogether, or of
// the same type and value.
func same(a *scim.Attribute, v, w scim.Value) bool {
	if v.IsZero() || w.IsZero() || differ(a, v, w) {
		return false
	}
	if v.Equal(w) {
		return true
	}
	typ, typed := a.Lookup("type")
	if !typed || a.Value() == nil {
		return false
	}
	x, set := v.Get(a.Value())
	y, _ := w.Get(a.Value())
	t, _ := v.Get(typ)
	u, _ := w.Get(typ)
	return set && x.Equal(y) && t.Equal(u)
}

// differ reports whether two elements have different values, which is what nearly all are
// told apart by.
func differ(a *scim.Attribute, v, w scim.Value) bool {
	id := a.Value()
	if id == nil {
		return false
	}
	x, _ := v.Get(id)
	y, _ := w.Get(id)
	return !x.Equal(y)
}

// addValues appends what is not there and merges what is (RFC 7644 section
// 3.5.2.1).
func addValues(s *state, o *operation) error {
	e := s.elements(o)
	known := len(e.list)
	if err := s.spend(known * len(o.value.List())); err != nil {
		return err
	}
	for _, v := range o.value.List() {
		i := slices.IndexFunc(e.list[:known], func(have scim.Value) bool {
			return !differ(o.attr, have, v) && same(o.attr, have, alike(o.attr, v, have))
		})
		if i < 0 {
			e.put(len(e.list), v, v)
			continue
		}
		next, err := merged(e.list[i], v, nil)
		if err != nil {
			return err
		}
		if o.attr.Type != scim.Complex {
			next = e.list[i]
		}
		e.put(i, next, v)
	}
	return s.store(e)
}

// alike gives an element that names no type the type of another: a value that is
// added again without it is the same value.
func alike(a *scim.Attribute, v, other scim.Value) scim.Value {
	typ, ok := a.Lookup("type")
	if !ok {
		return v
	}
	if _, set := v.Get(typ); set {
		return v
	}
	t, _ := other.Get(typ)
	return v.With(typ, t)
}

// removeValues removes all values, or those that the operation lists.
func removeValues(s *state, o *operation) error {
	if !o.listed {
		return unset(s, o)
	}
	e := s.elements(o)
	if err := s.spend(len(e.list) * len(o.value.List())); err != nil {
		return err
	}
	e.list = slices.Clone(without(o.attr, scim.ListValue(e.list...), o.value).List())
	return s.store(e)
}

// meant reports whether a listed value stands for an element. Value and type
// decide where there is a value; otherwise all that is listed must agree.
func meant(a *scim.Attribute, v, have scim.Value) bool {
	if a.Type != scim.Complex {
		return agree(a, v, have)
	}
	id := a.Value()
	_, byValue := v.Get(id)
	for _, f := range v.Fields() {
		if byValue && f.Attr != id && !scim.EqualName(f.Attr.Name, "type") {
			continue
		}
		if w, _ := have.Get(f.Attr); !agree(f.Attr, f.Value, w) {
			return false
		}
	}
	return !v.IsZero()
}

func agree(a *scim.Attribute, v, w scim.Value) bool {
	if a.Type == scim.String && !a.CaseExact {
		return w.Kind() == scim.KindText && scim.Fold(v.Text()) == scim.Fold(w.Text())
	}
	return v.Equal(w)
}

// matches are the places of the elements that the operation selects.
func (s *state) matches(o *operation, list []scim.Value) ([]int, error) {
	if err := s.spend((1 + comparisons(o.where)) * len(list)); err != nil {
		return nil, err
	}
	selects := func(scim.Value) bool { return true }
	if o.where != nil {
		selects = filter.ElementTest(o.where)
	}
	var places []int
	for i, v := range list {
		if selects(v) {
			places = append(places, i)
		}
	}
	return places, nil
}

// each changes the selected elements. Where none is selected it makes the one
// that the filter describes, if the dialect has that, and changes it.
func (s *state) each(o *operation, change func(scim.Value) (scim.Value, error), says scim.Value) error {
	e := s.elements(o)
	places, err := s.matches(o, e.list)
	if err != nil {
		return err
	}
	for _, i := range places {
		next, err := change(e.list[i])
		if err != nil {
			return err
		}
		e.put(i, next, says)
	}
	if len(places) == 0 {
		made, err := s.described(o)
		if err != nil {
			return err
		}
		if made, err = change(made); err != nil {
			return err
		}
		e.put(len(e.list), made, made)
	}
	return s.store(e)
}

// described is the element that the operation's filter describes.
func (s *state) described(o *operation) (scim.Value, error) {
	terms, ok := []*filter.Leaf(nil), true
	if o.where != nil {
		terms, ok = filter.EqTerms(o.where)
	}
	made, wrong := scim.ComplexValue(), error(nil)
	for _, t := range terms {
		if _, twice := made.Get(t.Attr); twice || t.Attr.Parent() != o.attr || readOnly(t.Attr) {
			ok = false
		}
		v, err := literal(t)
		made, wrong = made.With(t.Attr, v), cmp.Or(wrong, err)
	}
	if !ok || !o.create {
		return made, scim.Errorf(scim.NoTarget, "The path selects no value of %s.", o.attr.Path())
	}
	if wrong != nil {
		return made, wrong
	}
	s.met |= scim.CreateUnmatched
	return made, nil
}

// literal is what a comparison of a filter gives the element that it describes. It is
// checked as if the client had sent it as a value: a filter may compare with what the
// attribute cannot hold.
func literal(t *filter.Leaf) (scim.Value, error) {
	raw := t.Value.String()
	if kind := t.Value.Kind(); kind != scim.KindBool && kind != scim.KindInt {
		raw = string(scim.AppendString(nil, t.Value.Text()))
	}
	v, _, err := scim.DecodeValue(t.Attr, []byte(raw), scim.Tolerant)
	return v, err
}

func mergeSelected(s *state, o *operation) error {
	return s.each(o, func(v scim.Value) (scim.Value, error) { return merged(v, o.value, o.cleared) }, o.value)
}

// replaceSelected puts the value in the place of each selected element, but for
// what selected it and what cannot be changed.
func replaceSelected(s *state, o *operation) error {
	terms, _ := filter.EqTerms(o.where)
	lasting := func(a *scim.Attribute) bool {
		return readOnly(a) || a.Mutability == scim.Immutable ||
			slices.ContainsFunc(terms, func(t *filter.Leaf) bool { return t.Attr == a })
	}
	return s.each(o, func(v scim.Value) (scim.Value, error) {
		return merged(keep(v, lasting), o.value, o.cleared)
	}, o.value)
}

func removeSelected(s *state, o *operation) error {
	e := s.elements(o)
	places, err := s.matches(o, e.list)
	if err != nil {
		return err
	}
	for _, i := range places {
		e.list[i] = scim.Value{}
	}
	return s.store(e)
}
