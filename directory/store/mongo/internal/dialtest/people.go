package dialtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Org is the organization of everybody here.
const Org directory.OrgID = "a"

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Type is a resource type of the RFC.
func Type(t testing.TB, name string) *scim.ResourceType {
	t.Helper()
	rt, ok := schemas.Default.Type(name)
	if !ok {
		t.Fatalf("no type %s", name)
	}
	return rt
}

// Record makes a resource of a JSON body; n becomes its id.
func Record(t testing.TB, rt *scim.ResourceType, n int, body string) *scim.Resource {
	t.Helper()
	r, _, err := scim.Decode(rt, []byte(body), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	r.ID, r.Version, r.Created, r.Modified = fmt.Sprintf("00000000-0000-7000-8000-%012x", n), 1, at, at
	return r
}

// People fills an organization.
func People(t testing.TB, s *mongo.Store, n int) {
	t.Helper()
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: Org}); err != nil {
		t.Fatal(err)
	}
	rt := Type(t, "User")
	for from := 0; from < n; from += 500 {
		err := s.Update(t.Context(), func(tx directory.Tx) error {
			for i := from; i < min(n, from+500); i++ {
				body := fmt.Sprintf(`{"userName":"user%05d@corp.io","externalId":"ext-%05d","displayName":"Person %05d","active":%t,"name":{"familyName":"Family%05d","givenName":"Given"},
					"emails":[{"type":"work","value":"user%05d@corp.io","primary":true},{"type":"home","value":"home%05d@x.io"}]}`, i, i, i, i%2 == 0, i, i, i)
				if err := tx.Put(t.Context(), Org, nil, Record(t, rt, i, body)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Badges fills an organization with people who have a badge each.
func Badges(t *testing.T, s *mongo.Store, rt *scim.ResourceType, from, to int) {
	t.Helper()
	err := s.Update(t.Context(), func(tx directory.Tx) error {
		for i := from; i < to; i++ {
			if err := tx.Put(t.Context(), Org, nil, Record(t, rt, i, fmt.Sprintf(`{"userName":"u%d","urn:badge":{"badge":"Badge-%d"}}`, i, i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
