package lifecycle_test

import (
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim/schemas"
)

// People stored before there were rules come under them: status, classification
// and a seat, once.
func TestSettle(t *testing.T) {
	e := setup(t)
	for i, body := range []string{`{"userName":"old"}`, `{"userName":"gone","active":false}`} {
		r := e.decode(user, body)
		r.ID, r.Version = []string{"00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"}[i], 1
		if err := e.store.Update(e.ctx, func(tx directory.Tx) error { return tx.Put(e.ctx, "a", nil, r) }); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := (&lifecycle.Clock{Service: e.svc}).Settle(e.ctx, "a"); err != nil {
			t.Fatal(err)
		}
	}
	err := e.svc.Read(e.ctx, func(r directory.Reader) error {
		for id, want := range map[string][3]string{"00000000-0000-7000-8000-000000000001": {"active", "pending", "held"}, "00000000-0000-7000-8000-000000000002": {"inactive", "pending", "none"}} {
			p, err := r.Get(e.ctx, directory.Ref{Org: "a", Type: user, ID: id})
			if err != nil {
				return err
			}
			if got := [3]string{p.Text(schemas.Usher.Status), p.Text(schemas.Usher.Classification), p.Text(schemas.Usher.SeatState)}; got != want || p.Version != 2 {
				t.Errorf("%s is %v at version %d, want %v", id, got, p.Version, want)
			}
		}
		seats, err := estate.SeatsOf(e.ctx, r, "a", estate.CoreSKU, time.Now())
		if seats.Used != 1 {
			t.Errorf("%d seats are used, want 1", seats.Used)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
