package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// ParseSchema reads and compiles a schema document (RFC 7643 section 7). The error
// joins all that is wrong with it.
func ParseSchema(data []byte) (*scim.Schema, error) {
	var doc schemaDoc
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("it is not a schema document: %w", err)
	}
	p := parsing{strays: strays(data, "the schema", schemaKeys)}
	s := &scim.Schema{ID: doc.ID, Name: doc.Name, Description: doc.Description, Attributes: p.attributes(doc.Attributes, false)}
	if len(doc.Attributes) == 0 {
		p.problems = append(p.problems, fmt.Errorf("schema %q has no attributes", doc.ID))
	}
	return s, errors.Join(append(append(p.strays, p.problems...), s.Compile())...)
}

// parsing is a schema document on its way, with what is wrong so far.
type parsing struct{ strays, problems []error }

// attributes reads those of a schema, or those below one that may be multi-valued.
func (p *parsing) attributes(docs []attributeDoc, several bool) []*scim.Attribute {
	var attrs []*scim.Attribute
	note := func(err error) {
		if err != nil {
			p.problems = append(p.problems, err)
		}
	}
	for _, d := range docs {
		a := &scim.Attribute{Name: d.Name, Description: d.Description, MultiValued: d.MultiValued, Required: d.Required,
			CanonicalValues: d.CanonicalValues, ReferenceTypes: d.ReferenceTypes, Indexed: d.Indexed}
		a.CaseExact = d.CaseExact != nil && *d.CaseExact
		var err error
		a.Type, err = named(d.Name, "type", d.Type, scim.String, scim.Complex)
		note(err)
		a.Mutability, err = named(d.Name, "mutability", d.Mutability, scim.ReadWrite, scim.WriteOnly)
		note(err)
		a.Returned, err = named(d.Name, "returned", d.Returned, scim.ByDefault, scim.OnRequest)
		note(err)
		a.Uniqueness, err = named(d.Name, "uniqueness", d.Uniqueness, scim.NotUnique, scim.GlobalUnique)
		note(err)
		if a.Type == scim.Binary || a.Type == scim.Reference && d.CaseExact == nil {
			a.CaseExact = true
		}
		if a.Uniqueness != scim.NotUnique { // told apart by scim.Key, and so compared, whatever the document says
			a.CaseExact = false
		}
		if a.Uniqueness != scim.NotUnique && (!a.Type.Textual() || a.MultiValued || several) {
			note(fmt.Errorf("attribute %s cannot be unique: only singular texts can, and not in a multi-valued attribute", d.Name))
		}
		a.Sub = p.attributes(d.SubAttributes, d.MultiValued)
		attrs = append(attrs, a)
	}
	return attrs
}

// keys are those that an object of a document may have, with the objects below it;
// nil where it has none.
type keys map[string]keys

var (
	attributeKeys = withSubs(keys{"name": nil, "type": nil, "multiValued": nil, "description": nil, "required": nil, "canonicalValues": nil, "caseExact": nil,
		"mutability": nil, "returned": nil, "uniqueness": nil, "referenceTypes": nil, "indexed": nil})
	schemaKeys = keys{"schemas": nil, "id": nil, "name": nil, "description": nil, "meta": nil, "attributes": attributeKeys}
	typeKeys   = keys{"schemas": nil, "id": nil, "name": nil, "description": nil, "meta": nil, "endpoint": nil, "schema": nil,
		"schemaExtensions": {"schema": nil, "required": nil}}
)

func withSubs(k keys) keys { k["subAttributes"] = k; return k }

// strays are the keys that a document has and nobody reads, such as misspelt ones.
func strays(data []byte, where string, known keys) (all []error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return nil // said elsewhere
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		below, ok := keys(nil), false
		for name, one := range known {
			if scim.EqualName(name, key) {
				below, ok = one, true
			}
		}
		if !ok {
			all = append(all, fmt.Errorf("%s has the key %q, which means nothing here; correct or remove it", where, key))
		}
		var list []json.RawMessage
		if below == nil || json.Unmarshal(object[key], &list) != nil {
			continue
		}
		for _, item := range list {
			var one struct{ Name, Schema string }
			_ = json.Unmarshal(item, &one) // then it has no name
			all = append(all, strays(item, strings.TrimSuffix("the entry "+one.Name+one.Schema, " ")+" of "+key, below)...)
		}
	}
	return all
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
