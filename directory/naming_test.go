package directory_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/patch"
)

// named is a directory with provisioning clients, and how its store looks things up.
type named struct {
	*env
	store storetest.Store
	mu    sync.Mutex
	plans []string
}

func naming(t *testing.T) *named {
	t.Helper()
	n := &named{}
	note := func(plan string) { n.mu.Lock(); defer n.mu.Unlock(); n.plans = append(n.plans, plan) }
	var err error
	if chosen.Mongo() {
		n.store, err = mongo.Open(t.Context(), mongotest.URI(t), mongo.Options{OnFind: note})
	} else {
		n.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "usher.db"), sqlite.Options{OnFind: note})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.store.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := n.store.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	n.env = &env{T: t, ctx: t.Context(), svc: n.service()}
	for _, c := range []directory.ConnectionID{"idle", "idp", "hr", "people"} {
		if err := n.store.PutConnection(n.ctx, directory.Connection{ID: c, Org: "a", Scopes: []string{"*"}}); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// service is another server over the same store.
func (n *named) service() *directory.Service {
	return directory.New(n.store, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves, Trail: n.store.(directory.Trail)})
}

func requestOf(client directory.ConnectionID, c directory.Change) directory.Request {
	req := directory.Request{Org: "a", Change: c, Client: client, Actor: directory.Actor{Kind: directory.Client, Connection: client, Rank: directory.ClientRank}}
	if client == "" {
		req.Actor = directory.Actor{Kind: directory.Operator, Connection: "operator", Rank: directory.OwnerRank}
	}
	return req
}

// made makes a person as a client does; earlier is how it was done before externalIds
// were kept apart.
func (n *named) made(client directory.ConnectionID, name, id string, earlier bool) string {
	n.Helper()
	req := requestOf(client, directory.Create{Resource: n.decode(user, fmt.Sprintf(`{"userName":%q,"externalId":%q}`, name, id))})
	if earlier {
		req.Client = ""
	}
	p, err := n.svc.Execute(n.ctx, req)
	if err != nil {
		n.Fatal(err)
	}
	if got := p.After.Text(scim.ExternalID); got != id {
		n.Errorf("%s made %q and is told %q", client, id, got)
	}
	return p.After.ID
}

// says changes what a client knows a person as; "" removes it.
func (n *named) says(client directory.ConnectionID, person, id string) *directory.Plan {
	n.Helper()
	op := `{"op":"remove","path":"externalId"}`
	if id != "" {
		op = fmt.Sprintf(`{"op":"replace","path":"externalId","value":%q}`, id)
	}
	m, _, err := patch.Decode(user, []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+op+`]}`), scim.Strict)
	if err != nil {
		n.Fatal(err)
	}
	p, err := n.svc.Execute(n.ctx, requestOf(client, directory.Patch{Type: user, ID: person, Patch: m}))
	if err != nil {
		n.Fatal(err)
	}
	return p
}

// sees wants a client to see an externalId, and to find the person by it and by no
// other.
func (n *named) sees(client directory.ConnectionID, person, want string) {
	n.Helper()
	err := n.svc.ReadAs(n.ctx, client, func(r directory.Reader) error {
		p, err := r.Get(n.ctx, directory.Ref{Org: "a", Type: user, ID: person})
		if err != nil {
			return err
		}
		if got := p.Text(scim.ExternalID); got != want {
			n.Errorf("%s sees %q, want %q", client, got, want)
		}
		for text, found := range map[string]bool{`externalId eq "` + want + `"`: want != "", `externalId pr`: want != "", `externalId ne "` + want + `x"`: true, `externalId sw "x-none"`: false} {
			f, _, err := filter.Compile(text+` and id eq "`+person+`"`, user, scim.Strict)
			if err != nil {
				return err
			}
			page, err := r.Find(n.ctx, directory.Query{Org: "a", Type: user, Filter: f, Start: 1, Count: 10})
			if err != nil || (page.Total == 1) != found {
				n.Errorf("%s: %s finds %d, %v", client, text, page.Total, err)
			}
		}
		return nil
	})
	if err != nil {
		n.Fatal(err)
	}
}

func (n *named) naming() directory.Naming {
	n.Helper()
	var kept directory.Naming
	err := n.svc.Read(n.ctx, func(r directory.Reader) (err error) {
		kept, err = directory.LoadOr[directory.Naming](n.ctx, r, "a", "User")
		return err
	})
	if err != nil {
		n.Fatal(err)
	}
	return kept
}

