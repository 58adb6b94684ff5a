package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

func runRecords(t *testing.T, open Opener) {
	t.Run("round trip", func(t *testing.T) {
		e := setup(t, open)
		made := e.create(OrgA, user, `{"userName":"Bjørn@x.io","active":false,"name":{"familyName":"É\"\\\n"},"emails":[{"value":"a@x.io","primary":true},{"value":"b@x.io"}],
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"007","manager":{"value":"m"}}}`)
		got, err := e.get(OrgA, user, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Same(made) || got.Version != 1 || !got.Created.Equal(made.Created) || !got.Modified.Equal(made.Modified) {
			t.Errorf("got %s, want %s", got.AppendJSON(nil, nil, "", nil), made.AppendJSON(nil, nil, "", nil))
		}
		if diff := cmp.Diff(string(made.AppendJSON(nil, nil, "", nil)), string(got.AppendJSON(nil, nil, "", nil))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("K01 other organizations see nothing", func(t *testing.T) {
		e := setup(t, open)
		u := e.create(OrgA, user, person("u"))
		_, err := e.get(OrgB, user, u.ID)
		wantErr(t, err, directory.ErrNotFound)
		_, err = e.get(OrgA, group, u.ID)
		wantErr(t, err, directory.ErrNotFound)
		_, err = e.change(OrgB, u, person("v"))
		if err == nil {
			t.Error("another organization changed it")
		}
		if p := e.find(directory.Query{Org: OrgB, Count: 10, Start: 1}, ""); p.Total != 0 {
			t.Errorf("K05: total is %d in an empty organization", p.Total)
		}
	})
	t.Run("K25 ids are exact", func(t *testing.T) {
		e := setup(t, open)
		u := e.create(OrgA, user, person("u"))
		for _, id := range []string{"", "1", "0", u.ID[:35], u.ID + "0", "{" + u.ID + "}", "urn:uuid:" + u.ID, "00000000-0000-7000-8000-00000000000A"} {
			e.it(fmt.Sprintf("%q", id), func() {
				_, err := e.get(OrgA, user, id)
				wantErr(e.T, err, directory.ErrNotFound)
			})
		}
	})
	t.Run("K64 compare and set", func(t *testing.T) {
		e := setup(t, open)
		u := e.create(OrgA, user, person("u"))
		if _, err := e.change(OrgA, u, person("v")); err != nil {
			t.Fatal(err)
		}
		_, err := e.change(OrgA, u, person("w"))
		wantErr(t, err, directory.ErrVersion)
		got, _ := e.get(OrgA, user, u.ID)
		if name := got.Text(schemas.User.UserName); name != "v" || got.Version != 2 {
			t.Errorf("stored %q at version %d", name, got.Version)
		}
		err = e.Update(e.ctx, func(tx directory.Tx) error { return tx.Delete(e.ctx, OrgA, u) })
		wantErr(t, err, directory.ErrVersion)
	})
	t.Run("K33 K34 uniqueness by canonical key", func(t *testing.T) { runUnique(t, open) })
	t.Run("K55 a failed change leaves nothing", func(t *testing.T) {
		e := setup(t, open)
		boom := errors.New("boom")
		err := e.Update(e.ctx, func(tx directory.Tx) error {
			r := e.decode(user, person("ghost"))
			r.ID, r.Version = "00000000-0000-7000-8000-ffffffffffff", 1
			if err := tx.Put(e.ctx, OrgA, nil, r); err != nil {
				return err
			}
			if _, err := tx.Get(e.ctx, directory.Ref{Org: OrgA, Type: user, ID: r.ID}); err != nil {
				t.Errorf("own write not visible: %v", err)
			}
			return boom
		})
		wantErr(t, err, boom)
		if p := e.find(directory.Query{Start: 1, Count: 10}, `userName eq "ghost"`); p.Total != 0 {
			t.Error("the change is still there")
		}
		e.create(OrgA, user, person("ghost"))
	})
	t.Run("K06 names are free after delete", func(t *testing.T) {
		e := setup(t, open)
		u := e.create(OrgA, user, `{"userName":"u","externalId":"x"}`)
		if err := e.Update(e.ctx, func(tx directory.Tx) error { return tx.Delete(e.ctx, OrgA, u) }); err != nil {
			t.Fatal(err)
		}
		_, err := e.get(OrgA, user, u.ID)
		wantErr(t, err, directory.ErrNotFound)
		e.create(OrgB, user, person("u"))
		e.create(OrgA, user, `{"userName":"U","externalId":"x"}`)
		if p := e.find(directory.Query{Start: 1, Count: 10}, `externalId eq "x"`); p.Total != 1 {
			t.Errorf("%d have the externalId", p.Total)
		}
	})
}

func runUnique(t *testing.T, open Opener) {
	e := setup(t, open)
	for _, pair := range []struct {
		a, b string
		same bool
	}{
		{"admin", "ADMIN", true}, {"straße", "STRASSE", true}, {"josé", "jose\u0301", true}, {"ａｄａ", "ada", true},
		{"ﬁn", "fin", true}, {"ada1", "ada2", false}, {"ı1", "i1", false}, {"Kelvin\u212a", "kelvink", true},
	} {
		var u *scim.Resource
		e.it(pair.a+" then "+pair.b, func() {
			u = e.create(OrgA, user, person(pair.a))
			_, err := e.tryCreate(OrgA, user, person(pair.b))
			if isUnique(err) != pair.same || (err == nil) == pair.same {
				e.Errorf("%v, same should be %v", err, pair.same)
			}
		})
		e.it(pair.b+" in another organization, which is another world", func() { e.create(OrgB, user, person(pair.b)) })
		e.it(pair.a+" in other letters is one's own name", func() {
			if _, err := e.change(OrgA, u, person(scim.Fold(pair.a))); err != nil {
				e.Error(err)
			}
		})
	}
	t.Run("rename", func(t *testing.T) { runRename(t, open) })
}

// runRename: a name that is given up is free at once, also to another in the same
// transaction; one that is taken cannot be taken by a change either.
func runRename(t *testing.T, open Opener) {
	e := setup(t, open)
	a, b := e.create(OrgA, user, person("a")), e.create(OrgA, user, person("b"))
	if _, err := e.change(OrgA, a, person("b")); !isUnique(err) {
		t.Errorf("a takes the name of b: %v", err)
	}
	a, err := e.change(OrgA, a, person("c"))
	if err != nil {
		t.Fatal(err)
	}
	renamed := func(r *scim.Resource, name string) *scim.Resource {
		after := e.decode(user, person(name))
		after.ID, after.Version, after.Created, after.Modified = r.ID, r.Version+1, r.Created, r.Modified
		return after
	}
	if err := e.Update(e.ctx, func(tx directory.Tx) error {
		return errors.Join(tx.Put(e.ctx, OrgA, b, renamed(b, "a")), tx.Put(e.ctx, OrgA, a, renamed(a, "b")))
	}); err != nil {
		t.Errorf("one name after the other is handed on: %v", err)
	}
	e.create(OrgA, user, person("c"))
	for _, name := range []string{"A", "B", "C"} {
		e.it(name+" is taken", func() {
			if _, err := e.tryCreate(OrgA, user, person(name)); !isUnique(err) {
				e.Errorf("it is taken twice: %v", err)
			}
		})
	}
}
