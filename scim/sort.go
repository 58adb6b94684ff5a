package scim

import (
	"fmt"
	"math"
	"strings"
)

// CompareSortKeys orders two keys of SortKey: what has no value comes last, or
// first in descending order.
func CompareSortKeys(a, b string, descending bool) int {
	c := strings.Compare(a, b)
	if (a == "") != (b == "") {
		c = -c
	}
	if descending {
		return -c
	}
	return c
}

// SortKey is a text that orders resources by an attribute as texts compare
// (RFC 7644 section 3.4.2.3): that of the only value, the primary one or the first;
// "" without a value. Other keys begin with a byte above zero. Unique values are
// ordered by the keys that they are told apart by.
func (r *Resource) SortKey(a *Attribute) string {
	if a.Uniqueness != NotUnique {
		if key := Key(r.Text(a)); key != "" {
			return "\x01" + key
		}
	}
	first, key := true, ""
	primary := primaryElement(r, a)
	r.Each(a, func(element int, v Value) {
		if first || element == primary {
			key, first = textKey(a, v), false
		}
	})
	return key
}

func primaryElement(r *Resource, a *Attribute) int {
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
func textKey(a *Attribute, v Value) string {
	switch v.Kind() {
	case KindText:
		if a.CaseExact {
			return "\x01" + v.Text()
		}
		return "\x01" + Fold(v.Text())
	case KindBool:
		return fmt.Sprintf("\x01%t", v.Bool())
	case KindInt, KindTime:
		return fmt.Sprintf("\x01%016x", uint64(v.Int())^(1<<63))
	case KindDecimal:
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
