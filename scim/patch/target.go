package patch

import (
	"strings"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// target is the place that a path names (RFC 7644 section 3.5.2, figure 7).
type target struct {
	attr  *scim.Attribute
	sub   *scim.Attribute // of the elements of attr
	where filter.Node
	core  bool // the bare URN of the core schema: the resource itself
}

// target finds what a path names. Only what the schemas define can be found
// (K50).
func (b *binder) target(src string) (target, error) {
	path, met, err := filter.ParsePath(src, b.dialect)
	if err != nil {
		return target{}, err
	}
	b.met |= met
	t, ok := b.resolve(path.Attr)
	switch {
	case !ok:
		return t, b.unknown(src)
	case t.core || readOnly(t.attr):
		return t, nil
	case path.Filter != nil:
		return b.filtered(t, path, src)
	}
	return t, nil
}

// unknown says that the path leads nowhere, to whoever keeps the mapping.
func (b *binder) unknown(src string) error {
	name, _, _ := strings.Cut(src, ".")
	if a, ok := b.rt.Resolve(name); ok && readOnly(a) {
		return immovable(a)
	}
	return scim.Errorf(scim.InvalidPath, "The path \"%s\" names no attribute of resource type %s; correct the attribute mapping of the provisioning client.",
		clip(src), b.rt.Name)
}

// filtered adds the filter in brackets and what follows it.
func (b *binder) filtered(t target, path filter.Path, src string) (target, error) {
	if t.sub != nil || !t.attr.MultiValued {
		return t, scim.Errorf(scim.InvalidPath, "The path \"%s\" has a filter behind an attribute that is not multi-valued.", clip(src))
	}
	var met scim.Quirks
	var err error
	if t.where, met, err = filter.BindElement(path.Filter, t.attr, b.dialect); err != nil {
		return t, err
	}
	b.met |= met
	if path.Sub == "" {
		return t, nil
	}
	sub, ok := t.attr.Lookup(path.Sub)
	if !ok {
		return t, b.unknown(src)
	}
	b.spelled(path.Sub, sub.Name)
	t.sub = sub
	return t, nil
}

// resolve finds the attribute of a path without filter.
func (b *binder) resolve(name string) (target, bool) {
	if scim.EqualName(name, b.rt.Schema.ID) {
		return target{core: true}, b.allow(scim.LoosePath)
	}
	a, ok := b.rt.Resolve(name)
	if !ok {
		if a, ok = b.loose(name); !ok || !b.allow(scim.LoosePath) {
			return target{}, false
		}
	}
	if !strings.HasSuffix(name, a.Name) {
		b.met |= scim.MixedCase
	}
	if p := a.Parent(); p != nil && p.MultiValued {
		return target{attr: p, sub: a}, true
	}
	return target{attr: a}, true
}

// loose finds an attribute whose URN is followed by a dot, and one of an
// extension that is named without its URN, when only one extension has it.
func (b *binder) loose(name string) (found *scim.Attribute, ok bool) {
	urns := []string{b.rt.Schema.ID}
	for _, e := range b.rt.Extensions {
		urns = append(urns, e.Schema.ID)
	}
	for i, urn := range urns {
		rest := name
		if scim.HasPrefixName(name, urn+".") {
			rest = name[len(urn)+1:]
		} else if i == 0 || scim.HasPrefixName(name, "urn:") {
			continue
		}
		if a, have := b.rt.Resolve(urn + ":" + rest); have {
			if found != nil {
				return nil, false
			}
			found = a
		}
	}
	return found, found != nil
}

// readOnly reports whether clients may not change the attribute or what it is
// part of. The schemas of a resource follow from its attributes.
func readOnly(a *scim.Attribute) bool {
	for ; a != nil; a = a.Parent() {
		if a.Mutability == scim.ReadOnly || a == scim.SchemasAttr {
			return true
		}
	}
	return false
}

// immovable refuses a change of an attribute that clients may not change.
func immovable(a *scim.Attribute) error {
	return scim.Errorf(scim.BadMutability, "The attribute %s is kept by the service provider and cannot be changed.", a.Path())
}

// fixed refuses a second value of an immutable attribute.
func fixed(a *scim.Attribute) error {
	return scim.Errorf(scim.BadMutability, "The attribute %s is immutable; once it has a value, it cannot be changed.", a.Path())
}
