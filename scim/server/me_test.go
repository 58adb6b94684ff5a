package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/oidc"
	"github.com/usher-scim/usher/auth/oidc/oidctest"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim/schemas"
	"github.com/usher-scim/usher/scim/server"
)

// issuer puts the server behind an issuer of access tokens for organization a,
// and returns what signs one for a subject, with every scope.
func (e *env) issuer() (bearer func(sub string) string) {
	e.Helper()
	issuer := oidctest.New()
	e.Cleanup(issuer.Close)
	issuers, err := oidc.New([]oidc.Binding{{Issuer: issuer.URL, Audience: []string{"usher"}, Org: "a", Connection: "a", ScopeClaim: "scope", AllowPrivate: true}}, e.store, oidc.Options{AllowLoopback: true})
	if err != nil {
		e.Fatal(err)
	}
	chain := auth.Chain{Tokens: token.New(e.store, e.store, token.Options{}), Issuers: issuers}
	e.srv = server.New(directory.New(e.store, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves}), schemas.Default, chain, server.Options{})
	hs := httptest.NewServer(e.srv)
	e.Cleanup(hs.Close)
	e.url = hs.URL
	return func(sub string) string { return "Bearer " + issuer.Token(map[string]any{"sub": sub, "scope": "*"}) }
}

// The subject of an access token is its user, by externalId or else by
// userName, in the organization the issuer is bound to and in no other (K07).
func TestMeIsTheSubject(t *testing.T) {
	e := setup(t)
	bearer := e.issuer()
	id := e.create("Users", `{"userName":"ada","externalId":"subject-1"}`)
	e.send("POST", "Users", `{"userName":"subject-1"}`, "Authorization", "Bearer "+e.token["b"])

	if r := e.send("GET", "Me", "", "Authorization", bearer("subject-1")); r.status != 200 || r.body["id"] != id || !strings.HasSuffix(r.header.Get("Content-Location"), "/Users/"+id) {
		t.Errorf("by externalId: %d %s", r.status, r.text)
	}
	if r := e.send("PATCH", "Me", `{"Operations":[{"op":"replace","path":"nickName","value":"Countess"}]}`, "Authorization", bearer("ada")); r.status != 200 || r.body["nickName"] != "Countess" {
		t.Errorf("by userName: %d %s", r.status, r.text)
	}
	e.wantError("nobody", e.send("GET", "Me", "", "Authorization", bearer("nobody")), 404, "")
	e.wantError("a provisioning token", e.send("GET", "Me", ""), 404, "")
	e.wantError("altered", e.send("GET", "Me", "", "Authorization", bearer("ada")+"x"), 401, "")
}
