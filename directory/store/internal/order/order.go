// Package order says how resources are sorted by an attribute, in every store
// alike. A key is "" for resources without a value; other keys begin with a byte
// above zero, so that they compare as texts.
package order

import (
	"fmt"
	"math"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// Key is the key of the attribute's value; of several, the primary's or the
// first one's.
func Key(r *scim.Resource, a *scim.Attribute) string {
	first, key := true, ""
	primary := primaryElement(r, a)
	r.Each(a, func(element int, v scim.Value) {
		if first || element == primary {
			key, first = textKey(a, v), false
		}
	})
	return key
}

func primaryElement(r *scim.Resource, a *scim.Attribute) int {
	parent := a.Parent()
	if parent == nil || !parent.MultiValued {
		return -1
	}
	flag, ok := parent.Lookup("primary")
	if !ok {
		return -1
	}
	outer, _ := r.Get(parent)
	for i, e := range outer.List() {
		if v, _ := e.Get(flag); v.Bool() {
			return i
		}
	}
	return -1
}

// textKey writes a value so that texts compare as the values do.
func textKey(a *scim.Attribute, v scim.Value) string {
	switch v.Kind() {
	case scim.KindText:
		if a.CaseExact {
			return "\x01" + v.Text()
		}
		return "\x01" + scim.Fold(v.Text())
	case scim.KindBool:
		return fmt.Sprintf("\x01%t", v.Bool())
	case scim.KindInt, scim.KindTime:
		return fmt.Sprintf("\x01%016x", uint64(v.Int())^(1<<63))
	case scim.KindDecimal:
		bits := math.Float64bits(v.Float())
		if bits>>63 == 1 {
			bits = ^bits
		} else {
			bits |= 1 << 63
		}
		return fmt.Sprintf("\x01%016x", bits)
	}
	return ""
}

// Compare compares two keys: the missing come last, or first when descending (RFC
// 7644 section 3.4.2.3).
func Compare(a, b string, descending bool) int {
	c := strings.Compare(a, b)
	if (a == "") != (b == "") {
		c = -c // the missing come last
	}
	if descending {
		return -c
	}
	return c
}
