package scim

import (
	"fmt"
	"math"
	"strconv"
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
			key, first = "", false
			if text, ok := OrderKey(a, v); ok {
				key = "\x01" + text
			}
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

// OrderKey writes a value of an attribute so that texts compare as the values do: a
// text as it is compared, folded unless CaseExact, a number or an instant as digits of
// one width. A complex value has none.
func OrderKey(a *Attribute, v Value) (string, bool) {
	switch v.Kind() {
	case KindText:
		if a.CaseExact {
			return v.Text(), true
		}
		return Fold(v.Text()), true
	case KindBool:
		return strconv.FormatBool(v.Bool()), true
	case KindInt, KindTime:
		return fmt.Sprintf("%016x", uint64(v.Int())^(1<<63)), true
	case KindDecimal:
		bits := math.Float64bits(v.Float() + 0) // which makes a negative zero zero
		if bits>>63 == 1 {
			bits = ^bits
		} else {
			bits |= 1 << 63
		}
		return fmt.Sprintf("%016x", bits), true
	}
	return "", false
}
