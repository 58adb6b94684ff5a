// Package patch is the PATCH engine (RFC 7644 section 3.5.2). Decode binds a
// PatchOp message to the attributes of a resource type, and Apply works out what
// a resource becomes. Both are pure: nothing is read, stored or changed.
//
// The dialect of a client ends at Decode. What departs from the RFC is turned
// into operations of the RFC there, and Apply knows only these.
package patch

import (
	"errors"
	"slices"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// ErrTooManyOperations says that a message holds more operations than
// scim.MaxPatchOps, where each key of a value without path counts as one. An
// error that wraps it is an *scim.Error too; its HTTP status is 413.
var ErrTooManyOperations = errors.New("too many PATCH operations")

// Patch is a PatchOp message (RFC 7644 section 3.5.2), bound to a resource type.
// It may be applied any number of times, also at once.
type Patch struct {
	Type *scim.ResourceType
	ops  []operation
}

// Names reports whether an operation is about an attribute itself, whatever comes of
// it.
func (p *Patch) Names(a *scim.Attribute) bool {
	return slices.ContainsFunc(p.ops, func(op operation) bool { return op.attr == a })
}

// verb is what an operation does (RFC 7644 section 3.5.2).
type verb uint8

const (
	add verb = iota
	remove
	replace
	verbs
)

var verbNames = [verbs]string{"add", "remove", "replace"}

// shape is the kind of place that an operation acts on.
type shape uint8

const (
	simple   shape = iota // userName, name.givenName, URN:department
	compound              // name, URN:manager, the container of an extension
	multi                 // emails
	selected              // emails[type eq "work"]
	within                // emails[type eq "work"].value, emails.type
	edges                 // members, members[value eq "2819c223"]
	shapes
)

// operation is one operation of the RFC, its names and values bound.
type operation struct {
	verb    verb
	shape   shape
	attr    *scim.Attribute   // the attribute; that of the elements for selected and within
	sub     *scim.Attribute   // of the elements, for within
	where   filter.Node       // nil: every element
	value   scim.Value        // what to set; for remove of multi the values to take away
	cleared []*scim.Attribute // sub-attributes that the value names and leaves empty
	listed  bool              // remove only what value lists
	create  bool              // make the element that where describes if there is none
	edge    EdgeOp
	number  int // place in the message, from 1; 0 where it is the only one
}
