package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
)

// S3-29: a membership that outlives its account, as one made while that is closed, is
// good for nothing: no invitation, no activation, no application, no credential.
func TestAClosedAccountGetsNothing(t *testing.T) {
	e := turning(t)
	ada := e.add(`{"userName":"ada@mail.example"}`)
	out := e.add(`{"userName":"out@mail.example","active":false}`)
	e.must(directory.Command{Action: "test.close", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		for _, name := range []string{"ada", "out"} {
			a := estate.Account{Head: directory.Head{ID: d.NewID(name)}, EmailKey: directory.SecretHash(name + "@mail.example")}
			a.Become(estate.Closed, d.Now)
			if err := directory.Save(d, "", &a); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}})
	assign := directory.Command{Action: "app.assign", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: user, ID: ada})
		if err != nil {
			return nil, err
		}
		if err := lifecycle.Admit(ctx, r, p, d.Now.Add(time.Hour)); !errors.Is(err, directory.ErrNotAdmitted) {
			t.Errorf("a credential is admitted: %v", err)
		}
		_, found, err := policy.Assign(ctx, r, d, estate.Application{Head: directory.Head{ID: "crm"}}, p, policy.Wish{Enabled: true})
		return found, err
	}}
	for _, change := range []directory.Change{lifecycle.Invite(user, ada, "hash"), directory.Activate{Type: user, ID: out}, assign} {
		_, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Actor: e.actor, Change: change})
		var refused *directory.Refusal
		if !errors.As(err, &refused) || refused.Code() != estate.RuleAccountClosed {
			t.Errorf("%T: %v", change, err)
		}
	}
}

// T10, S3-21: when the retention of a removed person is over, what was kept beside the
// record goes with it; the block of the address stays, without the address.
func TestRetentionEndsForAllThatWasKept(t *testing.T) {
	e := turning(t)
	ada := e.add(`{"userName":"ada@mail.example"}`)
	e.must(lifecycle.Invite(user, ada, "hash"))
	e.must(directory.Delete{Type: user, ID: ada})
	if _, ok := have[estate.Invitation](e, ada); !ok {
		t.Fatal("the invitation is gone at once")
	}
	e.now = e.now.Add(31 * 24 * time.Hour)
	if err := (&lifecycle.Clock{Service: e.svc}).Tick(e.ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if _, ok := have[estate.Tombstone](e, ada); ok {
		t.Error("the tombstone is still there")
	}
	if _, ok := have[estate.Invitation](e, ada); ok {
		t.Error("the invitation is still there, with the address")
	}
	if _, ok := have[estate.Address](e, "ada@mail.example"); ok {
		t.Error("the address is still there")
	}
	if _, ok := have[estate.Barred](e, directory.SecretHash("ada@mail.example")); !ok {
		t.Error("S1-7: the block is gone")
	}
}

// S1-7: whether somebody may come back rests on what becomes of others with the address,
// so no change of theirs may run beside (Tx.Alone); whose address nobody shares is let in
// beside all others.
func TestAReturnWithASharedAddressIsAlone(t *testing.T) {
	e := turning(t)
	e.add(`{"userName":"ada","emails":[{"value":"shared@mail.example"}]}`)
	for body, alone := range map[string]bool{
		`{"userName":"bob","emails":[{"value":"Shared@mail.example"}]}`: true,
		`{"userName":"cyd","emails":[{"value":"cyd@mail.example"}]}`:    false,
	} {
		id := e.add(body)
		e.must(directory.Deactivate{Type: user, ID: id})
		p, err := e.svc.Preview(e.ctx, directory.Request{Org: "a", Actor: e.actor, Change: directory.Activate{Type: user, ID: id}})
		if err != nil || p.Err() != nil {
			t.Fatal(body, err, p.Err())
		}
		if p.Alone != alone {
			t.Errorf("%s: alone is %t", body, p.Alone)
		}
	}
}
