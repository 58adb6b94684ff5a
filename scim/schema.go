package scim

import (
	"errors"
	"fmt"
	"strings"
)

// Schema is a set of attributes under a URN (RFC 7643 section 7).
type Schema struct {
	ID          string
	Name        string
	Description string
	Attributes  []*Attribute

	index     map[string]*Attribute
	container *Attribute
}

// Compile checks the schema and fills in what follows from it. It is called once,
// before the schema is used. The error joins all that is wrong.
func (s *Schema) Compile() error {
	var problems []error
	if !HasPrefixName(s.ID, "urn:") {
		problems = append(problems, fmt.Errorf("schema id %q is not a URN", s.ID))
	}
	index, err := indexOf(s.Attributes)
	problems = append(problems, err)
	s.index = index
	for _, a := range s.Attributes {
		problems = append(problems, a.compile(s, nil, ""))
	}
	return errors.Join(problems...)
}

// Lookup finds a top-level attribute by name in any letter case.
func (s *Schema) Lookup(name string) (*Attribute, bool) { return lookup(s.index, name) }

// asExtension turns the schema into the complex attribute that a resource
// carries under the schema's URN.
func (s *Schema) asExtension() error {
	if s.container != nil {
		return nil
	}
	s.container = &Attribute{Name: s.ID, Type: Complex, Sub: s.Attributes, Description: s.Description}
	s.container.schema, s.container.path, s.container.index = s, s.ID, s.index
	for _, a := range s.Attributes {
		if err := a.compile(s, s.container, s.ID+":"); err != nil {
			return fmt.Errorf("schema %s: %w", s.ID, err)
		}
	}
	return nil
}

// Extension is a schema that adds attributes to a resource type.
type Extension struct {
	Schema   *Schema
	Required bool
}

// ResourceType is a kind of resource with an endpoint (RFC 7643 section 6).
type ResourceType struct {
	Name        string // also its id: User
	Endpoint    string // with the slash: /Users
	Description string
	Schema      *Schema
	Extensions  []Extension
	// ReadOnly resources are made of what the directory holds; clients cannot
	// change them.
	ReadOnly bool

	roots  []*Attribute // externalId, $externalIds, core attributes, extension containers
	index  map[string]*Attribute
	unique []*Attribute
	plain  bool
	noun   string
}

// The common attributes (RFC 7643 section 3.1).
var (
	ID = &Attribute{Name: "id", path: "id", Mutability: ReadOnly, Returned: Always, CaseExact: true, Uniqueness: ServerUnique,
		Description: "Identifier given by the service provider; opaque and never reused."}
	ExternalID = &Attribute{Name: "externalId", path: "externalId", CaseExact: true, Indexed: true,
		Description: "Identifier of the resource as the provisioning client knows it."}
	ExternalIDs = &Attribute{Name: "$externalIds", path: "$externalIds", Type: Complex, MultiValued: true, Mutability: ReadOnly, Returned: Never,
		Description: "What single provisioning clients know the resource as, beside externalId; never shown as such.",
		Sub:         []*Attribute{ExternalIDClient, ExternalIDValue}}
	ExternalIDClient = &Attribute{Name: "client", Mutability: ReadOnly, CaseExact: true}
	ExternalIDValue  = &Attribute{Name: "value", Mutability: ReadOnly, CaseExact: true, Indexed: true}
	SchemasAttr      = &Attribute{Name: "schemas", path: "schemas", Type: Reference, MultiValued: true, Required: true, Returned: Always, CaseExact: true,
		Description: "URNs of the schemas that the resource uses."}
	Meta = &Attribute{Name: "meta", path: "meta", Type: Complex, Mutability: ReadOnly,
		Description: "Facts about the resource, kept by the service provider.",
		Sub:         []*Attribute{MetaResourceType, MetaCreated, MetaLastModified, MetaLocation, MetaVersion}}
	MetaResourceType = &Attribute{Name: "resourceType", Mutability: ReadOnly, CaseExact: true}
	MetaCreated      = &Attribute{Name: "created", Type: DateTime, Mutability: ReadOnly}
	MetaLastModified = &Attribute{Name: "lastModified", Type: DateTime, Mutability: ReadOnly}
	MetaLocation     = &Attribute{Name: "location", Type: Reference, Mutability: ReadOnly, CaseExact: true}
	MetaVersion      = &Attribute{Name: "version", Mutability: ReadOnly, CaseExact: true}

	common = compileCommon()
)

func compileCommon() map[string]*Attribute {
	for _, a := range []*Attribute{Meta, ExternalIDs} {
		if err := a.compile(nil, nil, ""); err != nil {
			panic(err) // the definitions above are constants
		}
	}
	index, err := indexOf([]*Attribute{ID, ExternalID, ExternalIDs, SchemasAttr, Meta})
	if err != nil {
		panic(err)
	}
	return index
}

