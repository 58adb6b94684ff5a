package patch

import (
	"slices"

	"github.com/usher-scim/usher/scim"
)

// check compares the record after all operations with the one before: required
// attributes keep a value, immutable ones the value they had. What was wrong
// before and was not touched does not make a message fail.
func check(before, after *scim.Resource) error {
	for _, a := range scim.Changed(before, after) {
		was, _ := before.Get(a)
		is, _ := after.Get(a)
		if err := checkValue(a, was, is, false); err != nil {
			return err
		}
	}
	for _, e := range after.Type.Extensions {
		a, ok := after.Type.Root(e.Schema.ID)
		if !ok || !e.Required {
			continue
		}
		_, had := before.Get(a)
		if _, has := after.Get(a); had && !has {
			return scim.Errorf(scim.InvalidValue, "The extension %s is required and cannot be removed.", e.Schema.ID)
		}
	}
	return nil
}

// checkValue checks one attribute and its sub-attributes; fresh says that the
// value it is part of was not there before.
func checkValue(a *scim.Attribute, was, is scim.Value, fresh bool) error {
	if a.Mutability == scim.Immutable && !was.IsZero() && !was.Equal(is) {
		return fixed(a)
	}
	if a.Required && a.Mutability != scim.ReadOnly && blank(is) && (fresh || !blank(was)) {
		return scim.Errorf(scim.InvalidValue, "The attribute %s is required; it cannot be removed or left empty.", a.Path())
	}
	if a.Type != scim.Complex {
		return nil
	}
	if a.MultiValued {
		return checkElements(a, was, is)
	}
	for _, sub := range a.Sub {
		v, _ := was.Get(sub)
		w, _ := is.Get(sub)
		if err := checkSub(sub, v, w, was.IsZero(), is.IsZero()); err != nil {
			return err
		}
	}
	return nil
}

// checkSub checks a sub-attribute; gone says that the value it was part of is
// not there any more, and with it what was required inside.
func checkSub(a *scim.Attribute, was, is scim.Value, fresh, gone bool) error {
	switch {
	case !gone:
		return checkValue(a, was, is, fresh)
	case a.Mutability == scim.Immutable && !was.IsZero():
		return fixed(a)
	case a.Type == scim.Complex && !a.MultiValued:
		for _, sub := range a.Sub {
			v, _ := was.Get(sub)
			if err := checkSub(sub, v, scim.Value{}, fresh, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkElements checks the elements that were not there before.
func checkElements(a *scim.Attribute, was, is scim.Value) error {
	required := slices.DeleteFunc(slices.Clone(a.Sub), func(sub *scim.Attribute) bool { return !sub.Required })
	if len(required) == 0 {
		return nil
	}
	for _, e := range is.List() {
		for _, sub := range required {
			v, _ := e.Get(sub)
			if err := checkValue(sub, scim.Value{}, v, true); err != nil && !slices.ContainsFunc(was.List(), e.Equal) {
				return err
			}
		}
	}
	return nil
}
