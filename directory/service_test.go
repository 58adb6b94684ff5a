package directory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

type env struct {
	*testing.T
	ctx   context.Context
	svc   *directory.Service
	store chosen.Store
}

func setup(t *testing.T) *env {
	t.Helper()
	s := chosen.Open(t)
	t.Cleanup(func() {
		if err := s.Check(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, org := range []directory.OrgID{"a", "b"} {
		if err := s.AddOrganization(t.Context(), directory.Organization{ID: org}); err != nil {
			t.Fatal(err)
		}
	}
	return &env{t, t.Context(), directory.New(s, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves}), s}
}

func typeOf(name string) *scim.ResourceType {
	rt, ok := schemas.Default.Type(name)
	if !ok {
		panic("no type " + name)
	}
	return rt
}

var user, group = typeOf("User"), typeOf("Group")

func (e *env) decode(rt *scim.ResourceType, body string) *scim.Resource {
	e.Helper()
	r, _, err := scim.Decode(rt, []byte(body), scim.Tolerant)
	if err != nil {
		e.Fatal(err)
	}
	return r
}

// do previews and executes a change, and checks that both come to the same.
func (e *env) do(org directory.OrgID, c directory.Change) (*directory.Plan, error) {
	e.Helper()
	req := directory.Request{Org: org, Change: c}
	seen, err := e.svc.Preview(e.ctx, req)
	if err == nil {
		err = seen.Err()
	}
	done, doneErr := e.svc.Execute(e.ctx, req)
	if fmt.Sprint(err) != fmt.Sprint(doneErr) {
		e.Errorf("preview says %v, execute %v", err, doneErr)
	}
	if doneErr == nil && (seen.Unchanged() != done.Unchanged() || cmp.Diff(seen.Edges, done.Edges) != "" || cmp.Diff(seen.Findings, done.Findings) != "") {
		e.Errorf("preview and execute differ: %v and %v", seen, done)
	}
	return done, doneErr
}

func (e *env) create(rt *scim.ResourceType, body string) *scim.Resource {
	e.Helper()
	p, err := e.do("a", directory.Create{Resource: e.decode(rt, body)})
	if err != nil {
		e.Fatalf("create %s: %v", body, err)
	}
	return p.After
}

func (e *env) patch(r *scim.Resource, ops string) (*directory.Plan, error) {
	e.Helper()
	p, _, err := patch.Decode(r.Type, []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+ops+`]}`), scim.Tolerant)
	if err != nil {
		e.Fatalf("patch %s: %v", ops, err)
	}
	return e.do("a", directory.Patch{Type: r.Type, ID: r.ID, Patch: p})
}

func TestCreateDefaultsAndDuplicates(t *testing.T) {
	e := setup(t)
	u := e.create(user, `{"userName":"Ada"}`)
	if on, set := u.Bool(schemas.User.Active); !on || !set || u.Version != 1 || u.ID == "" {
		t.Errorf("created %s", u.AppendJSON(nil, nil, "", nil))
	}
	var dup *directory.UniqueError
	if _, err := e.do("a", directory.Create{Resource: e.decode(user, `{"userName":"ADA"}`)}); !errors.As(err, &dup) || dup.Path != "userName" {
		t.Errorf("K33: %v", err)
	}
	if _, err := e.do("b", directory.Create{Resource: e.decode(user, `{"userName":"ada"}`)}); err != nil {
		t.Errorf("another organization: %v", err)
	}
	if _, err := e.patch(u, `{"op":"replace","path":"active","value":false}`); err != nil {
		t.Fatal(err)
	}
	if _, err := e.do("a", directory.Create{Resource: e.decode(user, `{"userName":"ada"}`)}); !errors.As(err, &dup) || !cmp.Equal(true, len(dup.Detail) > 60) {
		t.Errorf("K31: an inactive holder must be named: %v", err)
	}
	for _, name := range []string{"a\u200bda", "a\u202eb"} {
		if _, err := e.do("a", directory.Create{Resource: e.decode(user, fmt.Sprintf(`{"userName":%q}`, name))}); err == nil {
			t.Errorf("K36: %q was accepted", name)
		}
	}
}

func TestNoChangeKeepsVersion(t *testing.T) {
	e := setup(t)
	u := e.create(user, `{"userName":"ada","title":"x"}`)
	p, err := e.patch(u, `{"op":"replace","path":"title","value":"x"}`)
	if err != nil || !p.Unchanged() || p.After.Version != 1 {
		t.Errorf("plan %+v, %v", p, err)
	}
	p, err = e.patch(u, `{"op":"replace","path":"title","value":"y"}`)
	if err != nil || p.After.Version != 2 || cmp.Diff([]string{"title"}, p.Events[0].Changed) != "" || p.Events[0].Action != "user.update" {
		t.Errorf("plan %+v, %v", p, err)
	}
}

// K31: a PUT without active never changes who has access; read-only and
// immutable values stay.
func TestReplaceKeepsWhatClientsCannotWrite(t *testing.T) {
	e := setup(t)
	u := e.create(user, `{"userName":"ada","active":false,"title":"x"}`)
	p, err := e.do("a", directory.Replace{Type: user, ID: u.ID, Resource: e.decode(user, `{"id":"other","userName":"ada2"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if on, set := p.After.Bool(schemas.User.Active); on || !set || p.After.Text(schemas.User.UserName) != "ada2" || p.After.ID != u.ID {
		t.Errorf("K02: replaced by %s", p.After.AppendJSON(nil, nil, "", nil))
	}
	if title, _ := user.Root("title"); p.After.Text(title) != "" {
		t.Errorf("title should be gone: %s", p.After.AppendJSON(nil, nil, "", nil))
	}
}

func TestPreconditions(t *testing.T) {
	e := setup(t)
	u := e.create(user, `{"userName":"ada"}`)
	for _, c := range []struct {
		name string
		pre  directory.Precondition
		want error
	}{
		{"stale", directory.Precondition{Versions: []scim.Version{7}}, directory.ErrVersion},
		{"any", directory.Precondition{Any: true}, nil},
	} {
		_, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Change: directory.Replace{Type: user, ID: u.ID, Resource: e.decode(user, `{"userName":"ada"}`)}, If: c.pre})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, change := range []directory.Change{directory.Delete{Type: user, ID: u.ID}, directory.Delete{Type: group, ID: u.ID}} {
		if _, err := e.do("b", change); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("K01: %v", err)
		}
	}
	if _, err := e.svc.Execute(e.ctx, directory.Request{Org: "a", Change: directory.Delete{Type: user, ID: u.ID}}); err != nil {
		t.Error(err)
	}
}

func TestMembers(t *testing.T) {
	e := setup(t)
	var ids []string
	for i := range 4 {
		ids = append(ids, e.create(user, fmt.Sprintf(`{"userName":"u%d"}`, i)).ID)
	}
	foreign, err := e.do("b", directory.Create{Resource: e.decode(user, `{"userName":"x"}`)})
	if err != nil {
		t.Fatal(err)
	}
	g := e.create(group, fmt.Sprintf(`{"displayName":"g","members":[{"value":%q},{"value":%q},{"value":%q}]}`, ids[0], ids[0], ids[1]))
	count := func() (n int) {
		err := e.svc.Read(e.ctx, func(r directory.Reader) error {
			for _, err := range r.Members(e.ctx, directory.Ref{Org: "a", Type: group, ID: g.ID}) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	steps := []struct {
		name, ops string
		want      int
		fails     bool
	}{
		{"add and remove in order", fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q},{"value":%q}]},{"op":"remove","path":"members[value eq \"%s\"]"}`, ids[2], ids[3], ids[3]), 3, false},
		{"K53 remove by value list", fmt.Sprintf(`{"op":"Remove","path":"members","value":[{"value":%q},{"value":%q}]}`, ids[1], ids[3]), 2, false},
		{"add again", fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, ids[0]), 2, false},
		{"unknown id changes nothing", `{"op":"replace","path":"members","value":[{"value":"nobody"}]}`, 2, true},
		{"K03 another organization's id is as unknown", fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, foreign.After.ID), 2, true},
		{"remove nobody", `{"op":"remove","path":"members","value":[]}`, 2, false},
		{"replace", fmt.Sprintf(`{"op":"replace","path":"members","value":[{"value":%q}]}`, ids[3]), 1, false},
		{"remove all", `{"op":"remove","path":"members"}`, 0, false},
	}
	for _, s := range steps {
		if _, err := e.patch(g, s.ops); (err != nil) != s.fails {
			t.Errorf("%s: %v", s.name, err)
		}
		if n := count(); n != s.want {
			t.Errorf("%s: %d members, want %d", s.name, n, s.want)
		}
	}
}
