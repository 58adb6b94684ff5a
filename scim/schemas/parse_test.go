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
