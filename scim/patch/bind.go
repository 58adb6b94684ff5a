package patch

import (
	"cmp"

	"github.com/usher-scim/usher/scim"
)

// bind makes the operations for one target.
func (b *binder) bind(v verb, t target, raw []byte) error {
	switch {
	case t.core:
		return b.whole(v, raw)
	case readOnly(t.attr) || t.sub != nil && readOnly(t.sub):
		return immovable(t.last())
	case v != remove && raw == nil && !(t.attr.Edge && t.where != nil):
		return scim.Errorf(scim.InvalidValue, "The operation %s needs a value for %s.", verbNames[v], t.last().Path())
	case v == add && isNull(raw):
		return nil // nothing to add (RFC 7643 section 2.5)
	case t.last().Mutability == scim.WriteOnly && !t.last().Unkept: // what asks for something is passed on
		return b.secret(v, t.last(), raw)
	case t.attr.Edge:
		return b.edge(v, t, raw)
	case t.sub != nil:
		return b.within(v, t, raw)
	case t.where != nil:
		return b.selected(v, t, raw)
	case t.attr.MultiValued:
		return b.multi(v, t.attr, raw)
	case t.attr.IsExtension() && v != remove && !isNull(raw):
		return b.keys(v, t.attr, raw)
	case t.attr.Type == scim.Complex:
		return b.compound(v, t.attr, raw)
	}
	return b.simple(v, t.attr, raw)
}

// last is the attribute whose values change.
func (t target) last() *scim.Attribute {
	if t.sub != nil {
		return t.sub
	}
	return t.attr
}

// push adds an operation, within the limit on them (K47).
func (b *binder) push(o operation) error {
	if len(b.ops) >= scim.MaxPatchOps {
		return tooMany()
	}
	o.number = b.number
	o.create = b.dialect.Has(scim.CreateUnmatched)
	b.ops = append(b.ops, o)
	return nil
}

// value reads the value of an operation.
func (b *binder) value(a *scim.Attribute, raw []byte) (scim.Value, error) {
	if raw == nil {
		return scim.Value{}, nil
	}
	v, met, err := scim.DecodeValue(a, raw, b.dialect)
	b.met |= met
	return v, err
}

// superfluous notes a value that says nothing a remove operation does not say.
func (b *binder) superfluous(v verb, raw []byte) {
	if v == remove && raw != nil && !isNull(raw) {
		b.allow(scim.RemoveWithValue)
	}
}

// whole spreads the bare URN of the core schema over its attributes.
func (b *binder) whole(v verb, raw []byte) error {
	if v == remove {
		return scim.Errorf(scim.NoTarget, "A remove operation cannot remove the whole resource; use DELETE.")
	}
	return b.keys(v, nil, raw)
}

// secret checks the value of a write-only attribute, which is not kept.
func (b *binder) secret(v verb, a *scim.Attribute, raw []byte) error {
	if v == remove {
		return nil
	}
	_, err := b.value(a, raw)
	return err
}

func (b *binder) simple(v verb, a *scim.Attribute, raw []byte) error {
	o := operation{verb: v, shape: simple, attr: a}
	if b.superfluous(v, raw); v == remove {
		return b.push(o)
	}
	var err error
	if o.value, err = b.value(a, raw); err != nil {
		return err
	}
	if p := a.Parent(); p != nil && !p.IsExtension() && p.Value() == a && blank(o.value) && b.allow(scim.EmptyClears) {
		o = operation{verb: remove, shape: compound, attr: p} // manager.value = "" clears the manager
	}
	return b.push(o)
}

func (b *binder) compound(v verb, a *scim.Attribute, raw []byte) error {
	o := operation{verb: v, shape: compound, attr: a}
	if b.superfluous(v, raw); v == remove {
		return b.push(o)
	}
	var err error
	if o.value, err = b.value(a, raw); err != nil {
		return err
	}
	if o.value.Kind() == scim.Unassigned {
		o.verb = remove // null, [] and what a client means by ""
	} else if o.cleared, err = cleared(a, o.value, raw); err != nil {
		return err
	}
	return b.push(o)
}

// cleared lists the sub-attributes that an object names without giving them a
// value: null and [] unassign (RFC 7643 section 2.5).
func cleared(a *scim.Attribute, v scim.Value, raw []byte) ([]*scim.Attribute, error) {
	if kind(raw) != '{' {
		return nil, nil
	}
	members, err := object(raw)
	if err != nil {
		return nil, err
	}
	var empty []*scim.Attribute
	for _, m := range members {
		sub, ok := a.Lookup(m.name)
		if !ok || sub.Mutability == scim.ReadOnly || sub.Mutability == scim.WriteOnly {
			continue
		}
		if _, set := v.Get(sub); !set {
			empty = append(empty, sub)
		}
	}
	return empty, nil
}

func (b *binder) multi(v verb, a *scim.Attribute, raw []byte) error {
	o := operation{verb: v, shape: multi, attr: a}
	raw, err := b.unwrapped(a, raw)
	if err != nil {
		return err
	}
	if v == remove {
		if o.listed, err = b.lists(a, raw); err != nil {
			return err
		}
		if !o.listed {
			return b.push(o)
		}
	}
	if o.value, err = b.value(a, raw); err != nil {
		return err
	}
	if o.listed && o.value.IsZero() {
		return nil // nothing is named
	}
	if v == replace && o.value.IsZero() {
		// A list of things unknown must not empty the attribute.
		if n, err := objects(raw); err != nil || n > 0 {
			return cmp.Or(err, error(scim.Errorf(scim.InvalidValue, "The values for %s name none of its sub-attributes.", a.Path())))
		}
	}
	return b.push(o)
}

func (b *binder) selected(v verb, t target, raw []byte) error {
	o := operation{verb: v, shape: selected, attr: t.attr, where: t.where}
	if b.superfluous(v, raw); v == remove {
		return b.push(o)
	}
	if kind(raw) == '[' && !b.allow(scim.ListForSingle) {
		return scim.Errorf(scim.InvalidValue, "A path with a filter selects values of %s; send one value for them, not a list.", t.attr.Path())
	}
	// One element is what the RFC has here, so it is no departure.
	list, met, err := scim.DecodeValue(t.attr, raw, b.dialect|scim.SingleForList)
	b.met |= met &^ scim.SingleForList
	switch elements := list.List(); {
	case err != nil:
		return err
	case len(elements) > 1:
		return scim.Errorf(scim.InvalidValue, "A path with a filter selects values of %s; send one value for them, not a list.", t.attr.Path())
	case len(elements) == 1:
		o.value = elements[0]
	case kind(raw) == '{':
		o.value = scim.ComplexValue()
	default:
		o.verb = remove // null and what a client means by ""
	}
	if o.cleared, err = cleared(t.attr, o.value, raw); err != nil {
		return err
	}
	return b.push(o)
}

func (b *binder) within(v verb, t target, raw []byte) error {
	o := operation{verb: v, shape: within, attr: t.attr, sub: t.sub, where: t.where}
	var err error
	if v == remove && t.sub.MultiValued { // as with multi
		if o.listed, err = b.lists(t.sub, raw); err != nil {
			return err
		}
	}
	if !o.listed && v == remove {
		b.superfluous(v, raw)
		return b.push(o)
	}
	if o.value, err = b.value(t.sub, raw); err != nil {
		return err
	}
	if o.value.IsZero() {
		o.verb = remove
	}
	return b.push(o)
}
