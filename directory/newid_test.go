package directory_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/usher-scim/usher/directory"
)

// Ids of documents follow from the change that makes them, so that it may be planned
// again, and stand in the order in which they were made.
func TestNewID(t *testing.T) {
	first := directory.Draft{ID: "01a20000-0001-7fff-bfff-ffffffffffff"}
	second := directory.Draft{ID: "01a20000-0002-7000-8000-000000000000"}
	record := first.NewID("record")
	if again := first.NewID("record"); again != record {
		t.Errorf("planned again, %s is %s", record, again)
	}
	if other := first.NewID("plan"); other == record {
		t.Errorf("two purposes share %s", other)
	}
	id, err := uuid.Parse(record)
	if err != nil || id.Version() != 8 || id.Variant() != uuid.RFC4122 || id.String() != record {
		t.Errorf("%s is no UUID of version 8: %v", record, err)
	}
	if later := second.NewID("record"); later <= record {
		t.Errorf("%s, made after %s, comes before it", later, record)
	}
}
