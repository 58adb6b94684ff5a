package estate_test

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// C8, T11: who has an address is found by an index in whatever spelling, and nobody
// else is; it is asked of every organization, so nobody looks at all people.
func TestHoldersAreFoundByAnIndex(t *testing.T) {
	var mu sync.Mutex
	var plans []string
	note := func(plan string) { mu.Lock(); defer mu.Unlock(); plans = append(plans, plan) }
	var s storetest.Store
	var err error
	if chosen.Mongo() {
		s, err = mongo.Open(t.Context(), mongotest.URI(t), mongo.Options{OnFind: note})
	} else {
		s, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "usher.db"), sqlite.Options{OnFind: note})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	svc := directory.New(s, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves})
	user, ok := schemas.Default.Type("User")
	if !ok {
		t.Fatal("there is no type User")
	}
	for _, body := range []string{
		`{"userName":"Yan@mail.example"}`, `{"userName":"e1","emails":[{"value":"yan+shop@MAIL.example"}]}`, `{"userName":"yanni@mail.example"}`, `{"userName":"yan@other.example"}`,
		`{"userName":"y.an@gmail.com"}`, `{"userName":"e2","emails":[{"value":"e2@mail.example"},{"value":"YA.N+1@googlemail.com"}]}`, `{"userName":"yang@gmail.com"}`,
		`{"userName":"yan@bücher.example"}`, `{"userName":"yan@xn--bcher-kva.example"}`,
	} {
		person, _, err := scim.Decode(user, []byte(body), scim.Tolerant)
		if err == nil {
			_, err = svc.Execute(t.Context(), directory.Request{Org: "a", Change: directory.Create{Resource: person}})
		}
		if err != nil {
			t.Fatal(body, err)
		}
	}
	for address, want := range map[string][]string{
		"yan@mail.example": {"Yan@mail.example", "e1"}, "YAN+x@mail.example": {"Yan@mail.example", "e1"}, "yan@gmail.com": {"e2", "y.an@gmail.com"},
		"y.a.n@googlemail.com": {"e2", "y.an@gmail.com"}, "yan@bücher.example": {"yan@bücher.example", "yan@xn--bcher-kva.example"}, "nobody@mail.example": nil, "": nil, "e1": nil,
	} {
		plans = nil
		var got []string
		err := svc.Read(context.Background(), func(r directory.Reader) error {
			found, err := estate.Holders(t.Context(), r, user, "a", address)
			for _, p := range found {
				got = append(got, p.Text(schemas.User.UserName))
			}
			return err
		})
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is had by %q %v, want %q", address, got, err, want)
		}
		if slices.ContainsFunc(plans, func(plan string) bool { return plan == "scan" || plan == "list" || plan == "all" }) {
			t.Errorf("%q: %q looks at everybody", address, plans)
		}
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(chosen.Suite{M: m}) }
