package directory

import (
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// Query asks for a page of the resources of one type.
type Query struct {
	Org    OrgID
	Type   *scim.ResourceType
	Filter *filter.Filter // nil: all

	// SortBy orders by the values of an attribute, missing ones last when
	// ascending; nil is the order of creation. Ties are in order of creation.
	SortBy     *scim.Attribute
	Descending bool

	// Start is the place of the first resource wanted, from 1. It is not used
	// when After or Before is set.
	Start int
	// Count is the most resources wanted; 0 asks for the total alone.
	Count int
	// After and Before continue a walk from a Position of an earlier page.
	After, Before Position
}

// Position is a place between two resources of an ordered list. Only the store
// that made it can read it.
type Position []byte

// Page is the answer to a Query.
type Page struct {
	Total     int // exact number of resources that match
	Resources []*scim.Resource
	// First and Last are the positions of the page's ends; set when Resources
	// is not empty.
	First, Last Position
	// More tells that resources follow the page; Prior, that some precede it.
	More, Prior bool
}

// Member is one end of a membership: a user or group that belongs to a group.
type Member struct {
	ID   string
	Type string // name of the resource type
}

// Membership is the other end: a group that somebody belongs to.
type Membership struct {
	Group   string // id
	Display string
	Direct  bool
}

// EdgeDelta is a change of one group's members.
type EdgeDelta struct {
	Clear  bool // all members leave first
	Add    []Member
	Remove []string
}

// IsZero reports whether the delta changes nothing.
func (d EdgeDelta) IsZero() bool { return !d.Clear && len(d.Add) == 0 && len(d.Remove) == 0 }

// Kind is how the membership came about, as User.groups.type names it.
func (m Membership) Kind() string {
	if m.Direct {
		return "direct"
	}
	return "indirect"
}
