package record_test

import (
	"strings"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// K01: whatever an organization is called, its keys are told apart from those of all
// others, and lie in its own range alone.
func TestKeysOfOrganizations(t *testing.T) {
	t.Parallel()
	orgs := []directory.OrgID{"a", "a/b", "a%2Fb", "a%", "A", "b", "a0", "a/"}
	within := func(org directory.OrgID, key string) bool {
		r := record.Within(org)
		return strings.Compare(key, r[0].Value.(string)) > 0 && strings.Compare(key, r[1].Value.(string)) < 0
	}
	for _, org := range orgs {
		key := record.Key(org, "7")
		if of, part := record.Parted(key); of != org || part != "7" {
			t.Errorf("%q of %q is read as %q of %q", "7", org, part, of)
		}
		for _, other := range orgs {
			if within(other, key) != (other == org) {
				t.Errorf("whether %q lies in the range of %q: %t", key, other, within(other, key))
			}
		}
	}
}
