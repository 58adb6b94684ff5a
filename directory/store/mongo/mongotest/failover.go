package mongotest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Primary is the number of the node that takes writes now.
func (s *Server) Primary() (int, error) {
	for i, n := range s.nodes {
		var hello struct {
			Writable bool `bson:"isWritablePrimary"`
		}
		if err := n.command(bson.D{{Key: "hello", Value: 1}}, &hello); err == nil && hello.Writable {
			return i, nil
		}
	}
	return 0, errors.New("no node is primary at the moment")
}

// StepDown makes the primary give up, so that another is elected.
func (s *Server) StepDown() error {
	i, err := s.Primary()
	if err != nil {
		return err
	}
	return s.nodes[i].command(bson.D{{Key: "replSetStepDown", Value: 10}, {Key: "secondaryCatchUpPeriodSecs", Value: 5}}, nil)
}

// KillPrimary ends the primary as a power cut would, and says which it was.
func (s *Server) KillPrimary() (int, error) {
	i, err := s.Primary()
	if err != nil {
		return 0, err
	}
	return i, s.Signal(i, syscall.SIGKILL)
}

// Fail switches a fail point of the first node on, until the test ends or the
// function that it returns is called. It is the whole node's.
func (s *Server) Fail(t testing.TB, point string, data bson.D) (heal func()) {
	t.Helper()
	set := func(mode string, more ...bson.E) {
		t.Helper()
		if err := s.nodes[0].command(append(bson.D{{Key: "configureFailPoint", Value: point}, {Key: "mode", Value: mode}}, more...), nil); err != nil {
			t.Fatalf("the fail point %s cannot be set: %v", point, err)
		}
	}
	set("alwaysOn", bson.E{Key: "data", Value: data})
	heal = sync.OnceFunc(func() { set("off") })
	t.Cleanup(heal)
	return heal
}

// command asks one node.
func (n *node) command(command bson.D, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := driver.Connect(options.Client().ApplyURI(n.uri() + "&connectTimeoutMS=1000&serverSelectionTimeoutMS=2000"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(ctx) }()
	result := c.Database("admin").RunCommand(ctx, command)
	if answer == nil {
		err = result.Err()
	} else {
		err = result.Decode(answer)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", n.address, err)
	}
	return nil
}
