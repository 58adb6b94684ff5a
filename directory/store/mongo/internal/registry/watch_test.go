package registry_test

import (
	"context"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
)

// K23: one replica hears at once what another does to tokens and connections, and
// nothing when a token was merely used.
func TestK23ChangesAreHeard(t *testing.T) {
	replicas := dialtest.Two(t)
	heard := make(chan struct{}, 100)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- replicas[1].Watch(ctx, func() { heard <- struct{}{} }) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	hears := func(what string, do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
		case <-time.After(time.Second):
			t.Errorf("%s is not heard of within a second", what)
		}
		for len(heard) > 0 {
			<-heard
		}
	}
	c := directory.Connection{ID: "okta", Org: dialtest.Org, Scopes: []string{"*"}}
	for range 100 { // until the stream is there
		if err := replicas[0].PutConnection(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		if len(heard) > 0 {
			break
		}
	}
	time.Sleep(100 * time.Millisecond)
	for len(heard) > 0 {
		<-heard
	}
	token := directory.Token{ID: "t1", Connection: "okta", Org: dialtest.Org, Hash: []byte("h")}
	hears("a new token", func() error { return replicas[0].PutToken(t.Context(), token) })
	hears("a changed connection", func() error { c.Scopes = nil; return replicas[0].PutConnection(t.Context(), c) })
	if err := replicas[0].TouchTokens(t.Context(), map[string]time.Time{"t1": time.Now()}); err != nil {
		t.Fatal(err)
	}
	token.Revoked = time.Now()
	hears("a revoked token", func() error { return replicas[0].PutToken(t.Context(), token) })
	if err := replicas[0].TouchTokens(t.Context(), map[string]time.Time{"t1": time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
		t.Error("a use of a token is heard as a change")
	case <-time.After(300 * time.Millisecond):
	}
}