// Domain 3.1: the first client that gives an externalId has those of the records. A
// preview, a refusal and who gives none claim nothing; another server knows at once.
func TestTheFirstClientHasTheMainExternalIDs(t *testing.T) {
	n := naming(t)
	if _, err := n.svc.Preview(n.ctx, requestOf("hr", directory.Create{Resource: n.decode(user, `{"userName":"x","externalId":"h"}`)})); err != nil {
		t.Fatal(err)
	}
	if _, err := n.svc.Execute(n.ctx, requestOf("hr", directory.Create{Resource: n.decode(user, `{"userName":"quiet"}`)})); err != nil {
		t.Fatal(err)
	}
	if _, err := n.svc.Execute(n.ctx, requestOf("hr", directory.Create{Resource: n.decode(user, `{"userName":"quiet","externalId":"h"}`)})); err == nil {
		t.Fatal("a name was given twice")
	}
	if kept := n.naming(); kept.Version != 0 {
		t.Fatalf("%+v is kept", kept)
	}
	ada := n.made("idp", "ada", "i1", false)
	n.says("hr", ada, "h1")
	if kept := n.naming(); kept.Main != "idp" || !slices.Equal(kept.Others, []directory.ConnectionID{"hr"}) {
		t.Errorf("%+v is kept", kept)
	}
	for _, svc := range []*directory.Service{n.svc, n.service()} {
		n.svc = svc
		for client, want := range map[directory.ConnectionID]string{"idp": "i1", "hr": "h1", "people": "", "": "i1"} {
			n.sees(client, ada, want)
		}
	}
	if p := n.says("hr", ada, "h1"); !p.Unchanged() {
		t.Error("the same again is a change")
	}
	if p := n.says("people", ada, ""); !p.Unchanged() {
		t.Error("to remove none is a change")
	}
	n.says("idp", ada, "")
	n.sees("hr", ada, "h1")
	n.sees("idp", ada, "")
	n.says("hr", ada, "")
	if p := n.says("idp", ada, "i1"); strings.Contains(string(p.After.Seal()), "h1") || strings.Contains(string(p.After.Seal()), "$") {
		t.Errorf("something is left of what was removed: %s", p.After.Seal())
	}
}

// upgraded is a server of this version over what one of a version before has made.
func (n *named) upgraded() {
	n.Helper()
	err := n.store.Update(n.ctx, func(tx directory.Tx) error {
		d, err := tx.Document(n.ctx, "a", (*directory.Naming)(nil).Kind(), "User")
		if err != nil {
			return err
		}
		return tx.DeleteDocument(n.ctx, d)
	})
	if err != nil {
		n.Fatal(err)
	}
	n.svc = n.service()
}

// Records of earlier versions, and imported ones, stay found by whom they were found by.
func TestOlderExternalIDs(t *testing.T) {
	for _, first := range []string{"at the start", "by a client that gives one", "by a client that gives none"} {
		t.Run("of one connection, "+first, func(t *testing.T) {
			n := naming(t)
			ada, imported := n.made("idp", "ada", "i1", true), n.made("", "bob", "i2", true)
			n.upgraded()
			n.sees("idp", ada, "i1")
			switch first {
			case "at the start":
				for range 2 {
					if err := n.svc.NameOlder(n.ctx, "a", []*scim.ResourceType{user, group}); err != nil {
						t.Fatal(err)
					}
				}
				if kept := n.naming(); kept.Version != 1 {
					t.Errorf("%+v is kept", kept)
				}
				n.sees("hr", ada, "")
			case "by a client that gives none":
				n.says("hr", ada, "")
				n.sees("hr", ada, "")
			}
			n.says("hr", ada, "h1") // before the identity provider says anything
			n.sees("hr", ada, "h1")
			n.sees("hr", imported, "")
			n.sees("idp", ada, "i1")
			n.sees("idp", imported, "i2")
			if kept := n.naming(); kept.Main != "idp" || kept.Unclaimed {
				t.Errorf("%+v is kept", kept)
			}
		})
	}
	t.Run("imported", func(t *testing.T) {
		n := naming(t)
		ada := n.made("", "ada", "i1", true)
		if kept := n.naming(); !kept.Unclaimed {
			t.Errorf("%+v is kept", kept)
		}
		n.upgraded()
		n.says("hr", ada, "") // which it has not given
		n.sees("hr", ada, "i1")
		n.sees("idp", ada, "i1")
		n.made("idp", "bob", "i2", false)
		n.sees("idp", ada, "i1")
		n.sees("hr", ada, "")
		n.says("idp", ada, "")
		n.sees("idp", ada, "")
	})
	t.Run("of several connections", func(t *testing.T) {
		n := naming(t)
		ada, bob := n.made("idp", "ada", "i1", true), n.made("hr", "bob", "h2", true)
		n.upgraded()
		cy := n.made("hr", "cy", "h3", false)
		if kept := n.naming(); kept.Version == 0 || kept.Main != "" || kept.Unclaimed {
			t.Errorf("%+v is kept", kept)
		}
		for _, client := range []directory.ConnectionID{"idp", "hr", "people"} {
			n.sees(client, ada, "i1")
			n.sees(client, bob, "h2")
		}
		n.sees("hr", cy, "h3")
		n.sees("idp", cy, "")
		n.says("hr", ada, "h1")
		n.sees("hr", ada, "h1")
		n.sees("idp", ada, "i1")
		n.says("idp", bob, "i2")
		n.sees("idp", bob, "i2")
		n.sees("hr", bob, "h2")
		n.says("hr", bob, "") // has said that it has none
		n.sees("hr", bob, "")
		n.sees("people", bob, "h2")
	})
}
