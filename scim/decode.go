package scim

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads a resource as a client sends it, checking types, sizes and
// characteristics in the same pass. Read-only attributes are ignored and
// write-only ones checked but not kept. The quirks are those of the dialect that
// the body used; anything outside the dialect is an *Error.
func Decode(rt *ResourceType, body []byte, dialect Quirks) (*Resource, Quirks, error) {
	r := New(rt)
	d := acquire(body, dialect)
	defer d.release()
	if err := d.resource(r); err != nil {
		return nil, 0, err
	}
	if err := CheckRequired(r); err != nil {
		return nil, 0, err
	}
	return r, d.met, nil
}

// DecodeValue reads the value of one attribute, such as that of a PATCH
// operation. For multi-valued attributes both a list and, if the dialect allows,
// a single element are read; the result is always a list.
func DecodeValue(a *Attribute, raw []byte, dialect Quirks) (Value, Quirks, error) {
	d := acquire(raw, dialect)
	defer d.release()
	v, err := d.value(a)
	if err == nil {
		err = d.end()
	}
	return v, d.met, err
}

// decodeStored reads what AppendStored wrote; everything in it was checked.
func decodeStored(rt *ResourceType, raw []byte) ([]Field, error) {
	r := New(rt)
	d := acquire(raw, Tolerant)
	defer d.release()
	d.stored = true
	d.dec.Reset(&d.src, jsontext.AllowDuplicateNames(true))
	err := d.resource(r)
	return r.fields, err
}

type decoder struct {
	dec     *jsontext.Decoder
	src     bytes.Reader
	dialect Quirks
	met     Quirks
	stored  bool
}

var decoders = sync.Pool{New: func() any { return &decoder{dec: jsontext.NewDecoder(new(bytes.Reader))} }}

func acquire(body []byte, dialect Quirks) *decoder {
	d := decoders.Get().(*decoder)
	d.src.Reset(body)
	d.dec.Reset(&d.src)
	d.dialect, d.met, d.stored = dialect, 0, false
	return d
}

func (d *decoder) release() {
	d.src.Reset(nil)
	decoders.Put(d)
}

// allow notes a departure, or refuses it when the dialect does not have it.
func (d *decoder) allow(q Quirks) bool {
	if !d.dialect.Has(q) || d.stored && q == EmptyClears {
		return false
	}
	d.met |= q
	return true
}

// resource reads the whole body into r.
func (d *decoder) resource(r *Resource) error {
	if d.dec.PeekKind() != '{' {
		return d.notAn("object", "The body", d.peekErr())
	}
	var listed bool
	err := d.object(func(name string) (bool, error) {
		if EqualName(name, "schemas") {
			listed = true
			return true, d.schemas(r.Type)
		}
		a, ok := r.Type.Root(name)
		if !ok {
			if name, ok := common[foldASCII(name)]; ok && name != ExternalID {
				return true, d.skip() // id and meta are the server's
			}
			return false, nil
		}
		return true, d.member(&r.fields, a, name)
	})
	if err == nil {
		err = d.end()
	}
	if err == nil && !listed && !d.stored && !d.allow(MissingSchemas) {
		err = Errorf(InvalidSyntax, "The body has no schemas; list %s in it.", r.Type.Schema.ID)
	}
	return err
}

// member reads one attribute of an object and appends it when it is kept.
func (d *decoder) member(fields *[]Field, a *Attribute, name string) error {
	if name != a.Name {
		d.met |= MixedCase
	}
	if a.Mutability == ReadOnly && !d.stored || a.Edge {
		if a.Edge && a.Mutability != ReadOnly {
			return d.edges(fields, a)
		}
		return d.skip()
	}
	v, err := d.value(a)
	if err != nil {
		return err
	}
	if a.Mutability == WriteOnly && !a.Unkept || v.IsZero() {
		return nil
	}
	*fields = append(*fields, Field{a, v})
	return nil
}

// edges reads members: kept in the record of a request, never in a store.
func (d *decoder) edges(fields *[]Field, a *Attribute) error {
	v, err := d.value(a)
	if err != nil {
		return err
	}
	for _, e := range v.List() {
		if id, _ := e.Get(a.Value()); id.Text() == "" {
			return Errorf(InvalidValue, "Every element of %s needs a value: the id of a resource.", a.path)
		}
	}
	*fields = append(*fields, Field{a, v}) // an empty list counts here
	return nil
}

// object reads an object, calling take for each member; take returns false for
// names it does not know, which are then skipped if the dialect allows.
func (d *decoder) object(take func(name string) (bool, error)) error {
	if _, err := d.dec.ReadToken(); err != nil {
		return Malformed(err)
	}
	if d.dec.StackDepth() > MaxDepth {
		return Errorf(InvalidSyntax, "The JSON is nested more than %d levels deep.", MaxDepth)
	}
	var names nameSet
	for d.dec.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		if !d.stored && !names.add(name) {
			return Errorf(InvalidSyntax, "The attribute %q appears twice in one object; send it once.", name)
		}
		known, err := take(name)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		if !d.allow(UnknownAttribute) {
			return Errorf(InvalidSyntax, "The attribute %q is not in any schema of this resource type.", name)
		}
		if err := d.skip(); err != nil {
			return err
		}
	}
	_, err := d.dec.ReadToken()
	return Malformed(err)
}

