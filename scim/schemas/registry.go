package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// Registry holds the schemas and resource types that a server has.
type Registry struct {
	Types   []*scim.ResourceType
	Schemas []*scim.Schema

	byEndpoint map[string]*scim.ResourceType
	byName     map[string]*scim.ResourceType
}

// Document is a custom schema or resource type, with the name of its file.
type Document struct {
	Name string
	Data []byte
}

// Problem is one thing that is wrong with a document.
type Problem struct{ Document, Message string }

// Problems is everything that is wrong, document by document.
type Problems []Problem

// Error lists the problems on a line each.
func (p Problems) Error() string {
	var lines []string
	for _, one := range p {
		lines = append(lines, one.Document+": "+one.Message)
	}
	return strings.Join(lines, "\n")
}

// note adds what an error joins.
func (p *Problems) note(document string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			p.note(document, one)
		}
		return
	}
	*p = append(*p, Problem{document, err.Error()})
}

// NewRegistry makes the registry of User, Group, what clients can only read, and
// the given custom documents: schemas (RFC 7643 section 7) and resource types
// (section 6). A resource type
// document named User or Group adds its extensions to the built-in type. The error
// is Problems.
func NewRegistry(schemaDocs, typeDocs []Document) (*Registry, error) {
	r := &Registry{byEndpoint: map[string]*scim.ResourceType{}, byName: map[string]*scim.ResourceType{},
		Schemas: []*scim.Schema{UserSchema, GroupSchema, EnterpriseSchema, UsherUserSchema, UsherGroupSchema,
			ApplicationSchema, AppAssignmentSchema, LicencePoolSchema, IntegrationSchema}}
	var problems Problems
	for _, d := range schemaDocs {
		s, err := ParseSchema(d.Data)
		problems.note(d.Name, err)
		if s == nil {
			continue
		}
		if _, ok := r.Schema(s.ID); ok {
			problems.note(d.Name, fmt.Errorf("schema %s is defined twice; give the second another URN", s.ID))
			continue
		}
		r.Schemas = append(r.Schemas, s)
	}
	r.Types = builtInTypes()
	builtIn := len(r.Types)
	from := map[*scim.ResourceType]string{}
	for _, d := range typeDocs {
		rt, err := r.addType(d.Data, builtIn)
		problems.note(d.Name, err)
		from[rt] = d.Name
	}
	for _, rt := range r.Types {
		problems.note(from[rt], r.bothWays(rt))
	}
	if problems == nil { // or what follows from them would be told as well
		for _, rt := range r.Types {
			problems.note(from[rt], r.compile(rt))
		}
	}
	if problems != nil {
		return nil, problems
	}
	return r, nil
}

// builtInTypes are the resource types that every server has.
func builtInTypes() []*scim.ResourceType {
	return []*scim.ResourceType{
		{Name: "User", Endpoint: "/Users", Description: "User Account", Schema: UserSchema,
			Extensions: []scim.Extension{{Schema: EnterpriseSchema}, {Schema: UsherUserSchema}}},
		{Name: "Group", Endpoint: "/Groups", Description: "Group", Schema: GroupSchema,
			Extensions: []scim.Extension{{Schema: UsherGroupSchema}}},
		{Name: "Application", Endpoint: "/Applications", Description: "Application", Schema: ApplicationSchema, ReadOnly: true},
		{Name: "AppAssignment", Endpoint: "/AppAssignments", Description: "Application of a person", Schema: AppAssignmentSchema, ReadOnly: true},
		{Name: "LicensePool", Endpoint: "/LicensePools", Description: "Licence with its seats", Schema: LicencePoolSchema, ReadOnly: true},
		{Name: "Integration", Endpoint: "/Integrations", Description: "Integration of two applications", Schema: IntegrationSchema, ReadOnly: true},
	}
}

