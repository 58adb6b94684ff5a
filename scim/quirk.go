package scim

import (
	"fmt"
	"slices"
	"strings"
)

// Quirks is a set of departures from the RFCs that clients are known to send.
// A connection's dialect is the set it may send; a normaliser returns the set it
// met, so that each is counted per connection.
type Quirks uint32

// The departures, by what the client does.
const (
	// StringBoolean: "True" or "false" where a boolean belongs (Entra ID).
	StringBoolean Quirks = 1 << iota
	// StringNumber: "12" where a number belongs (OneLogin macros).
	StringNumber
	// ScalarComplex: a bare string for a complex value: manager, members.
	ScalarComplex
	// ListForSingle: a one-element array for a singular attribute (Entra ID).
	ListForSingle
	// SingleForList: one value for a multi-valued attribute (OneLogin).
	SingleForList
	// UnknownAttribute: attributes and schemas that the server does not have.
	UnknownAttribute
	// MissingSchemas: no or legacy schema URNs in a body.
	MissingSchemas
	// MixedCase: an operation, keyword or URN in unusual letter case.
	MixedCase
	// DottedKey: "name.givenName", URN:attr or a filtered path as a key.
	DottedKey
	// RemoveWithValue: remove of a multi-valued attribute with listed values.
	RemoveWithValue
	// CreateUnmatched: add or replace on a filter that selects nothing makes
	// the element the filter describes.
	CreateUnmatched
	// EmptyOperations: a PATCH without operations.
	EmptyOperations
	// LoosePath: URN.attr, .Value and other unusual path spellings.
	LoosePath
	// UnquotedLiteral: a filter value without quotation marks.
	UnquotedLiteral
	// EmptyClears: an empty string or {"value":""} that means "no value".
	EmptyClears
	// OwnID: the resource's own id, meta or schemas inside a PATCH value.
	OwnID
	// UnknownMember: members that do not exist, dropped.
	UnknownMember

	quirkEnd
)

var quirkNames = [...]string{
	"stringBoolean", "stringNumber", "scalarComplex", "listForSingle", "singleForList", "unknownAttribute",
	"missingSchemas", "mixedCase", "dottedKey", "removeWithValue", "createUnmatched", "emptyOperations",
	"loosePath", "unquotedLiteral", "emptyClears", "ownID", "unknownMember",
}

// The dialects a connection may be given.
const (
	// Strict understands the RFCs and nothing else.
	Strict Quirks = 0
	// Tolerant understands every known client at once; it is the default, since
	// one tenant may speak two dialects (Entra ID with and without its flag).
	Tolerant Quirks = quirkEnd - 1
)

// Has reports whether q contains all of k.
func (q Quirks) Has(k Quirks) bool { return q&k == k }

// Names lists the quirks of the set.
func (q Quirks) Names() []string {
	var names []string
	for i, name := range quirkNames {
		if q&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// MarshalText writes "strict", "tolerant" or the names joined by commas.
func (q Quirks) MarshalText() ([]byte, error) {
	switch q {
	case Strict:
		return []byte("strict"), nil
	case Tolerant:
		return []byte("tolerant"), nil
	}
	return []byte(strings.Join(q.Names(), ",")), nil
}

// UnmarshalText reads what MarshalText writes.
func (q *Quirks) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "strict":
		*q = Strict
	case "tolerant", "":
		*q = Tolerant
	default:
		*q = 0
		for _, name := range strings.Split(s, ",") {
			i := slices.Index(quirkNames[:], strings.TrimSpace(name))
			if i < 0 {
				return fmt.Errorf("dialect %q is not known; use strict, tolerant, or a list of %s", name, strings.Join(quirkNames[:], ", "))
			}
			*q |= 1 << i
		}
	}
	return nil
}