// name reads a member's name; only ASCII can name an attribute (K44: ſ is not s).
func (d *decoder) name() (string, error) {
	tok, err := d.dec.ReadToken()
	if err != nil {
		return "", Malformed(err)
	}
	name := tok.String()
	if tok.Kind() != '"' || !isASCIIPrintable(name) || len(name) > 512 {
		return "", Errorf(InvalidSyntax, "A member's name is not an attribute name; use ASCII letters as RFC 7643 section 2.1 has it.")
	}
	return name, nil
}

// nameSet finds names that come twice, in any letter case.
type nameSet struct {
	few  [24]string
	n    int
	many map[string]bool
}

func (s *nameSet) add(name string) bool {
	if s.n < len(s.few) {
		for _, have := range s.few[:s.n] {
			if EqualName(have, name) {
				return false
			}
		}
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = make(map[string]bool)
		for _, have := range s.few {
			s.many[foldASCII(have)] = true
		}
	}
	name = foldASCII(name)
	if s.many[name] {
		return false
	}
	s.many[name] = true
	return true
}

// skip passes over one value of any shape, within the depth limit.
func (d *decoder) skip() error {
	depth := d.dec.StackDepth()
	for {
		if _, err := d.dec.ReadToken(); err != nil {
			return Malformed(err)
		}
		if d.dec.StackDepth() > MaxDepth {
			return Errorf(InvalidSyntax, "The JSON is nested more than %d levels deep.", MaxDepth)
		}
		if d.dec.StackDepth() == depth {
			return nil
		}
	}
}

func (d *decoder) end() error {
	if _, err := d.dec.ReadToken(); err != io.EOF {
		return Errorf(InvalidSyntax, "Something follows the JSON value; send exactly one.")
	}
	return nil
}

// schemas checks the list against the type's own URNs.
func (d *decoder) schemas(rt *ResourceType) error {
	v, err := d.value(SchemasAttr)
	if err != nil || d.stored {
		return err
	}
	core := false
	for _, e := range v.List() {
		urn := e.Text()
		switch {
		case EqualName(urn, rt.Schema.ID):
			core = true
		case slices.ContainsFunc(rt.Extensions, func(e Extension) bool { return EqualName(e.Schema.ID, urn) }):
		case !d.allow(UnknownAttribute):
			return Errorf(InvalidValue, "The schema %q is not one of resource type %s.", clip(urn), rt.Name)
		}
	}
	if !core && !d.allow(MissingSchemas) {
		return Errorf(InvalidValue, "The attribute schemas must list %s.", rt.Schema.ID)
	}
	return nil
}

func (d *decoder) peekErr() error {
	if d.dec.PeekKind() == 0 {
		_, err := d.dec.ReadToken()
		return err
	}
	return nil
}

// notAn says that something has the wrong JSON type, or is not JSON at all.
func (d *decoder) notAn(want, what string, err error) error {
	if err == io.EOF {
		return Errorf(InvalidSyntax, "%s is empty; send a JSON %s.", what, want)
	}
	if err != nil {
		return Malformed(err)
	}
	return Errorf(InvalidSyntax, "%s must be a JSON %s.", what, want)
}

// Malformed turns what a reader of JSON met into one sentence without the input in
// it. Half a surrogate pair is a wrong value (K36), all else wrong syntax.
func Malformed(err error) error {
	if err == nil {
		return nil
	}
	at := int64(0)
	if se, ok := err.(*jsontext.SyntacticError); ok {
		at = se.ByteOffset
		if strings.Contains(se.Err.Error(), "duplicate") {
			return Errorf(InvalidSyntax, "An attribute appears twice in one object, near byte %d; send it once.", at)
		}
		if strings.Contains(se.Err.Error(), "UTF-8") {
			return Errorf(InvalidSyntax, "The body is not valid UTF-8, near byte %d.", at)
		}
		if strings.Contains(se.Err.Error(), "surrogate") {
			return Errorf(InvalidValue, "A text has half of a surrogate pair, near byte %d; send whole characters.", at)
		}
	}
	return Errorf(InvalidSyntax, "The body is not well-formed JSON, near byte %d.", at)
}

// clip shortens what a client sent before it is shown back to it.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	end := 64
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// CheckJSON refuses what Decode would in any body: JSON that is not well-formed,
// nested too deep, with a name twice, or followed by something.
func CheckJSON(body []byte) error {
	d := acquire(body, Tolerant)
	defer d.release()
	if d.dec.PeekKind() != '{' {
		return d.notAn("object", "The body", d.peekErr())
	}
	if err := d.object(func(string) (bool, error) { return true, d.skip() }); err != nil {
		return err
	}
	return d.end()
}
