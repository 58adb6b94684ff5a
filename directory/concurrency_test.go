package directory_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

func (e *env) ops(rt *scim.ResourceType, ops string) *patch.Patch {
	e.Helper()
	p, _, err := patch.Decode(rt, []byte(`{"Operations":[`+ops+`]}`), scim.Tolerant)
	if err != nil {
		e.Fatal(err)
	}
	return p
}

// K65: of many creations of one name, in any letter case, one succeeds, and the
// others are told by the rule, not by the index.
func TestK65CreatesRace(t *testing.T) {
	e := setup(t)
	var won atomic.Int32
	storetest.Together(100, func(i int) {
		res := e.decode(user, fmt.Sprintf(`{"userName":%q}`, []string{"Ada", "ADA", "ada"}[i%3]))
		_, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Change: directory.Create{Resource: res}})
		var dup *directory.UniqueError
		switch {
		case err == nil:
			won.Add(1)
		case !errors.As(err, &dup):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d creations won", won.Load())
	}
}

// K63: single joins and leaves that come at once all count, and every one of
// them is a version of its own.
func TestK63MembersRace(t *testing.T) {
	e := setup(t)
	var ids []string
	members := ""
	for i := range 100 {
		ids = append(ids, e.create(user, fmt.Sprintf(`{"userName":"u%d"}`, i)).ID)
		if i >= 50 {
			members += fmt.Sprintf(`,{"value":%q}`, ids[i])
		}
	}
	g := e.create(group, `{"displayName":"g","members":[`+members[1:]+`]}`)
	storetest.Together(100, func(i int) {
		ops := fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, ids[i])
		if i >= 50 {
			ops = fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, ids[i])
		}
		if _, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Change: directory.Patch{Type: group, ID: g.ID, Patch: e.ops(group, ops)}}); err != nil {
			t.Error(err)
		}
	})
	left := map[string]bool{}
	err := e.svc.Read(e.ctx, func(r directory.Reader) error {
		for m, err := range r.Members(e.ctx, directory.Ref{Org: "a", Type: group, ID: g.ID}) {
			if err != nil {
				return err
			}
			left[m.ID] = true
		}
		now, err := r.Get(e.ctx, directory.Ref{Org: "a", Type: group, ID: g.ID})
		if err == nil && now.Version != 101 {
			t.Errorf("version %d after 100 changes", now.Version)
		}
		return err
	})
	for i, id := range ids {
		if left[id] != (i < 50) {
			t.Errorf("member %d is there: %v", i, left[id])
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// K64: changes of different attributes that come at once are all there in the
// end; of those at one version, one wins.
func TestK64ChangesRace(t *testing.T) {
	e := setup(t)
	u := e.create(user, `{"userName":"ada"}`)
	attrs := []string{"title", "nickName", "displayName", "locale", "timezone", "userType", "name.givenName", "name.familyName"}
	storetest.Together(len(attrs), func(i int) {
		ops := fmt.Sprintf(`{"op":"add","path":%q,"value":"x"}`, attrs[i])
		if _, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Change: directory.Patch{Type: user, ID: u.ID, Patch: e.ops(user, ops)}}); err != nil {
			t.Error(err)
		}
	})
	var now *scim.Resource
	err := e.svc.Read(e.ctx, func(r directory.Reader) (err error) {
		now, err = r.Get(e.ctx, directory.Ref{Org: "a", Type: user, ID: u.ID})
		return err
	})
	if err != nil || now.Version != 9 || len(now.Fields()) != 10 {
		t.Errorf("%v: %s", err, now.AppendJSON(nil, nil, "", nil))
	}
	var won atomic.Int32
	storetest.Together(100, func(i int) {
		ops := fmt.Sprintf(`{"op":"replace","path":"title","value":"t%d"}`, i)
		_, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Change: directory.Patch{Type: user, ID: u.ID, Patch: e.ops(user, ops)}, If: directory.Precondition{Versions: []scim.Version{9}}})
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, directory.ErrVersion) {
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d changes won", won.Load())
	}
}

// atMost refuses to have more than n users: a rule that only holds inside the
// transaction (R7).
type atMost int

func (n atMost) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	d.Alone = true
	p, err := r.Find(ctx, directory.Query{Org: d.Org, Type: d.Type, Filter: nil})
	if err != nil || d.Before != nil || p.Total < int(n) {
		return nil, err
	}
	return []directory.Finding{{Rule: "full", Verdict: directory.Refuse, Reason: "Full."}}, nil
}

func TestRulesSeeTheirOwnTransaction(t *testing.T) {
	e := setup(t)
	svc := directory.New(e.store, directory.Options{Policies: append(policy.Default(), atMost(3))})
	var won atomic.Int32
	storetest.Together(40, func(i int) {
		res := e.decode(user, fmt.Sprintf(`{"userName":"u%d"}`, i))
		_, err := svc.Execute(e.ctx, directory.Request{Org: "a", Change: directory.Create{Resource: res}})
		var refusal *directory.Refusal
		if err == nil {
			won.Add(1)
		} else if !errors.As(err, &refusal) {
			t.Error(err)
		}
	})
	if won.Load() != 3 {
		t.Errorf("%d were created, 3 may be", won.Load())
	}
}
