package directory_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
)

// Domain 3.6, G9: a request to freeze somebody holds as long as an approval does, and
// asking again begins its time anew.
func TestFreezeRequestLapses(t *testing.T) {
	m := millFor(t, filepath.Join(t.TempDir(), "usher.db"))
	do := func(actor directory.Actor, c directory.Change) (*directory.Plan, error) {
		return m.svc.Execute(t.Context(), directory.Request{Org: "a", Actor: actor, Change: c})
	}
	made := func(rt *scim.ResourceType, body string) *scim.Resource {
		t.Helper()
		p, err := do(directory.Actor{}, directory.Create{Resource: must(scim.Decode(rt, []byte(body), scim.Tolerant))})
		if err != nil {
			t.Fatal(err)
		}
		return p.After
	}
	ada, lead := made(user, `{"userName":"ada@near.example"}`), made(user, `{"userName":"lead@near.example"}`)
	made(group, `{"displayName":"t","members":[{"value":"`+ada.ID+`"}],"`+ext+`Group":{"kind":"team","leader":"`+lead.ID+`"}}`)
	asks := func() {
		t.Helper()
		_, err := do(directory.Actor{Kind: directory.ByMember, User: lead.ID}, directory.Command{Action: "freeze.request", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			_, found, err := lifecycle.AskFreeze(ctx, r, d, ada)
			return found, err
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	boss := directory.Actor{Kind: directory.ByMember, User: "boss", Rank: directory.AdminRank}
	asks()
	m.ahead.Add(int64(estate.ApprovalLife + time.Second))
	if _, err := do(boss, lifecycle.ApproveFreeze(user, ada.ID)); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
	asks()
	m.ahead.Add(int64(estate.ApprovalLife - time.Minute))
	p, err := do(boss, lifecycle.ApproveFreeze(user, ada.ID))
	if err != nil || directory.StatusOf(p.After) != directory.Suspended || p.Events[0].Action != "user.suspend" {
		t.Errorf("within its time: %v", err)
	}
}
