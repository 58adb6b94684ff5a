package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

func runRegistry(t *testing.T, open Opener) {
	e := setup(t, open)
	wantErr(t, e.AddOrganization(e.ctx, directory.Organization{ID: OrgA}), directory.ErrExists)
	_, err := e.Organization(e.ctx, "none")
	wantErr(t, err, directory.ErrNotFound)
	if all, err := e.Organizations(e.ctx); err != nil || len(all) != 2 {
		t.Errorf("%d organizations, %v", len(all), err)
	}

	conn := directory.Connection{ID: "c", Org: OrgA, Name: "Okta", Dialect: scim.Tolerant, Scopes: []string{"*"}, Created: began, RatePerSecond: 2.5, Burst: 3}
	for range 2 {
		if err := e.PutConnection(e.ctx, conn); err != nil {
			t.Fatal(err)
		}
	}
	got, err := e.Connection(e.ctx, "c")
	if diff := cmp.Diff(conn, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if all, err := e.Connections(e.ctx, OrgB); err != nil || len(all) != 0 {
		t.Errorf("organization b has %d connections, %v", len(all), err)
	}

	tok := directory.Token{ID: "t", Org: OrgA, Connection: "c", Hash: []byte{1, 0, 255}, Scopes: []string{"users:read"}, Created: began, Expires: began.Add(time.Hour)}
	if err := e.PutToken(e.ctx, tok); err != nil {
		t.Fatal(err)
	}
	if err := e.TouchTokens(e.ctx, map[string]time.Time{"t": began.Add(time.Minute), "gone": began}); err != nil {
		t.Fatal(err)
	}
	tok.LastUsed = began.Add(time.Minute)
	if got, err := e.Token(e.ctx, "t"); err != nil || cmp.Diff(tok, got) != "" {
		t.Error(cmp.Diff(tok, got), err)
	}
	if all, err := e.Tokens(e.ctx, "c"); err != nil || len(all) != 1 || len(all[0].Hash) != 3 {
		t.Errorf("tokens are %v, %v", all, err)
	}

	_, err = e.Setting(e.ctx, "k")
	wantErr(t, err, directory.ErrNotFound)
	if err := e.PutSetting(e.ctx, "k", []byte{0, 1}); err != nil {
		t.Fatal(err)
	}
	if v, err := e.AddSetting(e.ctx, "k", []byte{2}); err != nil || string(v) != "\x00\x01" {
		t.Errorf("the setting that is kept is %q, %v", v, err)
	}
	if v, err := e.AddSetting(e.ctx, "new", []byte{2}); err != nil || string(v) != "\x02" {
		t.Errorf("the setting that was added is %q, %v", v, err)
	}
	if v, err := e.Setting(e.ctx, "k"); err != nil || string(v) != "\x00\x01" {
		t.Errorf("setting is %q, %v", v, err)
	}
}
