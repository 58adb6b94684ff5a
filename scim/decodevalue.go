package scim

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// value reads the value of an attribute, multi-valued ones as a list.
func (d *decoder) value(a *Attribute) (Value, error) {
	kind := d.dec.PeekKind()
	if kind == 'n' {
		_, err := d.dec.ReadToken()
		return Value{}, Malformed(err)
	}
	if a.MultiValued {
		return d.list(a, kind)
	}
	if kind == '[' {
		return d.listForSingle(a)
	}
	return d.single(a, kind)
}

func (d *decoder) list(a *Attribute, kind jsontext.Kind) (Value, error) {
	if kind != '[' {
		if kind == 0 {
			return Value{}, Malformed(d.peekErr())
		}
		if !d.allow(SingleForList) {
			return Value{}, Errorf(InvalidValue, "The attribute %s is multi-valued; send a list.", a.path)
		}
		v, err := d.single(a, kind)
		if err != nil || v.IsZero() {
			return Value{}, err
		}
		return ListValue(v), nil
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return Value{}, Malformed(err)
	}
	var list []Value
	for {
		kind := d.dec.PeekKind()
		if kind == ']' {
			break
		}
		if kind == 'n' {
			if _, err := d.dec.ReadToken(); err != nil {
				return Value{}, Malformed(err)
			}
			continue
		}
		v, err := d.single(a, kind)
		if err != nil {
			return Value{}, err
		}
		if v.IsZero() && !a.Edge {
			continue
		}
		if list = append(list, v); len(list) > MaxListElements {
			return Value{}, Errorf(InvalidValue, "The attribute %s has more than %d values.", a.path, MaxListElements)
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return Value{}, Malformed(err)
	}
	if d.stored || a.Edge {
		return ListValue(list...), nil
	}
	return CheckList(a, list)
}

// CheckList drops elements that repeat another's type and value, and refuses a
// second primary (RFC 7643 section 2.4).
func CheckList(a *Attribute, list []Value) (Value, error) {
	kept := make([]Value, 0, len(list))
	seen := make(map[string]bool, len(list))
	var key []byte
	for _, e := range list {
		if key = identity(key[:0], a, e); !seen[string(key)] {
			seen[string(key)] = true
			kept = append(kept, e)
		}
	}
	if primary, ok := a.Lookup("primary"); ok {
		n := 0
		for _, e := range kept {
			if v, _ := e.Get(primary); v.Bool() {
				n++
			}
		}
		if n > 1 {
			return Value{}, Errorf(InvalidValue, "Only one value of %s can be primary; %d are.", a.path, n)
		}
	}
	return ListValue(kept...), nil
}

// identity writes what makes an element the same as another: its type and
// value, or all of it where it has no value.
func identity(dst []byte, a *Attribute, e Value) []byte {
	value, typ := a.index["value"], a.index["type"]
	if value != nil && typ != nil {
		if v, ok := e.Get(value); ok {
			t, _ := e.Get(typ)
			dst, _ = appendValue(dst, value, v, nil, false)
			dst, _ = appendValue(append(dst, ' '), typ, t, nil, false)
			return dst
		}
	}
	dst, _ = appendValue(dst, a, e, nil, false)
	return dst
}

// listForSingle reads a list where one value belongs.
func (d *decoder) listForSingle(a *Attribute) (Value, error) {
	if !d.allow(ListForSingle) {
		return Value{}, Errorf(InvalidValue, "The attribute %s is singular; send one value, not a list.", a.path)
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return Value{}, Malformed(err)
	}
	var v Value
	if d.dec.PeekKind() != ']' {
		var err error
		if a.Type != Complex {
			return Value{}, Errorf(InvalidValue, "The attribute %s is singular; send one value, not a list.", a.path)
		}
		if v, err = d.single(a, d.dec.PeekKind()); err != nil {
			return Value{}, err
		}
	}
	tok, err := d.dec.ReadToken()
	if err != nil {
		return Value{}, Malformed(err)
	}
	if tok.Kind() != ']' {
		return Value{}, Errorf(InvalidValue, "The attribute %s is singular; send one value, not a list.", a.path)
	}
	return v, nil
}

// single reads one value or one element.
func (d *decoder) single(a *Attribute, kind jsontext.Kind) (Value, error) {
	if a.Type == Complex {
		return d.complex(a, kind)
	}
	if kind == '{' || kind == '[' {
		return Value{}, wrongType(a)
	}
	tok, err := d.dec.ReadToken()
	if err != nil {
		return Value{}, Malformed(err)
	}
	text := tok.String()
	switch tok.Kind() {
	case '"':
		return d.fromText(a, text)
	case 't', 'f':
		if a.Type == Boolean {
			return BoolValue(tok.Kind() == 't'), nil
		}
	case '0':
		if a.Type == Integer || a.Type == Decimal {
			return number(a, text)
		}
	}
	return Value{}, wrongType(a)
}

func wrongType(a *Attribute) error {
	return Errorf(InvalidValue, "The value of %s is of the wrong JSON type; it must be a %s.", a.path, a.Type)
}

// fromText makes a value of a JSON string.
func (d *decoder) fromText(a *Attribute, s string) (Value, error) {
	if len(s) > MaxString {
		return Value{}, Errorf(InvalidValue, "The value of %s is longer than %d bytes.", a.path, MaxString)
	}
	if !d.stored && hasControl(s) {
		return Value{}, Errorf(InvalidValue, "The value of %s has a control character other than tab and line breaks; send it without.", a.path)
	}
	if s == "" && a.Type != String && a.Type != Boolean && d.allow(EmptyClears) {
		return Value{}, nil // but no truth value: none would become the default, which is true (K45)
	}
	switch a.Type {
	case Boolean:
		if yes, ok := ParseBool(s); ok && d.allow(StringBoolean) {
			return BoolValue(yes), nil
		}
	case Integer, Decimal:
		if d.dialect.Has(StringNumber) {
			d.met |= StringNumber
			return number(a, s)
		}
	case DateTime:
		if t, ok := ParseTime(s); ok && (d.stored || lexicalTime(s)) {
			return TimeValue(t, s), nil
		}
		return Value{}, Errorf(InvalidValue, "The value of %s is not a dateTime such as 2026-01-31T12:00:00Z.", a.path)
	case Binary:
		if !d.stored && !isBase64(s) {
			return Value{}, Errorf(InvalidValue, "The value of %s is not base64.", a.path)
		}
		return TextValue(s), nil
	default:
		return TextValue(s), nil
	}
	return Value{}, wrongType(a)
}

// hasControl reports whether a text holds characters that are none: lines and tabs
// are.
func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return true
		}
	}
	return false
}

