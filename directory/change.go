package directory

import (
	"slices"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

// Change is what somebody wants done: Create, Replace, Patch or Delete.
type Change interface{ change() }

// The changes. Bodies are decoded and checked against their schema.
type (
	// Create makes a new resource; the service gives it its id.
	Create struct{ Resource *scim.Resource }
	// Replace puts the body in place of what the resource holds (PUT).
	Replace struct {
		Type     *scim.ResourceType
		ID       string
		Resource *scim.Resource
	}
	// Patch applies operations (PATCH).
	Patch struct {
		Type  *scim.ResourceType
		ID    string
		Patch *patch.Patch
	}
	// Delete removes a resource.
	Delete struct {
		Type *scim.ResourceType
		ID   string
	}
)

func (Create) change()  {}
func (Replace) change() {}
func (Patch) change()   {}
func (Delete) change()  {}

// Precondition is what If-Match demands. The zero Precondition demands nothing.
type Precondition struct {
	Versions []scim.Version // any of these
	Any      bool           // "*": that the resource exists
}

// Holds reports whether a resource at version v meets the precondition.
func (p Precondition) Holds(v scim.Version) bool {
	return p.Any || len(p.Versions) == 0 || slices.Contains(p.Versions, v)
}

// Request is a change with all that is needed to decide on it.
type Request struct {
	Org       OrgID
	Actor     Actor
	RequestID string
	Change    Change
	If        Precondition
	// IgnoreUnknownMembers drops unknown member ids instead of refusing them.
	IgnoreUnknownMembers bool
	// WithGroups asks for the groups of the resource after the change.
	WithGroups bool
}
