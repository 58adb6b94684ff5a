package scim

import (
	"slices"
	"strings"
)

// Projection says which attributes an answer shows (RFC 7644 section 3.9). A
// nil Projection shows those that are returned by default.
type Projection struct {
	only     map[*Attribute]bool // named, their ancestors; nil: everything
	named    map[*Attribute]bool // named themselves
	excluded map[*Attribute]bool
	written  map[*Attribute]bool // by the request that is answered
}

// NewProjection compiles the parameters attributes and excludedAttributes.
// Names that the type does not have select nothing. Without names it is nil.
func NewProjection(rt *ResourceType, attributes, excluded []string) *Projection {
	p := &Projection{}
	for _, path := range attributes {
		if p.only == nil {
			p.only, p.named = map[*Attribute]bool{}, map[*Attribute]bool{}
		}
		if a, ok := rt.Resolve(plainPath(path)); ok {
			p.named[a] = true
			for ; a != nil; a = a.parent {
				p.only[a] = true
			}
		}
	}
	for _, path := range excluded {
		if p.excluded == nil {
			p.excluded = map[*Attribute]bool{}
		}
		if a, ok := rt.Resolve(plainPath(path)); ok {
			p.excluded[a] = true
		}
	}
	if p.only == nil && p.excluded == nil {
		return nil
	}
	return p
}

// Written is the projection of the answer to a change: what is returned on request only
// is also part of it where it was written, unless the client names what it wants (RFC
// 7643 section 7).
func (p *Projection) Written(before, after *Resource) *Projection {
	if after.Type.plain || p != nil && p.only != nil {
		return p
	}
	next := &Projection{written: map[*Attribute]bool{}}
	if p != nil {
		next.excluded = p.excluded
	}
	for _, root := range Changed(before, after) {
		next.write(before, after, root)
	}
	if len(next.written) == 0 {
		return p
	}
	return next
}

// write notes an attribute that is returned on request and has changed, and those below.
func (p *Projection) write(before, after *Resource, a *Attribute) {
	if a.Returned == OnRequest {
		p.written[a] = true
	}
	for _, sub := range a.Sub {
		if before != nil && !a.MultiValued {
			was, _ := before.Get(sub)
			if is, _ := after.Get(sub); was.Equal(is) {
				continue
			}
		}
		p.write(before, after, sub)
	}
}

// plainPath drops a value filter from a path, as clients send them here too.
func plainPath(path string) string {
	path = strings.TrimSpace(path)
	if open := strings.IndexByte(path, '['); open >= 0 {
		if end := strings.LastIndexByte(path, ']'); end > open {
			return path[:open] + path[end+1:]
		}
	}
	return path
}

// Includes reports whether the attribute may be part of the answer.
func (p *Projection) Includes(a *Attribute) bool {
	switch {
	case a.Returned == Never || a.Mutability == WriteOnly:
		return false
	case a.Returned == Always:
		return true
	case p == nil:
		return a.Returned != OnRequest
	case p.written[a]:
		return !p.excluded[a]
	case a.IsExtension() && slices.ContainsFunc(a.Sub, func(sub *Attribute) bool { return sub.Returned == Always }):
		return true // for those
	case p.excluded[a], a.parent != nil && a.parent.IsExtension() && p.excluded[a.parent]:
		return false
	case p.only == nil:
		return a.Returned != OnRequest
	case p.only[a]:
		return true
	}
	// A named complex attribute brings its sub-attributes, but not those that
	// are returned on request only.
	for up := a.parent; up != nil; up = up.parent {
		if p.named[up] {
			return a.Returned != OnRequest
		}
	}
	return false
}
