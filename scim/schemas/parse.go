package schemas

import (
	"encoding/json"
	"fmt"

	"github.com/usher-scim/usher/scim"
)

// The documents of RFC 7643 sections 6 and 7, as they are read and published.
type (
	schemaDoc struct {
		ID          string         `json:"id"`
		Name        string         `json:"name"`
		Description string         `json:"description,omitempty"`
		Attributes  []attributeDoc `json:"attributes"`
	}
	attributeDoc struct {
		Name            string         `json:"name"`
		Type            string         `json:"type"`
		SubAttributes   []attributeDoc `json:"subAttributes,omitempty"`
		MultiValued     bool           `json:"multiValued"`
		Description     string         `json:"description,omitempty"`
		Required        bool           `json:"required"`
		CanonicalValues []string       `json:"canonicalValues,omitempty"`
		CaseExact       *bool          `json:"caseExact,omitempty"`
		Mutability      string         `json:"mutability,omitempty"`
		Returned        string         `json:"returned,omitempty"`
		Uniqueness      string         `json:"uniqueness,omitempty"`
		ReferenceTypes  []string       `json:"referenceTypes,omitempty"`
		// Indexed is Usher's own: it asks for an index on a custom attribute.
		Indexed bool `json:"indexed,omitempty"`
	}
	typeDoc struct {
		ID          string         `json:"id,omitempty"`
		Name        string         `json:"name"`
		Endpoint    string         `json:"endpoint"`
		Description string         `json:"description,omitempty"`
		Schema      string         `json:"schema"`
		Extensions  []extensionDoc `json:"schemaExtensions,omitempty"`
	}
	extensionDoc struct {
		Schema   string `json:"schema"`
		Required bool   `json:"required"`
	}
)

// ParseSchema reads and compiles a schema document (RFC 7643 section 7).
func ParseSchema(data []byte) (*scim.Schema, error) {
	var doc schemaDoc
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("schema document: %w", err)
	}
	attrs, err := doc.attributes(doc.Attributes)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", doc.ID, err)
	}
	if len(attrs) == 0 {
		return nil, fmt.Errorf("schema %q has no attributes", doc.ID)
	}
	s := &scim.Schema{ID: doc.ID, Name: doc.Name, Description: doc.Description, Attributes: attrs}
	return s, s.Compile()
}

func (doc *schemaDoc) attributes(docs []attributeDoc) ([]*scim.Attribute, error) {
	var attrs []*scim.Attribute
	for _, d := range docs {
		a := &scim.Attribute{Name: d.Name, Description: d.Description, MultiValued: d.MultiValued, Required: d.Required,
			CanonicalValues: d.CanonicalValues, ReferenceTypes: d.ReferenceTypes, Indexed: d.Indexed}
		a.CaseExact = d.CaseExact != nil && *d.CaseExact
		var err error
		if a.Type, err = named(d.Name, "type", d.Type, scim.String, scim.Complex); err != nil {
			return nil, err
		}
		if a.Mutability, err = named(d.Name, "mutability", d.Mutability, scim.ReadWrite, scim.WriteOnly); err != nil {
			return nil, err
		}
		if a.Returned, err = named(d.Name, "returned", d.Returned, scim.ByDefault, scim.OnRequest); err != nil {
			return nil, err
		}
		if a.Uniqueness, err = named(d.Name, "uniqueness", d.Uniqueness, scim.NotUnique, scim.GlobalUnique); err != nil {
			return nil, err
		}
		if a.Type == scim.Binary || a.Type == scim.Reference && d.CaseExact == nil {
			a.CaseExact = true
		}
		if a.Uniqueness != scim.NotUnique && (!a.Type.Textual() || a.MultiValued) {
			return nil, fmt.Errorf("attribute %s cannot be unique: only singular texts can", d.Name)
		}
		if a.Sub, err = doc.attributes(d.SubAttributes); err != nil {
			return nil, err
		}
		attrs = append(attrs, a)
	}
	return attrs, nil
}

// named finds the value of an enumeration by its name; "" is the first.
func named[T interface {
	~uint8
	fmt.Stringer
}](attribute, what, name string, first, last T) (T, error) {
	if name == "" {
		return first, nil
	}
	for v := first; v <= last; v++ {
		if scim.EqualName(v.String(), name) {
			return v, nil
		}
	}
	return first, fmt.Errorf("attribute %s: %s %q is not one that RFC 7643 knows", attribute, what, name)
}
