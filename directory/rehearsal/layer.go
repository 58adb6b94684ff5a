package rehearsal

import (
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// layer is all that was written: what is in it comes in place of what lies below.
// Lists by which something is found are only ever added to: whether it still fits is
// looked at in the thing itself.
type layer struct {
	resources map[place]*record
	of        map[sort][]string                       // ids of the resources of a type that were written
	owners    map[directory.UniqueKey]string          // "": nobody any more
	texts     map[*scim.Attribute]map[string][]string // ids by a value, of the attributes that were asked for

	links map[place]*links
	joins map[place][]string // ids of the groups that somebody was added to

	documents map[noun]*directory.Document // nil: removed
	kinds     map[sort][]string            // ids of the documents of a kind that were written
	keys      map[key][]string             // ids by a key

	tallies map[place]int64 // what was added, by organization and name
	bytes   int
}

// place is something of one organization, by its id or name.
type place struct {
	org directory.OrgID
	id  string
}

// sort is a type of resources, or a kind of documents, of one organization.
type sort struct {
	org  directory.OrgID
	name string
}

// noun is a document.
type noun struct {
	sort
	id string
}

// key is what documents of a kind are found by.
type key struct {
	sort
	text string
}

// record is a resource in its stored form; without a type it was removed.
type record struct {
	rt                *scim.ResourceType
	version           scim.Version
	created, modified time.Time
	raw               []byte
}

// links are the members of a group, as far as they were changed. They are not changed
// in place.
type links struct {
	cleared bool
	gone    map[string]bool
	added   []directory.Member
	is      map[string]bool // ids of those added
}

func newLayer() *layer {
	return &layer{resources: map[place]*record{}, of: map[sort][]string{}, owners: map[directory.UniqueKey]string{}, texts: map[*scim.Attribute]map[string][]string{},
		links: map[place]*links{}, joins: map[place][]string{}, documents: map[noun]*directory.Document{}, kinds: map[sort][]string{}, keys: map[key][]string{}, tallies: map[place]int64{}}
}

// resource reads a record; nil when it was removed.
func (l *layer) resource(at place) (r *scim.Resource, written bool) {
	w := l.resources[at]
	if w == nil {
		return nil, false
	}
	if w.rt == nil {
		return nil, true
	}
	return scim.Stored(w.rt, at.id, w.version, w.created, w.modified, w.raw), true
}

// touch notes that a resource is not what lies below any more.
func (l *layer) touch(org directory.OrgID, r *scim.Resource) {
	if _, known := l.resources[place{org, r.ID}]; !known {
		s := sort{org, r.Type.Name}
		l.of[s] = append(l.of[s], r.ID)
	}
}

// note lets a resource be found that is written.
func (l *layer) note(org directory.OrgID, r *scim.Resource) {
	l.touch(org, r)
	for a, ids := range l.texts {
		index(ids, a, r)
	}
	l.bytes += weight + len(r.Seal())
}

// index adds the values of a resource to those that one of its attributes is found by.
func index(ids map[string][]string, a *scim.Attribute, r *scim.Resource) {
	r.Each(a, func(_ int, v scim.Value) {
		text := filter.Equals(a, v.Text()).Key
		ids[text] = append(ids[text], r.ID)
	})
}

// candidates are the ids of the resources that were written and may fulfil a filter.
func (l *layer) candidates(s sort, f *filter.Filter) []string {
	if f != nil && !f.UsesEdges() {
		if ids, ok := l.narrow(f.Root); ok {
			return ids
		}
	}
	return l.of[s]
}

// narrow finds candidates by the values that must be equal; false where there are no such.
func (l *layer) narrow(n filter.Node) (ids []string, ok bool) {
	switch n := n.(type) {
	case filter.And:
		for _, part := range n {
			if ids, ok := l.narrow(part); ok {
				return ids, true
			}
		}
	case filter.Or:
		for _, part := range n {
			more, ok := l.narrow(part)
			if !ok {
				return nil, false
			}
			ids = append(ids, more...)
		}
		return ids, true
	case *filter.Element:
		return l.narrow(n.Inner)
	case *filter.Leaf:
		if n.Op == filter.Equal && n.Attr.Type == scim.String {
			return l.by(n.Attr)[n.Key], true
		}
	}
	return nil, false
}

// by is the index of an attribute, which is made when it is first asked for.
func (l *layer) by(a *scim.Attribute) map[string][]string {
	if have := l.texts[a]; have != nil {
		return have
	}
	ids := map[string][]string{}
	for of, all := range l.of {
		for _, id := range all {
			if r, _ := l.resource(place{of.org, id}); r != nil {
				index(ids, a, r)
			}
		}
	}
	l.texts[a] = ids
	return ids
}
