package patch

import (
	"slices"

	"github.com/usher-scim/usher/scim"
)

func setWithin(s *state, o *operation) error {
	says := scim.ComplexValue().With(o.sub, o.value)
	return s.each(o, func(v scim.Value) (scim.Value, error) {
		if o.verb == add && o.sub.MultiValued {
			old, _ := v.Get(o.sub)
			all, err := s.union(o.sub, old, o.value)
			if err != nil {
				return v, err
			}
			return merged(v, scim.ComplexValue().With(o.sub, all), nil)
		}
		return merged(v, says, nil)
	}, says)
}

// union is the values of both lists, of which none has one twice.
func (s *state) union(a *scim.Attribute, v, w scim.Value) (scim.Value, error) {
	known := len(v.List())
	if err := s.spend(known * len(w.List())); err != nil {
		return v, err
	}
	all := slices.Clone(v.List())
	for _, e := range w.List() {
		if !slices.ContainsFunc(all[:known], e.Equal) {
			all = append(all, e)
		}
	}
	if len(all) > scim.MaxListElements {
		return v, scim.Errorf(scim.InvalidValue, "The attribute %s has more than %d values.", a.Path(), scim.MaxListElements)
	}
	return scim.ListValue(all...), nil
}

// unsetWithin removes a sub-attribute of the selected elements, or those of its values
// that the operation lists.
func unsetWithin(s *state, o *operation) error {
	e := s.elements(o)
	places, err := s.matches(o, e.list)
	if err != nil {
		return err
	}
	for _, i := range places {
		left := scim.Value{}
		if o.listed {
			old, _ := e.list[i].Get(o.sub)
			if err := s.spend(len(old.List()) * len(o.value.List())); err != nil {
				return err
			}
			left = without(o.sub, old, o.value)
		}
		said := scim.ComplexValue().With(o.sub, left)
		next, err := merged(e.list[i], said, unassigned(o.sub, left))
		if err != nil {
			return err
		}
		e.put(i, next, scim.Value{})
	}
	return s.store(e)
}

// unassigned lists the attribute if the value is none.
func unassigned(a *scim.Attribute, v scim.Value) []*scim.Attribute {
	if v.IsZero() {
		return []*scim.Attribute{a}
	}
	return nil
}

// without is the values of v that are not meant by one of w.
func without(a *scim.Attribute, v, w scim.Value) scim.Value {
	return scim.ListValue(slices.DeleteFunc(slices.Clone(v.List()), func(have scim.Value) bool {
		return slices.ContainsFunc(w.List(), func(listed scim.Value) bool { return meant(a, listed, have) })
	})...)
}
