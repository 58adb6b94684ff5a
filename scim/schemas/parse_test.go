package schemas_test

import (
	"strings"
	"testing"

	"github.com/usher-scim/usher/scim/schemas"
)

// A promise that nobody could keep is refused: no store tells apart the values of
// elements.
func TestUniqueWithinElements(t *testing.T) {
	t.Parallel()
	_, err := schemas.ParseSchema([]byte(`{"id":"urn:x","name":"X","attributes":[{"name":"parts","type":"complex","multiValued":true,
		"subAttributes":[{"name":"code","type":"string","uniqueness":"server"}]},
		{"name":"place","type":"complex","subAttributes":[{"name":"room","type":"string","uniqueness":"server"}]}]}`))
	if err == nil || !strings.Contains(err.Error(), "code cannot be unique") || strings.Contains(err.Error(), "room") {
		t.Error(err)
	}
}

// A schema has one place in a resource: with two, filters would look for its attributes
// in the wrong one.
func TestSchemaAndExtensionAtOnce(t *testing.T) {
	t.Parallel()
	schema := schemas.Document{Name: "s", Data: []byte(`{"id":"urn:x","name":"X","attributes":[{"name":"a","type":"string"}]}`)}
	thing := schemas.Document{Name: "t", Data: []byte(`{"name":"Thing","endpoint":"/Things","schema":"urn:x"}`)}
	for _, extended := range []string{`{"name":"User","schemaExtensions":[{"schema":"urn:x"}]}`,
		`{"name":"Other","endpoint":"/Others","schema":"urn:y","schemaExtensions":[{"schema":"urn:ietf:params:scim:schemas:core:2.0:User"}]}`} {
		other := schemas.Document{Name: "y", Data: []byte(`{"id":"urn:y","name":"Y","attributes":[{"name":"b","type":"string"}]}`)}
		_, err := schemas.NewRegistry([]schemas.Document{schema, other}, []schemas.Document{thing, {Name: "u", Data: []byte(extended)}})
		if err == nil || !strings.Contains(err.Error(), "give the extension a document of its own") || !strings.HasPrefix(err.Error(), "u: ") {
			t.Errorf("%s: %v", extended, err)
		}
	}
	if _, err := schemas.NewRegistry([]schemas.Document{schema}, []schemas.Document{thing, {Name: "t2", Data: []byte(`{"name":"Thing2","endpoint":"/Things2","schema":"urn:x"}`)}}); err != nil {
		t.Error(err)
	}
}

// What is special about users and groups goes with their schemas, and no other type has
// what it needs.
func TestSchemasOfBuiltInTypes(t *testing.T) {
	t.Parallel()
	_, err := schemas.NewRegistry(nil, []schemas.Document{{Name: "e", Data: []byte(`{"name":"Employee","endpoint":"/Employees","schema":"urn:ietf:params:scim:schemas:core:2.0:User"}`)}})
	if err == nil || !strings.Contains(err.Error(), "give the type a schema of its own, or extend User") {
		t.Error(err)
	}
}
