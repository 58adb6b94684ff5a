package mongo_test

import (
	"os"
	"strings"
	"testing"

	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/directory/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(mongotest.Run(m)) }

// replica is a store of which there can be more, as of the processes of one server.
type replica struct {
	*mongo.Store
	uri string
}

// Share opens another on the same database.
func (r replica) Share(t *testing.T) storetest.Store { return dialtest.Open(t, r.uri, mongo.Options{}) }

func open(t *testing.T) storetest.Store {
	t.Helper()
	uri := mongotest.URI(t)
	return replica{dialtest.Open(t, uri, mongo.Options{Monitor: mongotest.Separated(t)}), uri}
}

// R1, R4: the suite that every store has to pass, histories of clients at the same
// moment among it.
func TestR1Conformance(t *testing.T) { storetest.Run(t, open) }

// A server without transactions is refused with a sentence that says what to
// do.
func TestStandaloneIsRefused(t *testing.T) {
	server := mongotest.Standalone(t)
	s, err := mongo.Open(t.Context(), server.Database("usher"), mongo.Options{})
	if err == nil {
		s.Close()
		t.Fatal("a standalone server was accepted")
	}
	for _, want := range []string{"standalone", "--replSet", "store.uri"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the refusal does not speak of %s: %v", want, err)
		}
	}
}