// Compile checks the resource type, whose schemas are compiled, and fills in
// what follows from it.
func (rt *ResourceType) Compile() error {
	if rt.Name == "" || len(rt.Endpoint) < 2 || rt.Endpoint[0] != '/' || strings.Contains(rt.Endpoint[1:], "/") {
		return fmt.Errorf("resource type %q needs a name and an endpoint such as /Things", rt.Name)
	}
	if rt.Schema == nil {
		return fmt.Errorf("resource type %s has no schema", rt.Name)
	}
	rt.noun = foldASCII(rt.Endpoint[1:])
	rt.roots = []*Attribute{ExternalID, ExternalIDs}
	for _, a := range rt.Schema.Attributes {
		if _, clash := common[foldASCII(a.Name)]; clash {
			return fmt.Errorf("schema %s defines %s, which every resource has already", rt.Schema.ID, a.Name)
		}
		rt.roots = append(rt.roots, a)
	}
	for _, e := range rt.Extensions {
		if err := e.Schema.asExtension(); err != nil {
			return err
		}
		rt.roots = append(rt.roots, e.Schema.container)
	}
	index, err := indexOf(rt.roots)
	if err != nil {
		return fmt.Errorf("resource type %s: %w", rt.Name, err)
	}
	rt.index = index
	rt.unique = rt.collect(func(a *Attribute) bool { return a.Uniqueness != NotUnique })
	rt.plain = true
	for _, a := range rt.roots {
		rt.plain = rt.plain && (a == ExternalIDs || plain(a)) // AppendJSON looks for those
	}
	return nil
}

// plain reports whether everything kept of the attribute is returned by default.
func plain(a *Attribute) bool {
	if a.Mutability == WriteOnly || a.Unkept {
		return true
	}
	ok := a.Returned == ByDefault || a.Returned == Always
	for _, sub := range a.Sub {
		ok = ok && plain(sub)
	}
	return ok
}

// Noun is the lower-case name of the endpoint, used in scopes and metrics.
func (rt *ResourceType) Noun() string { return rt.noun }

// Roots are the members a record may have: externalId and those of single clients,
// the attributes of the schema, and one container per extension.
func (rt *ResourceType) Roots() []*Attribute { return rt.roots }

// Root finds a member of the record by name or URN in any letter case.
func (rt *ResourceType) Root(name string) (*Attribute, bool) { return lookup(rt.index, name) }

// Resolve finds the attribute that a path without value filter names: userName,
// name.familyName, meta.created, URN:userName, URN:attr.sub, or an extension's
// bare URN. Names and URNs are taken in any letter case.
func (rt *ResourceType) Resolve(path string) (*Attribute, bool) {
	if HasPrefixName(path, "urn:") {
		return rt.resolveURN(path)
	}
	name, sub, dotted := strings.Cut(path, ".")
	a, ok := lookup(common, name)
	if !ok {
		a, ok = lookup(rt.Schema.index, name)
	}
	if !ok || !dotted {
		return a, ok
	}
	return a.Lookup(sub)
}

func (rt *ResourceType) resolveURN(path string) (*Attribute, bool) {
	if c, ok := lookup(rt.index, path); ok {
		return c, true
	}
	// The URN itself holds dots ("2.0"), so the longest matching schema wins.
	if rest, ok := cutURN(path, rt.Schema.ID); ok {
		return rt.Resolve(rest)
	}
	for _, e := range rt.Extensions {
		if rest, ok := cutURN(path, e.Schema.ID); ok {
			name, sub, dotted := strings.Cut(rest, ".")
			a, ok := e.Schema.Lookup(name)
			if !ok || !dotted {
				return a, ok
			}
			return a.Lookup(sub)
		}
	}
	return nil, false
}

func cutURN(path, urn string) (rest string, ok bool) {
	if len(path) > len(urn)+1 && path[len(urn)] == ':' && HasPrefixName(path, urn) {
		return path[len(urn)+1:], true
	}
	return "", false
}

// UniqueAttributes are the attributes whose values the server keeps unique; not to
// be changed.
func (rt *ResourceType) UniqueAttributes() []*Attribute {
	return rt.unique
}

// IndexedAttributes are the attributes that the store keeps an index on.
func (rt *ResourceType) IndexedAttributes() []*Attribute {
	return rt.collect(func(a *Attribute) bool { return a.Indexed })
}

func (rt *ResourceType) collect(want func(*Attribute) bool) []*Attribute {
	var found []*Attribute
	var walk func(attrs []*Attribute)
	walk = func(attrs []*Attribute) {
		for _, a := range attrs {
			if a.Type != Complex && want(a) {
				found = append(found, a)
			}
			walk(a.Sub)
		}
	}
	walk(rt.roots)
	return found
}
