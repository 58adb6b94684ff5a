package server

import (
	"net/url"
	"strings"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// handler answers a request that is authenticated, authorized and within limits.
type handler func(*exchange) error

// method is what one HTTP method does at a route.
type method struct {
	name  string
	verb  string // read, write, or "" where each part is authorized by itself
	serve handler
}

// route is a place with the methods it has.
type route struct {
	pattern string
	noun    string
	rt      *scim.ResourceType
	methods []method
	allow   string
}

func newRoute(pattern, noun string, rt *scim.ResourceType, methods ...method) *route {
	names := make([]string, 0, len(methods)+1)
	for _, m := range methods {
		names = append(names, m.name)
	}
	return &route{pattern, noun, rt, methods, strings.Join(append(names, "OPTIONS"), ", ")}
}

func (r *route) method(name string) *method {
	for i := range r.methods {
		if r.methods[i].name == name {
			return &r.methods[i]
		}
	}
	return nil
}

// typeRoutes are the places of one resource type.
type typeRoutes struct{ list, search, one *route }

type routes struct {
	fixed map[string]*route // by lower-case path below the prefix
	types map[*scim.ResourceType]typeRoutes
	reg   *schemas.Registry
}

func newRoutes(reg *schemas.Registry) routes {
	get := func(h handler) []method { return []method{{"GET", "", h}, {"HEAD", "", h}} }
	all := routes{reg: reg, types: map[*scim.ResourceType]typeRoutes{}, fixed: map[string]*route{
		"serviceproviderconfig": newRoute("/ServiceProviderConfig", "", nil, get((*exchange).config)...),
		"schemas":               newRoute("/Schemas", "", nil, get((*exchange).schemas)...),
		"schemas/":              newRoute("/Schemas/{id}", "", nil, get((*exchange).schema)...),
		"resourcetypes":         newRoute("/ResourceTypes", "", nil, get((*exchange).types)...),
		"resourcetypes/":        newRoute("/ResourceTypes/{id}", "", nil, get((*exchange).resourceType)...),
		"bulk":                  newRoute("/Bulk", "", nil, method{"POST", "", (*exchange).bulk}),
		".search":               newRoute("/.search", "", nil, method{"POST", "", (*exchange).searchAll}),
		"me": newRoute("/Me", "users", nil, method{"GET", "", (*exchange).me}, method{"HEAD", "", (*exchange).me},
			method{"PUT", "", (*exchange).me}, method{"PATCH", "", (*exchange).me}, method{"DELETE", "", (*exchange).me}),
	}}
	for _, rt := range reg.Types {
		list := []method{{"GET", "read", (*exchange).list}, {"HEAD", "read", (*exchange).list}}
		one := []method{{"GET", "read", (*exchange).get}, {"HEAD", "read", (*exchange).get}}
		if !rt.ReadOnly {
			list = append(list, method{"POST", "write", (*exchange).create})
			one = append(one, method{"PUT", "write", (*exchange).replace}, method{"PATCH", "write", (*exchange).patch}, method{"DELETE", "write", (*exchange).remove})
		}
		all.types[rt] = typeRoutes{
			list:   newRoute(rt.Endpoint, rt.Noun(), rt, list...),
			search: newRoute(rt.Endpoint+"/.search", rt.Noun(), rt, method{"POST", "read", (*exchange).search}),
			one:    newRoute(rt.Endpoint+"/{id}", rt.Noun(), rt, one...),
		}
	}
	return all
}

// RouteInfo names one route and method, for tests that must cover them all.
type RouteInfo struct{ Method, Pattern string }

// Routes lists every route and method that the server answers (K01, K11).
func (s *Server) Routes() []RouteInfo {
	var all []RouteInfo
	add := func(r *route) {
		for _, m := range r.methods {
			all = append(all, RouteInfo{m.name, Prefix + r.pattern})
		}
	}
	for _, r := range s.routes.fixed {
		add(r)
	}
	for _, t := range s.routes.types {
		add(t.list)
		add(t.search)
		add(t.one)
	}
	return all
}

// find returns the place a path names, and the id in it.
func (rs routes) find(segments []string) (*route, string) {
	if len(segments) == 0 || len(segments) > 2 {
		return nil, ""
	}
	if rt, ok := rs.reg.Endpoint("/" + segments[0]); ok {
		t := rs.types[rt]
		switch {
		case len(segments) == 1:
			return t.list, ""
		case scim.EqualName(segments[1], ".search"):
			return t.search, ""
		}
		return t.one, segments[1]
	}
	name := strings.ToLower(segments[0])
	if len(segments) == 2 {
		return rs.fixed[name+"/"], segments[1]
	}
	return rs.fixed[name], ""
}

// segments cuts a path at its slashes. Repeated and trailing slashes are
// harmless; dots and slashes in disguise are not (K12).
func segments(escaped string) ([]string, bool) {
	var room [4]string
	parts := room[:0]
	for part := range strings.SplitSeq(escaped, "/") {
		if part == "" {
			continue
		}
		if strings.IndexByte(part, '%') >= 0 {
			plain, err := url.PathUnescape(part)
			if err != nil || strings.ContainsAny(plain, "/\x00\\") {
				return nil, false
			}
			part = plain
		}
		if part == "." || part == ".." || len(parts) == cap(room) {
			return nil, false
		}
		parts = append(parts, part)
	}
	return parts, true
}

// below returns the segments after the prefix.
func below(escaped string) ([]string, bool) {
	parts, ok := segments(escaped)
	if !ok || len(parts) < 2 || !scim.EqualName(parts[0], "scim") || !scim.EqualName(parts[1], "v2") {
		return nil, false
	}
	return parts[2:], true
}
