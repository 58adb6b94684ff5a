package mongotest

import (
	"os"
	"testing"
)

// The pinned hash stands in two places: here for the tests, there for people.
func TestRequirementsAreThoseOfCI(t *testing.T) {
	want, err := os.ReadFile("../../../../ci/mongod.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != requirements {
		t.Errorf("ci/mongod.txt says %q, the tests install %q", want, requirements)
	}
}
