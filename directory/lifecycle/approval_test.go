package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
)

// G9, 3.6: an approval holds for a day, for one change, and not of who gave it; one that
// nobody used is forgotten.
func TestApprovalsLapse(t *testing.T) {
	e := turning(t)
	put(e, &estate.Profile{Head: directory.Head{ID: estate.ProfileID}, TwoPeople: true})
	ada, bob := e.add(`{"userName":"ada@x.example"}`), e.add(`{"userName":"bob@x.example"}`)
	put(e, &estate.Standing{Head: directory.Head{ID: bob}, Role: directory.Admin})
	id := estate.ApprovalID(estate.ToHold, ada)
	as := func(who string, c directory.Change) error {
		_, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Actor: directory.Actor{Kind: directory.ByMember, User: who, Role: directory.Admin, Rank: directory.AdminRank}, Change: c})
		return err
	}
	allow := func(who string) {
		t.Helper()
		err := as(who, directory.Command{Action: "approval.give", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			_, err := estate.Approve(ctx, r, d, id)
			return nil, err
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(when, who string) {
		t.Helper()
		var no *directory.Refusal
		if err := as(who, lifecycle.Hold(user, ada, true)); !errors.As(err, &no) || no.Code() != "approval.required" {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("nobody has allowed it", "eve")
	allow(bob)
	refused("bob himself", bob)
	e.at(e.now.Add(estate.ApprovalLife - time.Second))
	if _, ok := have[estate.Approval](e, id); !ok {
		t.Error("it is forgotten before its time")
	}
	e.now = e.now.Add(time.Second)
	refused("a day later", "eve")
	e.at(e.now.Add(time.Second))
	if _, ok := have[estate.Approval](e, id); ok {
		t.Error("it is not forgotten")
	}
	allow(bob)
	if err := as("eve", lifecycle.Hold(user, ada, true)); err != nil {
		t.Error(err)
	}
	if _, ok := have[estate.Approval](e, id); ok {
		t.Error("it is not used up")
	}
	if err := as("eve", lifecycle.Hold(user, ada, true)); err != nil {
		t.Errorf("what is so already: %v", err)
	}
	if err := as("eve", lifecycle.Hold(user, ada, false)); err == nil {
		t.Error("the approval to set a hold lifts it")
	}
}

// S1-23: a block that is lifted by hand is counted no more; what is counted makes every
// look at an address dearer.
func TestLiftedByHandIsNotCounted(t *testing.T) {
	e := turning(t)
	ada := e.add(`{"userName":"ada@x.example"}`)
	counted := func(want int64) {
		t.Helper()
		err := e.svc.Read(e.ctx, func(r directory.Reader) error {
			n, err := r.Tally(e.ctx, "a", "people.gone")
			if n != want {
				t.Errorf("%d are counted, want %d", n, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	e.must(directory.Deactivate{Type: user, ID: ada})
	counted(1)
	e.must(directory.Command{Action: "block.lift", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		a, err := estate.FindAddress(ctx, r, user, d.Org, "ada@x.example")
		if err != nil {
			return nil, err
		}
		return nil, estate.Lift(ctx, r, d, user, &a)
	}})
	counted(0)
	e.must(directory.Activate{Type: user, ID: ada})
	counted(0)
}