// complex reads an object, or a bare value for its sub-attribute "value".
func (d *decoder) complex(a *Attribute, kind jsontext.Kind) (Value, error) {
	if kind == '"' {
		return d.scalarComplex(a)
	}
	if kind != '{' {
		if kind == 0 {
			return Value{}, Malformed(d.peekErr())
		}
		return Value{}, Errorf(InvalidValue, "The value of %s must be a JSON object.", a.path)
	}
	var fields []Field
	err := d.object(func(name string) (bool, error) {
		if sub, ok := a.Lookup(name); ok {
			return true, d.member(&fields, sub, name)
		}
		if a.IsExtension() && EqualName(name, "schemas") {
			return true, d.skip()
		}
		return false, nil
	})
	if err != nil {
		return Value{}, err
	}
	if v := a.Value(); v != nil && !a.MultiValued && emptyText(fields, v) && d.allow(EmptyClears) {
		return Value{}, nil // {"value":""} clears a manager
	}
	return ComplexValue(fields...), nil
}

func emptyText(fields []Field, a *Attribute) bool {
	v, ok := getField(fields, a)
	return ok && v.kind == KindText && strings.TrimSpace(v.text) == ""
}

func (d *decoder) scalarComplex(a *Attribute) (Value, error) {
	tok, err := d.dec.ReadToken()
	if err != nil {
		return Value{}, Malformed(err)
	}
	text, value := tok.String(), a.Value()
	if value == nil || !value.Type.Textual() || !d.allow(ScalarComplex) {
		return Value{}, Errorf(InvalidValue, "The value of %s must be a JSON object.", a.path)
	}
	if (text == "" || !a.MultiValued && strings.TrimSpace(text) == "") && d.allow(EmptyClears) {
		return Value{}, nil
	}
	v, err := d.fromText(value, text)
	if err != nil {
		return Value{}, err
	}
	return ComplexValue(Field{value, v}), nil
}

// CheckRequired refuses a record without a value for a required attribute.
func CheckRequired(r *Resource) error {
	for _, a := range r.Type.roots {
		v, ok := getField(r.Fields(), a)
		if err := required(a, v, ok); err != nil {
			return err
		}
	}
	for _, e := range r.Type.Extensions {
		if _, ok := getField(r.Fields(), e.Schema.container); e.Required && !ok {
			return Errorf(InvalidValue, "The extension %s is required; send it.", e.Schema.ID)
		}
	}
	return nil
}

func required(a *Attribute, v Value, ok bool) error {
	if a.Required && a.Mutability != ReadOnly && (!ok || v.IsZero() || v.kind == KindText && strings.TrimSpace(v.text) == "") {
		return Errorf(InvalidValue, "The attribute %s is required; send a value that is not empty.", a.path)
	}
	if !ok || a.Type != Complex {
		return nil
	}
	elements := v.List()
	if v.kind != KindList {
		elements = []Value{v}
	}
	for _, sub := range a.Sub {
		if !sub.Required && sub.Type != Complex {
			continue
		}
		for _, e := range elements {
			w, ok := e.Get(sub)
			if err := required(sub, w, ok); err != nil {
				return err
			}
		}
	}
	return nil
}
