package scim

import (
	"math"
	"strconv"
	"time"
)

// Value is the data of one attribute. The zero Value is "unassigned".
type Value struct {
	kind Kind
	num  uint64 // Boolean, Integer, Decimal (bits), DateTime (nanoseconds)
	text string // textual types; DateTime and Decimal as written
	sub  *node
}

// Kind says which of its forms a Value has.
type Kind uint8

// The forms of values.
const (
	Unassigned Kind = iota
	KindText
	KindBool
	KindInt
	KindDecimal
	KindTime
	KindComplex
	KindList
)

type node struct {
	fields []Field
	list   []Value
}

// Field is one attribute with its value.
type Field struct {
	Attr  *Attribute
	Value Value
}

// TextValue makes the value of a string, reference or binary attribute.
func TextValue(s string) Value { return Value{kind: KindText, text: s} }

// BoolValue makes a boolean.
func BoolValue(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.num = 1
	}
	return v
}

// IntValue makes an integer.
func IntValue(n int64) Value { return Value{kind: KindInt, num: uint64(n)} }

// DecimalValue makes a decimal, keeping the digits as written.
func DecimalValue(f float64, digits string) Value {
	return Value{kind: KindDecimal, num: math.Float64bits(f), text: digits}
}

// TimeValue makes a dateTime; the text is kept as the client wrote it.
func TimeValue(t time.Time, text string) Value {
	if text == "" {
		text = FormatTime(t)
	}
	return Value{kind: KindTime, num: uint64(instant(t)), text: text}
}

// ComplexValue makes a complex value of the fields, which it keeps.
func ComplexValue(fields ...Field) Value {
	return Value{kind: KindComplex, sub: &node{fields: fields}}
}

// ListValue makes the value of a multi-valued attribute; it keeps the slice.
func ListValue(list ...Value) Value { return Value{kind: KindList, sub: &node{list: list}} }

// Kind tells the form.
func (v Value) Kind() Kind { return v.kind }

// IsZero reports whether the value is unassigned, which an empty list and an
// empty complex value are too (RFC 7643 section 2.5).
func (v Value) IsZero() bool {
	switch v.kind {
	case Unassigned:
		return true
	case KindComplex:
		return len(v.sub.fields) == 0
	case KindList:
		return len(v.sub.list) == 0
	}
	return false
}

// Text is the text of a textual value, and of a dateTime or decimal as written.
func (v Value) Text() string { return v.text }

// Bool is the truth of a boolean.
func (v Value) Bool() bool { return v.kind == KindBool && v.num == 1 }

// Int is the number of an integer.
func (v Value) Int() int64 { return int64(v.num) }

// Float is the number of an integer or decimal.
func (v Value) Float() float64 {
	if v.kind == KindInt {
		return float64(int64(v.num))
	}
	return math.Float64frombits(v.num)
}

// Instant orders dateTimes: nanoseconds since 1970, saturating at both ends.
func (v Value) Instant() int64 { return int64(v.num) }

// Fields are the sub-attributes of a complex value; not to be changed.
func (v Value) Fields() []Field {
	if v.sub == nil {
		return nil
	}
	return v.sub.fields
}

// List are the elements of a multi-valued value; not to be changed.
func (v Value) List() []Value {
	if v.sub == nil {
		return nil
	}
	return v.sub.list
}

// Get finds a sub-attribute of a complex value.
func (v Value) Get(a *Attribute) (Value, bool) { return getField(v.Fields(), a) }

// With returns a copy of a complex value with one sub-attribute set, or removed
// when the new value is zero.
func (v Value) With(a *Attribute, sub Value) Value {
	return ComplexValue(setField(v.Fields(), a, sub)...)
}

func getField(fields []Field, a *Attribute) (Value, bool) {
	for i := range fields {
		if fields[i].Attr == a {
			return fields[i].Value, true
		}
	}
	return Value{}, false
}

// setField returns fields with a set to v, always in fresh memory.
func setField(fields []Field, a *Attribute, v Value) []Field {
	next := make([]Field, 0, len(fields)+1)
	done := v.IsZero()
	for _, f := range fields {
		if f.Attr == a {
			if done {
				continue
			}
			f.Value, done = v, true
		}
		next = append(next, f)
	}
	if !done {
		next = append(next, Field{a, v})
	}
	return next
}

// Equal compares two values of the attribute: fields in any order, elements in
// order, text exactly, dateTimes as instants, and those that lie too far away for one
// as they are written.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind {
		return v.IsZero() && w.IsZero()
	}
	switch v.kind {
	case KindText:
		return v.text == w.text
	case KindTime:
		return v.num == w.num && (v.text == w.text || v.Instant() != math.MinInt64 && v.Instant() != math.MaxInt64)
	case KindComplex:
		return equalFields(v.Fields(), w.Fields())
	case KindList:
		if len(v.List()) != len(w.List()) {
			return false
		}
		for i, e := range v.List() {
			if !e.Equal(w.List()[i]) {
				return false
			}
		}
		return true
	}
	return v.num == w.num
}

func equalFields(a, b []Field) bool {
	if len(a) != len(b) {
		return false
	}
	for _, f := range a {
		w, ok := getField(b, f.Attr)
		if !ok || !f.Value.Equal(w) {
			return false
		}
	}
	return true
}

// Now is the time as records keep it: UTC, whole milliseconds.
func Now(clock func() time.Time) time.Time { return clock().UTC().Truncate(time.Millisecond) }

// FormatTime writes an instant as SCIM answers do: UTC with milliseconds.
func FormatTime(t time.Time) string { return string(appendTime(nil, t)) }

func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	hour, minute, second := t.Clock()
	dst = appendDigits(dst, year, 1000)
	dst = appendDigits(append(dst, '-'), int(month), 10)
	dst = appendDigits(append(dst, '-'), day, 10)
	dst = appendDigits(append(dst, 'T'), hour, 10)
	dst = appendDigits(append(dst, ':'), minute, 10)
	dst = appendDigits(append(dst, ':'), second, 10)
	dst = appendDigits(append(dst, '.'), t.Nanosecond()/1e6, 100)
	return append(dst, 'Z')
}

// appendDigits writes a number from the digit of the given place on.
func appendDigits(dst []byte, n, place int) []byte {
	for ; place > 0; place /= 10 {
		dst = append(dst, byte('0'+n/place%10))
	}
	return dst
}

// ParseTime reads an xsd:dateTime with an offset; without one, UTC is meant.
func ParseTime(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05") || len(s) > 64 {
		return time.Time{}, false
	}
	for _, layout := range [...]string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

var firstInstant, lastInstant = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

func instant(t time.Time) int64 {
	switch {
	case t.Before(firstInstant):
		return math.MinInt64
	case t.After(lastInstant):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// String is for logs of tests and errors of programmers only.
func (v Value) String() string {
	switch v.kind {
	case KindBool:
		return strconv.FormatBool(v.Bool())
	case KindInt:
		return strconv.FormatInt(v.Int(), 10)
	}
	return v.text
}
