package patch

import (
	"slices"

	"github.com/usher-scim/usher/scim"
)

// maxWork bounds the comparisons of elements in one Apply, so that a message of
// a thousand filters cannot meet lists of a hundred thousand values (K47).
const maxWork = 4 << 20

// Apply works out what the record becomes (RFC 7644 section 3.5.2), and what
// happens to relations, which are not in the record. Operations apply in order,
// all or none (K55); cur is never changed. A message that changes nothing leaves
// next.Same(cur).
func (p *Patch) Apply(cur *scim.Resource) (next *scim.Resource, edges []EdgeOp, met scim.Quirks, err error) {
	if err := cur.Load(); err != nil {
		return nil, nil, 0, err
	}
	s := &state{rec: cur.Clone()}
	for i := range p.ops {
		o := &p.ops[i]
		if err := apply[o.verb][o.shape](s, o); err != nil {
			return nil, nil, 0, numbered(err, o.number)
		}
	}
	if err := check(cur, s.rec); err != nil {
		return nil, nil, 0, err
	}
	return s.rec, s.edges, s.met, nil
}

// state is the record while operations are applied to it.
type state struct {
	rec   *scim.Resource
	edges []EdgeOp
	met   scim.Quirks
	work  int
}

// apply says what each verb does to each shape of target.
var apply = [verbs][shapes]func(*state, *operation) error{
	add:     {simple: set, compound: merge, multi: addValues, selected: mergeSelected, within: setWithin, edges: relate},
	remove:  {simple: unset, compound: unset, multi: removeValues, selected: removeSelected, within: unsetWithin, edges: relate},
	replace: {simple: set, compound: merge, multi: set, selected: replaceSelected, within: setWithin, edges: relate},
}

func set(s *state, o *operation) error {
	if p := o.attr.Parent(); p != nil && !p.IsExtension() && p.Type == scim.Complex {
		old, _ := s.rec.Get(p)
		if p.Value() == o.attr {
			old = repointed(p, old, o.value)
		}
		s.rec.SetPath(p, old.With(o.attr, o.value))
		return nil
	}
	s.rec.SetPath(o.attr, o.value)
	return nil
}

func unset(s *state, o *operation) error {
	v, ok := s.rec.Get(o.attr)
	switch {
	case !ok:
		return nil
	case o.attr.IsExtension(): // what the service provider keeps there stays
		s.rec.SetPath(o.attr, keep(v, readOnly))
		return nil
	}
	return set(s, &operation{attr: o.attr})
}

// merge changes the sub-attributes that are named and no others; that is what
// replace means for complex attributes too (RFC 7644 section 3.5.2.3).
func merge(s *state, o *operation) error {
	old, _ := s.rec.Get(o.attr)
	id := o.attr.Value()
	if is, set := o.value.Get(id); set || slices.Contains(o.cleared, id) {
		old = repointed(o.attr, old, is)
	}
	next, err := merged(old, o.value, o.cleared)
	if err != nil {
		return err
	}
	s.rec.SetPath(o.attr, next)
	return nil
}

// relate passes an operation on a relation on to whoever keeps it.
func relate(s *state, o *operation) error {
	s.edges = append(s.edges, o.edge)
	return nil
}

// merged is old with the fields of v set and the cleared ones unset.
func merged(old, v scim.Value, cleared []*scim.Attribute) (scim.Value, error) {
	for _, f := range v.Fields() {
		was, ok := old.Get(f.Attr)
		if ok && f.Attr.Mutability == scim.Immutable && !was.Equal(f.Value) {
			return old, fixed(f.Attr)
		}
		old = old.With(f.Attr, f.Value)
	}
	for _, a := range cleared {
		if _, ok := old.Get(a); ok && a.Mutability == scim.Immutable {
			return old, fixed(a)
		}
		old = old.With(a, scim.Value{})
	}
	return old, nil
}

// repointed is old without its address and name when its value becomes another:
// those of the manager before must not stay with the one after.
func repointed(a *scim.Attribute, old, value scim.Value) scim.Value {
	ref, ok := a.Lookup("$ref")
	if was, had := old.Get(a.Value()); !ok || !had || was.Equal(value) {
		return old
	}
	return keep(old, func(sub *scim.Attribute) bool { return sub != ref && !readOnly(sub) })
}

// keep is the complex value with the fields that are wanted.
func keep(v scim.Value, want func(*scim.Attribute) bool) scim.Value {
	var fields []scim.Field
	for _, f := range v.Fields() {
		if want(f.Attr) {
			fields = append(fields, f)
		}
	}
	return scim.ComplexValue(fields...)
}

// spend counts work and ends a message that costs too much.
func (s *state) spend(n int) error {
	if s.work += n; s.work > maxWork {
		return scim.Errorf(scim.TooMany, "The operations compare too many values; send them in parts.")
	}
	return nil
}
