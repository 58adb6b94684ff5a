package scim

import (
	"errors"
	"fmt"
)

// Type is the data type of an attribute (RFC 7643 section 2.3).
type Type uint8

// The data types.
const (
	String Type = iota
	Boolean
	Decimal
	Integer
	DateTime
	Binary
	Reference
	Complex
)

var typeNames = [...]string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"}

func (t Type) String() string { return typeNames[t] }

// Textual reports whether values are kept as text and compared as text.
func (t Type) Textual() bool { return t == String || t == Reference || t == Binary }

// Mutability says who may change an attribute (RFC 7643 section 2.2).
type Mutability uint8

// The mutabilities.
const (
	ReadWrite Mutability = iota
	ReadOnly
	Immutable
	WriteOnly
)

var mutabilityNames = [...]string{"readWrite", "readOnly", "immutable", "writeOnly"}

func (m Mutability) String() string { return mutabilityNames[m] }

// Returned says when an attribute is part of an answer (RFC 7643 section 2.2).
type Returned uint8

// The ways of being returned.
const (
	ByDefault Returned = iota
	Always
	Never
	OnRequest
)

var returnedNames = [...]string{"default", "always", "never", "request"}

func (r Returned) String() string { return returnedNames[r] }

// Uniqueness says among whom a value is unique (RFC 7643 section 2.2).
type Uniqueness uint8

// The scopes of uniqueness.
const (
	NotUnique Uniqueness = iota
	ServerUnique
	GlobalUnique
)

var uniquenessNames = [...]string{"none", "server", "global"}

func (u Uniqueness) String() string { return uniquenessNames[u] }

// Attribute is the definition of an attribute, never its data. Definitions are
// made once, when schemas are compiled, and compared by pointer.
type Attribute struct {
	Name            string
	Description     string
	Type            Type
	MultiValued     bool
	Required        bool
	CaseExact       bool
	Mutability      Mutability
	Returned        Returned
	Uniqueness      Uniqueness
	CanonicalValues []string
	ReferenceTypes  []string
	Sub             []*Attribute

	// Edge marks Group.members and User.groups: relations that are never kept
	// in the record.
	Edge bool
	// Unkept marks what is never in a stored record: it asks for something once,
	// or is worked out when it is read.
	Unkept bool
	// Indexed asks the store to keep an index on the values.
	Indexed bool

	schema *Schema
	parent *Attribute
	path   string
	index  map[string]*Attribute // sub-attributes by folded name
}

// Path is the attribute's full name as a client writes it: userName,
// name.familyName, or URN:employeeNumber for extensions.
func (a *Attribute) Path() string { return a.path }

// Parent is the complex attribute that a sub-attribute belongs to, or nil.
// The attributes of an extension have its container as parent.
func (a *Attribute) Parent() *Attribute { return a.parent }

// Schema is the schema that defines the attribute; nil for common attributes.
func (a *Attribute) Schema() *Schema { return a.schema }

// IsExtension reports whether the attribute is the container of an extension:
// the member of a resource whose name is the extension's URN.
func (a *Attribute) IsExtension() bool { return a.schema != nil && a.schema.container == a }

// Lookup finds a sub-attribute by name in any letter case.
func (a *Attribute) Lookup(name string) (*Attribute, bool) { return lookup(a.index, name) }

// Value is the sub-attribute "value" that a multi-valued complex attribute is
// compared by when a filter names none; nil where there is none.
func (a *Attribute) Value() *Attribute { return a.index["value"] }

// Hidden reports whether clients can never read the attribute, so that it may
// not be probed by filters or sorting either (K04).
func (a *Attribute) Hidden() bool {
	return a.Returned == Never || a.Mutability == WriteOnly || a.parent != nil && a.parent.Hidden()
}

// MadeOf is the attribute that this one is made of when a resource is shown: an
// address, or the name of a member. It has no value of its own that could be
// compared. nil for others.
func (a *Attribute) MadeOf() *Attribute {
	switch {
	case a == MetaLocation:
		return ID
	case a.parent == nil || !a.parent.Edge:
		return nil
	case a.Name == "$ref", a.Name == "display" && a.parent.Mutability != ReadOnly:
		return a.parent.Value()
	}
	return nil
}

func lookup(index map[string]*Attribute, name string) (*Attribute, bool) {
	if a, ok := index[name]; ok {
		return a, true
	}
	a, ok := index[foldASCII(name)]
	return a, ok
}

// compile fills in what follows from the definition's place.
func (a *Attribute) compile(s *Schema, parent *Attribute, prefix string) error {
	if !validName(a.Name) && !a.IsExtension() {
		return fmt.Errorf("attribute name %q is not one: it must begin with a letter and hold letters, digits, _ and - only", a.Name)
	}
	a.schema, a.parent, a.path = s, parent, prefix+a.Name
	if a.Type != Complex {
		if len(a.Sub) > 0 {
			return fmt.Errorf("attribute %s has subAttributes but is of type %s; make it complex or remove them", a.path, a.Type)
		}
		return nil
	}
	if parent != nil && !parent.IsExtension() {
		return fmt.Errorf("attribute %s is complex inside a complex attribute, which RFC 7643 section 2.3.8 forbids", a.path)
	}
	if len(a.Sub) == 0 {
		return fmt.Errorf("attribute %s is complex and has no subAttributes; list them, or give it another type", a.path)
	}
	index, err := indexOf(a.Sub)
	problems := []error{err}
	a.index = index
	for _, sub := range a.Sub {
		problems = append(problems, sub.compile(s, a, a.path+"."))
	}
	return errors.Join(problems...)
}

// indexOf maps both the exact and the folded names.
func indexOf(attrs []*Attribute) (map[string]*Attribute, error) {
	index := make(map[string]*Attribute, 2*len(attrs))
	for _, a := range attrs {
		folded := foldASCII(a.Name)
		if _, twice := index[folded]; twice {
			return nil, fmt.Errorf("attribute %q is defined twice", a.Name)
		}
		index[a.Name], index[folded] = a, a
	}
	return index, nil
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c == '$' && i == 0:
		case i > 0 && (c >= '0' && c <= '9' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return s != "" && s != "$"
}