// bothWays refuses an extension that is the schema of a resource type as well: the
// attributes of a schema have one place in a resource.
func (r *Registry) bothWays(rt *scim.ResourceType) error {
	var problems []error
	for _, e := range rt.Extensions {
		for _, other := range r.Types {
			if other.Schema == e.Schema {
				problems = append(problems, fmt.Errorf("resource type %s names the extension %s, which is the schema of resource type %s; give the extension a document of its own", rt.Name, e.Schema.ID, other.Name))
			}
		}
	}
	return errors.Join(problems...)
}

// addType reads a resource type document. The first types are built in. The error joins
// all that is wrong.
func (r *Registry) addType(data []byte, builtIn int) (*scim.ResourceType, error) {
	var doc typeDoc
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("it is not a resource type document: %w", err)
	}
	problems := strays(data, "the resource type", typeKeys)
	rt := &scim.ResourceType{Name: doc.Name, Endpoint: doc.Endpoint, Description: doc.Description}
	for _, have := range r.Types {
		if have.Name == doc.Name && (doc.Name == "User" || doc.Name == "Group") {
			rt = have
		}
	}
	if rt.Schema == nil {
		s, ok := r.Schema(doc.Schema)
		if !ok {
			problems = append(problems, fmt.Errorf("resource type %s names the schema %q, which no document defines", doc.Name, doc.Schema))
		}
		if i := slices.IndexFunc(r.Types, func(have *scim.ResourceType) bool { return have.Schema == s }); ok && i >= 0 && i < builtIn {
			problems = append(problems, fmt.Errorf("resource type %s names the schema %s, which is that of %s alone and comes with its rules; give the type a schema of its own, or extend %[3]s", doc.Name, s.ID, r.Types[i].Name))
		}
		rt.Schema = s
		r.Types = append(r.Types, rt)
	}
	for _, e := range doc.Extensions {
		s, ok := r.Schema(e.Schema)
		if !ok {
			problems = append(problems, fmt.Errorf("resource type %s names the extension %q, which no document defines", doc.Name, e.Schema))
			continue
		}
		if !slices.ContainsFunc(rt.Extensions, func(have scim.Extension) bool { return have.Schema == s }) {
			rt.Extensions = append(rt.Extensions, scim.Extension{Schema: s, Required: e.Required})
		}
	}
	return rt, errors.Join(problems...)
}

// reserved are the endpoints of the protocol itself.
var reserved = []string{"/schemas", "/resourcetypes", "/serviceproviderconfig", "/bulk", "/me", "/.search"}

func (r *Registry) compile(rt *scim.ResourceType) error {
	if err := rt.Compile(); err != nil {
		return err
	}
	endpoint := strings.ToLower(rt.Endpoint)
	if slices.Contains(reserved, endpoint) {
		return fmt.Errorf("resource type %s wants the endpoint %s, which belongs to the protocol", rt.Name, rt.Endpoint)
	}
	if r.byEndpoint[endpoint] != nil || r.byName[rt.Name] != nil {
		return fmt.Errorf("resource type %s (%s) is defined twice", rt.Name, rt.Endpoint)
	}
	r.byEndpoint[endpoint], r.byName[rt.Name] = rt, rt
	return nil
}

// Type finds a resource type by its name.
func (r *Registry) Type(name string) (*scim.ResourceType, bool) {
	rt, ok := r.byName[name]
	return rt, ok
}

// Endpoint finds a resource type by its endpoint, /Users, in any letter case.
func (r *Registry) Endpoint(endpoint string) (*scim.ResourceType, bool) {
	rt, ok := r.byEndpoint[endpoint]
	if !ok {
		rt, ok = r.byEndpoint[strings.ToLower(endpoint)]
	}
	return rt, ok
}

// Schema finds a schema by its URN in any letter case.
func (r *Registry) Schema(urn string) (*scim.Schema, bool) {
	for _, s := range r.Schemas {
		if scim.EqualName(s.ID, urn) {
			return s, true
		}
	}
	return nil, false
}
