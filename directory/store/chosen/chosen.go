// Package chosen opens the store that the tests above the stores run on: the
// embedded one, or MongoDB where the variable USHER_TEST_STORE is "mongo". So every
// one of them holds on both.
package chosen

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/directory/store/storetest"
)

// Variable chooses the store.
const Variable = "USHER_TEST_STORE"

// Store is what every store is.
type Store interface {
	storetest.Store
	Check(ctx context.Context) error
	Close() error
}

// Mongo reports whether the tests run on MongoDB.
func Mongo() bool { return os.Getenv(Variable) == "mongo" }

// Suite runs the tests of a package, and stops the servers that they started. It
// stands where a TestMain has testing.M.
type Suite struct{ *testing.M }

// Run runs the tests.
func (s Suite) Run() int { return mongotest.Run(s.M) }

// Open opens an empty store. The test closes it, or leaves that to its end. On MongoDB
// every command of the test must name its organization (K01).
func Open(t testing.TB) Store {
	t.Helper()
	s, err := open(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(t testing.TB) (Store, error) {
	if Mongo() {
		return mongo.Open(context.Background(), mongotest.URI(t), mongo.Options{Monitor: mongotest.Separated(t), Timeout: mongotest.Patience})
	}
	return sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "usher.db"), sqlite.Options{})
}
