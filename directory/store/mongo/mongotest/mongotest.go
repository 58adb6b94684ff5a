// Package mongotest starts a real mongod for tests: the one from a package of the
// Python index whose hash is pinned in ci/mongod.txt, or the server that the
// variable USHER_TEST_MONGODB names.
package mongotest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Variable names a server to use instead of one that is started.
const Variable = "USHER_TEST_MONGODB"

// Run runs the tests of a package and stops the servers that they started. A
// package's TestMain calls it.
func Run(m *testing.M) int {
	defer stopAll()
	return m.Run()
}

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// databases counts the databases that this process has handed out.
var databases atomic.Int64

// URI is the address of an empty database of the server that the tests of a
// package share: a replica set of one node. The database is dropped when the test
// ends. Without an engine the test fails where CI is true or where one is named, and is
// skipped elsewhere.
func URI(t testing.TB) string {
	t.Helper()
	return share(t).empty(t)
}

// empty is the address of a database of the test's own.
func (s *Server) empty(t testing.TB) string {
	name := fmt.Sprintf("usher_%d_%d", os.Getpid(), databases.Add(1))
	t.Cleanup(func() {
		if err := s.drop(name); err != nil {
			t.Errorf("the database of the test was not dropped: %v", err)
		}
	})
	return s.Database(name)
}

// Ill is the address of an empty database of a server that Fail can make ill: the
// shared one, unless somebody else has started that.
func Ill(t testing.TB) (s *Server, uri string) {
	t.Helper()
	if s = share(t); len(s.nodes) == 0 {
		s = own(t, ReplicaSet)
	}
	return s, s.empty(t)
}

// share is the server of this process.
func share(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() {
		if uri := os.Getenv(Variable); uri != "" {
			shared.server, shared.err = &Server{uri: uri}, nil
		} else {
			shared.server, shared.err = start(ReplicaSet)
		}
		if shared.err == nil {
			shared.err = shared.server.tell()
		}
	})
	need(t, shared.err, os.Getenv(Variable) != "")
	return shared.server
}

// need ends a test that has no engine: as a failure if there must be one.
func need(t testing.TB, err error, must bool) {
	t.Helper()
	switch {
	case err == nil:
	case must, os.Getenv("CI") == "true":
		t.Fatalf("there is no MongoDB to test with: %v", err)
	default:
		fmt.Fprintln(os.Stderr, "SKIPPED, NOT TESTED: there is no MongoDB:", err)
		t.Skipf("there is no MongoDB to test with: %v", err)
	}
}

// Standalone starts a server that is no replica set, which the store refuses.
func Standalone(t testing.TB) *Server { return own(t, Alone) }

// Set starts a replica set of three nodes of the test's own.
func Set(t testing.TB) *Server { return own(t, ThreeNodes) }

// TLS starts a replica set that takes encrypted connections alone, and from those
// who prove by SCRAM who they are. As tells of one who does.
func TLS(t testing.TB) *Server { return own(t, Guarded) }

// own starts a server that one test has for itself.
func own(t testing.TB, kind Kind) *Server {
	t.Helper()
	s, err := start(kind)
	need(t, err, false)
	t.Cleanup(s.Stop)
	return s
}

// tell prints once which engine the tests run on.
func (s *Server) tell() error {
	return s.ask(func(ctx context.Context, c *driver.Client) error {
		var info struct {
			Version string `bson:"version"`
		}
		if err := c.Database("admin").RunCommand(ctx, map[string]int{"buildInfo": 1}).Decode(&info); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "mongotest: MongoDB %s (%s)\n", info.Version, s.what())
		return nil
	})
}

func (s *Server) what() string {
	if len(s.nodes) == 0 {
		return "named by " + Variable
	}
	return filepath.Base(s.nodes[0].binary) + " of " + packageName
}

func (s *Server) drop(name string) error {
	return s.ask(func(ctx context.Context, c *driver.Client) error { return c.Database(name).Drop(ctx) })
}

// ask connects for one question.
func (s *Server) ask(fn func(context.Context, *driver.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	c, err := driver.Connect(options.Client().ApplyURI(s.uri))
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(ctx) }()
	return fn(ctx, c)
}

// Database is the address of one database of the server.
func (s *Server) Database(name string) string {
	head, options, _ := strings.Cut(s.uri, "?")
	scheme, rest, _ := strings.Cut(head, "://")
	hosts, _, _ := strings.Cut(rest, "/")
	uri := scheme + "://" + hosts + "/" + name
	if options != "" {
		uri += "?" + options
	}
	return uri
}
