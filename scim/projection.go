package scim

import "strings"

// Projection says which attributes an answer shows (RFC 7644 section 3.9). A
// nil Projection shows those that are returned by default.
type Projection struct {
	only     map[*Attribute]bool // named, their ancestors; nil: everything
	named    map[*Attribute]bool // named themselves
	excluded map[*Attribute]bool
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
	case p.excluded[a]:
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
