package mongo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// The totals of minutes long gone do not pile up in the guard.
func TestLapsedTotalsGo(t *testing.T) {
	heard := &dialtest.Watcher{}
	s := dialtest.Open(t, mongotest.URI(t), mongo.Options{Monitor: heard.Monitor()})
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: dialtest.Org}); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix() / 60
	count := func(name string) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx directory.Tx) error { return tx.Count(t.Context(), dialtest.Org, name, 1, -1) }); err != nil {
			t.Fatal(err)
		}
	}
	old, recent := fmt.Sprintf("left:a.b:%d", now-1000), fmt.Sprintf("left:a.b:%d", now-100)
	count(old)
	count(recent)
	count("seats:core")
	tally := func(name string) (n int64) {
		t.Helper()
		if err := s.View(t.Context(), func(r directory.Reader) (err error) {
			n, err = r.Tally(t.Context(), dialtest.Org, name)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if a, b, c := tally(old), tally(recent), tally("seats:core"); a != 0 || b != 1 || c != 1 {
		t.Errorf("the totals are %d, %d, %d", a, b, c)
	}
	if sent := dialtest.Named(heard.Take(), "update", "guard"); len(sent) == 0 {
		t.Error("nothing was written")
	}
}
