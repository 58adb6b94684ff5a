package mongo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// guarded is a server with TLS and passwords, and the address for the program, which
// may read and write its database and nothing else.
func guarded(t *testing.T) (s *mongotest.Server, uri string) {
	t.Helper()
	s = mongotest.TLS(t)
	return s, s.As(mongotest.Program, mongotest.Password, mongotest.Program)
}

// The store needs no more than reading and writing its own database, over TLS and
// with a password.
func TestTLSAndLeastPrivilege(t *testing.T) {
	_, uri := guarded(t)
	s := dialtest.Open(t, uri, mongo.Options{})
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: dialtest.Org}); err != nil {
		t.Fatal(err)
	}
	person := dialtest.Record(t, dialtest.Type(t, "User"), 1, `{"userName":"ada"}`)
	if err := s.Update(t.Context(), func(tx directory.Tx) error { return tx.Put(t.Context(), dialtest.Org, nil, person) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// Who is not let in is told so, and by nothing that shows the password.
func TestConnectionIsRefused(t *testing.T) {
	server, uri := guarded(t)
	for what, c := range map[string]struct{ uri, want string }{
		"a wrong password": {server.As(mongotest.Program, "wrong-word", mongotest.Program), "password"},
		"no TLS":           {uri[:strings.Index(uri, "&tls")] + "&authSource=admin", "TLS"},
		"another database": {server.As(mongotest.Program, mongotest.Password, "elsewhere"), "readWrite"},
	} {
		s, err := mongo.Open(t.Context(), c.uri, mongo.Options{Timeout: 2 * time.Second})
		if err == nil {
			s.Close()
			t.Errorf("%s is accepted", what)
			continue
		}
		t.Logf("%s: %v", what, err)
		if text := err.Error(); !strings.Contains(text, c.want) || strings.Contains(text, "wrong-word") || strings.Contains(text, mongotest.Password) {
			t.Errorf("%s: %s", what, text)
		}
	}
}
