package schemas

import (
	"encoding/json"

	"github.com/usher-scim/usher/scim"
)

type metaDoc struct {
	ResourceType string `json:"resourceType"`
	Location     string `json:"location"`
}

// SchemaJSON is the schema as /Schemas shows it, with locations under base.
func SchemaJSON(s *scim.Schema, base string) json.RawMessage {
	return marshal(struct {
		Schemas []string `json:"schemas"`
		schemaDoc
		Meta metaDoc `json:"meta"`
	}{[]string{scim.SchemaURN}, schemaDoc{s.ID, s.Name, s.Description, publish(s.Attributes)},
		metaDoc{"Schema", base + "/Schemas/" + s.ID}})
}

// TypeJSON is the resource type as /ResourceTypes shows it.
func TypeJSON(rt *scim.ResourceType, base string) json.RawMessage {
	doc := typeDoc{ID: rt.Name, Name: rt.Name, Endpoint: rt.Endpoint, Description: rt.Description, Schema: rt.Schema.ID}
	for _, e := range rt.Extensions {
		doc.Extensions = append(doc.Extensions, extensionDoc{e.Schema.ID, e.Required})
	}
	return marshal(struct {
		Schemas []string `json:"schemas"`
		typeDoc
		Meta metaDoc `json:"meta"`
	}{[]string{scim.ResourceTypeURN}, doc, metaDoc{"ResourceType", base + "/ResourceTypes/" + rt.Name}})
}

func publish(attrs []*scim.Attribute) []attributeDoc {
	var docs []attributeDoc
	for _, a := range attrs {
		d := attributeDoc{Name: a.Name, Type: a.Type.String(), MultiValued: a.MultiValued, Description: a.Description,
			Required: a.Required, CanonicalValues: a.CanonicalValues, Mutability: a.Mutability.String(),
			Returned: a.Returned.String(), Uniqueness: a.Uniqueness.String(), ReferenceTypes: a.ReferenceTypes,
			SubAttributes: publish(a.Sub)}
		if a.Type != scim.Complex {
			exact := a.CaseExact
			d.CaseExact = &exact
		}
		docs = append(docs, d)
	}
	return docs
}

func marshal(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, booleans and slices of them cannot fail
	}
	return data
}
