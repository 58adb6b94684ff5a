package transfer_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/transfer"
)

// S2-6, K01: a copy of one organization brings the accounts of its own people, of the
// external ones among them too, whose home is elsewhere, and of nobody else.
func TestK01CopyBringsTheAccountsOfItsPeople(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.create("User", `{"userName":"Guest+news@elsewhere.example"}`)
	for id, a := range map[string]estate.Account{
		"at-home":  {Email: "owner@acme.example", Home: org},
		"external": {Email: "guest@elsewhere.example", Home: "other"},
		"stranger": {Email: "stranger@elsewhere.example", Home: "other"},
		"nowhere":  {Email: "nobody@elsewhere.example"},
	} {
		a.Head, a.State = directory.Head{ID: id}, estate.Open
		save := func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			return nil, directory.Save(d, "", &a)
		}
		s.do(directory.Command{Action: "test.account", Plan: save})
	}
	to, o := open(t), types
	o.Orgs = []directory.OrgID{org}
	if _, err := transfer.Copy(t.Context(), s, to, o); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := to.View(t.Context(), func(r directory.Reader) error {
		for _, id := range []string{"at-home", "external", "stranger", "nowhere"} {
			_, err := r.Document(t.Context(), "", "account", id)
			if err == nil {
				got = append(got, id)
			} else if !errors.Is(err, directory.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"at-home", "external"}) {
		t.Errorf("the accounts %q were copied, %v", got, err)
	}
}
