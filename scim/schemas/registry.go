package schemas

import (
	"encoding/json"
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

// NewRegistry makes the registry of User, Group, what clients can only read, and
// the given custom documents: schemas (RFC 7643 section 7) and resource types
// (section 6). A resource type
// document named User or Group adds its extensions to the built-in type.
func NewRegistry(schemaDocs, typeDocs [][]byte) (*Registry, error) {
	r := &Registry{byEndpoint: map[string]*scim.ResourceType{}, byName: map[string]*scim.ResourceType{},
		Schemas: []*scim.Schema{UserSchema, GroupSchema, EnterpriseSchema, UsherUserSchema, UsherGroupSchema,
			ApplicationSchema, AppAssignmentSchema, LicencePoolSchema, IntegrationSchema}}
	for _, data := range schemaDocs {
		s, err := ParseSchema(data)
		if err != nil {
			return nil, err
		}
		if _, ok := r.Schema(s.ID); ok {
			return nil, fmt.Errorf("schema %s is defined twice; give the second another URN", s.ID)
		}
		r.Schemas = append(r.Schemas, s)
	}
	r.Types = []*scim.ResourceType{
		{Name: "User", Endpoint: "/Users", Description: "User Account", Schema: UserSchema,
			Extensions: []scim.Extension{{Schema: EnterpriseSchema}, {Schema: UsherUserSchema}}},
		{Name: "Group", Endpoint: "/Groups", Description: "Group", Schema: GroupSchema,
			Extensions: []scim.Extension{{Schema: UsherGroupSchema}}},
		{Name: "Application", Endpoint: "/Applications", Description: "Application", Schema: ApplicationSchema, ReadOnly: true},
		{Name: "AppAssignment", Endpoint: "/AppAssignments", Description: "Application of a person", Schema: AppAssignmentSchema, ReadOnly: true},
		{Name: "LicensePool", Endpoint: "/LicensePools", Description: "Licence with its seats", Schema: LicencePoolSchema, ReadOnly: true},
		{Name: "Integration", Endpoint: "/Integrations", Description: "Integration of two applications", Schema: IntegrationSchema, ReadOnly: true},
	}
	for _, data := range typeDocs {
		if err := r.addType(data); err != nil {
			return nil, err
		}
	}
	return r, r.compile()
}

func (r *Registry) addType(data []byte) error {
	var doc typeDoc
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("resource type document: %w", err)
	}
	rt := &scim.ResourceType{Name: doc.Name, Endpoint: doc.Endpoint, Description: doc.Description}
	for _, have := range r.Types {
		if have.Name == doc.Name && (doc.Name == "User" || doc.Name == "Group") {
			rt = have
		}
	}
	if rt.Schema == nil {
		s, ok := r.Schema(doc.Schema)
		if !ok {
			return fmt.Errorf("resource type %s names the schema %q, which no document defines", doc.Name, doc.Schema)
		}
		rt.Schema = s
		r.Types = append(r.Types, rt)
	}
	for _, e := range doc.Extensions {
		s, ok := r.Schema(e.Schema)
		if !ok {
			return fmt.Errorf("resource type %s names the extension %q, which no document defines", doc.Name, e.Schema)
		}
		if !slices.ContainsFunc(rt.Extensions, func(have scim.Extension) bool { return have.Schema == s }) {
			rt.Extensions = append(rt.Extensions, scim.Extension{Schema: s, Required: e.Required})
		}
	}
	return nil
}

// reserved are the endpoints of the protocol itself.
var reserved = []string{"/schemas", "/resourcetypes", "/serviceproviderconfig", "/bulk", "/me", "/.search"}

func (r *Registry) compile() error {
	for _, rt := range r.Types {
		if err := rt.Compile(); err != nil {
			return err
		}
		endpoint := strings.ToLower(rt.Endpoint)
		for _, taken := range reserved {
			if endpoint == taken {
				return fmt.Errorf("resource type %s wants the endpoint %s, which belongs to the protocol", rt.Name, rt.Endpoint)
			}
		}
		if r.byEndpoint[endpoint] != nil || r.byName[rt.Name] != nil {
			return fmt.Errorf("resource type %s (%s) is defined twice", rt.Name, rt.Endpoint)
		}
		r.byEndpoint[endpoint], r.byName[rt.Name] = rt, rt
	}
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
