package patch

import (
	"fmt"

	"github.com/usher-scim/usher/scim"
)

// Decode reads a PatchOp message (RFC 7644 section 3.5.2) and binds every
// operation to its target and value, so that mistakes are found before anything
// is applied. The quirks are those of the dialect that the message used; anything
// outside the dialect is an *scim.Error.
func Decode(rt *scim.ResourceType, body []byte, dialect scim.Quirks) (*Patch, scim.Quirks, error) {
	b := &binder{rt: rt, dialect: dialect}
	raws, err := b.envelope(body)
	if err != nil {
		return nil, 0, err
	}
	for i, raw := range raws {
		if len(raws) > 1 {
			b.number = i + 1
		}
		if err := b.operation(raw); err != nil {
			return nil, 0, numbered(err, b.number)
		}
	}
	return &Patch{rt, b.ops}, b.met, nil
}

// binder turns a message into operations.
type binder struct {
	rt      *scim.ResourceType
	dialect scim.Quirks
	met     scim.Quirks
	ops     []operation
	number  int
}

// allow notes a departure, or refuses it when the dialect does not have it.
func (b *binder) allow(q scim.Quirks) bool {
	if !b.dialect.Has(q) {
		return false
	}
	b.met |= q
	return true
}

// envelope reads the message and returns its operations.
func (b *binder) envelope(body []byte) ([][]byte, error) {
	if err := depth(body); err != nil {
		return nil, err
	}
	if k := kind(body); k == 0 {
		return nil, scim.Errorf(scim.InvalidSyntax, "The body is empty; send a PatchOp message.")
	} else if k != '{' {
		return nil, scim.Errorf(scim.InvalidSyntax, "The body must be a JSON object: a PatchOp message.")
	}
	members, err := object(body)
	if err != nil {
		return nil, err
	}
	var schemas, operations []byte
	for _, m := range members {
		switch {
		case scim.EqualName(m.name, "schemas"):
			schemas = m.raw
		case scim.EqualName(m.name, "Operations"):
			operations = m.raw
			b.spelled(m.name, "Operations")
		case !b.allow(scim.UnknownAttribute):
			return nil, scim.Errorf(scim.InvalidSyntax, "The member %q does not belong in a PatchOp message.", clip(m.name))
		}
	}
	if operations == nil {
		return nil, scim.Errorf(scim.InvalidSyntax, "The body has no Operations; send a SCIM 2.0 PatchOp message (RFC 7644 section 3.5.2).")
	}
	if err := b.schemas(schemas); err != nil {
		return nil, err
	}
	return b.operations(operations)
}

// spelled notes a name in unusual letter case.
func (b *binder) spelled(got, want string) {
	if got != want {
		b.met |= scim.MixedCase
	}
}

func (b *binder) schemas(raw []byte) error {
	if raw != nil {
		v, met, err := scim.DecodeValue(scim.SchemasAttr, raw, b.dialect)
		if err != nil {
			return err
		}
		b.met |= met
		for _, urn := range v.List() {
			if scim.EqualName(urn.Text(), scim.PatchOpURN) {
				return nil
			}
		}
	}
	if !b.allow(scim.MissingSchemas) {
		return scim.Errorf(scim.InvalidSyntax, "The message must list %s in schemas.", scim.PatchOpURN)
	}
	return nil
}

func (b *binder) operations(raw []byte) ([][]byte, error) {
	switch kind(raw) {
	case '[':
	case '{':
		if b.allow(scim.SingleForList) {
			return [][]byte{raw}, nil
		}
		fallthrough
	default:
		return nil, scim.Errorf(scim.InvalidSyntax, "Operations must be a list.")
	}
	raws, err := list(raw)
	switch {
	case err != nil:
		return nil, err
	case len(raws) > scim.MaxPatchOps:
		return nil, tooMany()
	case len(raws) == 0 && !b.allow(scim.EmptyOperations):
		return nil, scim.Errorf(scim.InvalidSyntax, "Operations is empty; send at least one operation.")
	}
	return raws, nil
}

func tooMany() error {
	return fmt.Errorf("%w: %w", ErrTooManyOperations,
		scim.Errorf(scim.TooMany, "The message holds more than %d operations; send it in parts.", scim.MaxPatchOps))
}

// numbered says in which operation of several the mistake is.
func numbered(err error, number int) error {
	if e, ok := err.(*scim.Error); ok && number > 0 {
		return scim.Errorf(e.Type, "Operation %d: %s", number, e.Detail)
	}
	return err
}

// operation reads one operation and binds it.
func (b *binder) operation(raw []byte) error {
	if kind(raw) != '{' {
		return scim.Errorf(scim.InvalidSyntax, "An operation must be a JSON object with op, path and value.")
	}
	members, err := object(raw)
	if err != nil {
		return err
	}
	var op, path, value []byte
	for _, m := range members {
		switch {
		case scim.EqualName(m.name, "op"):
			op = m.raw
			b.spelled(m.name, "op")
		case scim.EqualName(m.name, "path"):
			path = m.raw
			b.spelled(m.name, "path")
		case scim.EqualName(m.name, "value"):
			value = m.raw
			b.spelled(m.name, "value")
		case !b.allow(scim.UnknownAttribute):
			return scim.Errorf(scim.InvalidSyntax, "The member %q does not belong in an operation.", clip(m.name))
		}
	}
	v, err := b.verb(op)
	if err != nil {
		return err
	}
	return b.place(v, path, value)
}

func (b *binder) verb(raw []byte) (verb, error) {
	name, ok := text(raw)
	if !ok {
		return 0, scim.Errorf(scim.InvalidSyntax, "An operation has no op; send add, remove or replace.")
	}
	for v, known := range verbNames {
		if name == known || scim.EqualName(name, known) && b.allow(scim.MixedCase) {
			return verb(v), nil
		}
	}
	return 0, scim.Errorf(scim.InvalidSyntax, "The op %q is not one; send add, remove or replace.", clip(name))
}

// place finds out where the operation acts, by path or by the keys of its value.
func (b *binder) place(v verb, path, value []byte) error {
	src := ""
	if path != nil && !isNull(path) {
		var ok bool
		if src, ok = text(path); !ok {
			return scim.Errorf(scim.InvalidPath, "The path of an operation must be a string.")
		}
		if src == "" && !b.allow(scim.LoosePath) {
			return scim.Errorf(scim.InvalidPath, "The path of an operation is empty; leave it out to address the resource.")
		}
	}
	switch {
	case src != "":
		t, err := b.target(src)
		if err != nil {
			return err
		}
		return b.bind(v, t, value)
	case v == remove:
		return scim.Errorf(scim.NoTarget, "A remove operation needs a path that names what to remove.")
	case kind(value) != '{':
		return scim.Errorf(scim.InvalidValue, "Without a path the value of %s must be an object of attributes.", verbNames[v])
	}
	return b.keys(v, nil, value)
}
