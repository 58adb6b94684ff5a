package scim

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Version counts the changes of a resource; 0 is "does not exist".
type Version uint64

// ETag is the weak entity tag of the version (RFC 7644 section 3.14).
func (v Version) ETag() string { return `W/"` + strconv.FormatUint(uint64(v), 10) + `"` }

// Resource is one record of a resource type. It is changed by making a Clone and
// setting its members; values are never changed in place, so that before and
// after share what did not change.
type Resource struct {
	Type     *ResourceType
	ID       string
	Version  Version
	Created  time.Time
	Modified time.Time

	fields  []Field
	raw     []byte // the stored form, while it says the same as fields
	decoded bool
	broken  error
}

// New makes an empty record.
func New(rt *ResourceType) *Resource { return &Resource{Type: rt, decoded: true} }

// Stored makes a record of what AppendStored once wrote. It is decoded when an
// attribute is first asked for.
func Stored(rt *ResourceType, id string, v Version, created, modified time.Time, raw []byte) *Resource {
	return &Resource{Type: rt, ID: id, Version: v, Created: created, Modified: modified, raw: raw}
}

// Load decodes a stored record now; its error means that the store is damaged. It is
// none of the caller's, so that it wraps no Error.
func (r *Resource) Load() error {
	if !r.decoded {
		r.decoded = true
		r.fields, r.broken = decodeStored(r.Type, r.raw)
	}
	if r.broken != nil {
		return fmt.Errorf("stored %s %s: %v", r.Type.Name, r.ID, r.broken)
	}
	return nil
}

// Fields are the members of the record that have values; not to be changed.
func (r *Resource) Fields() []Field {
	_ = r.Load() // a damaged record shows as empty; who changes records calls Load
	return r.fields
}

// Clone makes a copy that can be changed.
func (r *Resource) Clone() *Resource {
	c := *r
	c.fields, c.decoded = slices.Clone(r.Fields()), true
	return &c
}

// Next is the same data one version on.
func (r *Resource) Next(now time.Time) *Resource {
	c := r.Clone()
	c.Version, c.Modified = r.Version+1, now
	c.Seal()
	return c
}

// Set gives a member of the record (an attribute of Roots) its value; a zero
// value removes it.
func (r *Resource) Set(root *Attribute, v Value) {
	r.fields, r.raw = setField(r.Fields(), root, v), nil
}

// SetPath is Set for any attribute whose parents are singular.
func (r *Resource) SetPath(a *Attribute, v Value) {
	if a.parent == nil {
		r.Set(a, v)
		return
	}
	outer, _ := r.Get(a.parent)
	r.SetPath(a.parent, outer.With(a, v))
}

// Get is the value of an attribute whose parents are singular, common
// attributes included.
func (r *Resource) Get(a *Attribute) (Value, bool) {
	if a.schema == nil {
		return r.common(a)
	}
	if a.parent == nil {
		return getField(r.Fields(), a)
	}
	outer, ok := r.Get(a.parent)
	if !ok {
		return Value{}, false
	}
	return outer.Get(a)
}

func (r *Resource) common(a *Attribute) (Value, bool) {
	switch a {
	case ExternalID, ExternalIDs:
		return getField(r.Fields(), a)
	case ID:
		return TextValue(r.ID), r.ID != ""
	case MetaResourceType:
		return TextValue(r.Type.Name), true
	case MetaCreated:
		return TimeValue(r.Created, ""), true
	case MetaLastModified:
		return TimeValue(r.Modified, ""), true
	case MetaVersion:
		return TextValue(r.Version.ETag()), true
	case Meta:
		var fields []Field
		for _, sub := range Meta.Sub {
			if v, ok := r.common(sub); ok {
				fields = append(fields, Field{sub, v})
			}
		}
		return ComplexValue(fields...), true
	case SchemasAttr:
		urns := r.Schemas()
		list := make([]Value, len(urns))
		for i, urn := range urns {
			list[i] = TextValue(urn)
		}
		return ListValue(list...), true
	}
	return Value{}, false
}

// Text is the text of a textual attribute, "" where there is none.
func (r *Resource) Text(a *Attribute) string {
	v, _ := r.Get(a)
	return v.Text()
}

// Bool is the truth of a boolean attribute; set tells whether it has a value.
func (r *Resource) Bool(a *Attribute) (value, set bool) {
	v, ok := r.Get(a)
	return v.Bool(), ok
}

// Each calls fn with every value of a non-complex attribute, and the place of
// the element that holds it (0 for singular ones).
func (r *Resource) Each(a *Attribute, fn func(element int, v Value)) {
	p := a.parent
	if p == nil || !p.MultiValued {
		if v, ok := r.Get(a); ok {
			each(v, fn)
		}
		return
	}
	if outer, ok := r.Get(p); ok {
		for i, e := range outer.List() {
			if v, ok := e.Get(a); ok {
				fn(i, v)
			}
		}
	}
}

func each(v Value, fn func(int, Value)) {
	if v.kind != KindList {
		fn(0, v)
		return
	}
	for i, e := range v.List() {
		fn(i, e)
	}
}

// Schemas lists the URNs of the core schema and of the extensions in use.
func (r *Resource) Schemas() []string {
	urns := []string{r.Type.Schema.ID}
	for _, e := range r.Type.Extensions {
		if _, ok := getField(r.Fields(), e.Schema.container); ok || e.Required {
			urns = append(urns, e.Schema.ID)
		}
	}
	return urns
}

// Same reports whether two records hold the same data, whatever their versions.
func (r *Resource) Same(o *Resource) bool { return equalFields(r.Fields(), o.Fields()) }

// Changed lists the members whose values differ between two records.
func Changed(before, after *Resource) []*Attribute {
	var changed []*Attribute
	if before != nil {
		for _, f := range before.Fields() {
			if after == nil {
				changed = append(changed, f.Attr)
			} else if v, _ := getField(after.Fields(), f.Attr); !f.Value.Equal(v) {
				changed = append(changed, f.Attr)
			}
		}
	}
	if after != nil {
		for _, f := range after.Fields() {
			if before == nil {
				changed = append(changed, f.Attr)
			} else if _, ok := getField(before.Fields(), f.Attr); !ok {
				changed = append(changed, f.Attr)
			}
		}
	}
	return changed
}
