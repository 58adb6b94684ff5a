package oidc

import (
	"regexp"
	"slices"
	"strings"
)

// personal claims are in the access tokens of people: an address or a part of a name
// (OpenID Connect Core section 5.1, RFC 9068 section 2.2.2), or what Entra's first
// version and Okta call a user. preferred_username is one too, see serviceAccount.
var personal = []string{"email", "given_name", "family_name", "upn", "unique_name", "uid"}

// loose claims are in the access tokens of people as well, but some issuers put one
// into those of clients: a sign-in (RFC 9068 section 2.2.1), which Cognito dates for
// clients; a name; scp, which in Entra's tokens is what a user consented to, and in
// Okta's the scopes of anybody. They count unless the token is a client's own.
var loose = []string{"auth_time", "amr", "name", "scp"}

// serviceAccount begins the name that Keycloak gives the user behind a client.
const serviceAccount = "service-account-"

// person reports whether a token shows marks of a person. Such a token never has the
// scopes of its connection: who was never provisioned is no machine (K59).
func (o object) person() bool {
	if slices.ContainsFunc(personal, o.says) {
		return true
	}
	if name, ok := o.text("preferred_username"); o.says("preferred_username") && (!ok || !strings.HasPrefix(name, serviceAccount)) {
		return true
	}
	if kind, _ := o.text("idtyp"); o.says("idtyp") && kind != "app" { // Entra
		return true
	}
	if sub, _ := o.text("sub"); strings.Contains(sub, "|") { // Auth0's ids of users: auth0|5f7c
		return true
	}
	return slices.ContainsFunc(loose, o.says) && !o.ofClient()
}

// machine reports whether a token says that it is a machine's and shows no person.
func (o object) machine() bool { return !o.person() && (o.ofClient() || o.ofApp()) }

// ofApp reports whether Entra made a token for an application: its sub is its oid there,
// while that of a person is made up for each application.
func (o object) ofApp() bool {
	sub, _ := o.text("sub")
	oid, _ := o.text("oid")
	return sub == oid && sub != "" && (o.says("appid") || o.says("azp"))
}

// ofClient reports whether a token says of itself that its subject is the client that
// asked for it (RFC 9068 section 2.2, on sub).
func (o object) ofClient() bool {
	if kind, _ := o.text("idtyp"); kind == "app" { // Entra
		return true
	}
	if grant, _ := o.text("gty"); grant == "client-credentials" { // Auth0
		return true
	}
	sub, _ := o.text("sub")
	name, _ := o.text("preferred_username")
	for _, claim := range []string{"azp", "client_id", "appid", "cid"} {
		client, _ := o.text(claim)
		if client != "" && (sub == client || sub == client+"@clients" || o.keycloak(client) && strings.EqualFold(name, serviceAccount+client)) {
			return true
		}
	}
	return false
}

// keycloak reports whether a token names the client as Keycloak does where no user is
// signed in: anybody may be called like a service account.
func (o object) keycloak(client string) bool {
	id, _ := o.text("client_id")
	old, _ := o.text("clientId")
	return id == client || old == client
}

// says reports whether a claim is there and says something: neither null nor empty,
// nor the 0 that older versions of Keycloak have for a sign-in that never was.
func (o object) says(claim string) bool {
	v, ok := o[claim]
	return ok && !slices.Contains([]string{"null", `""`, "[]", "{}", "0", "false"}, string(v))
}

// unfit claims cannot say who a person is: addresses, names and numbers that people
// change themselves or that another has later, which is how accounts were taken over
// (nOAuth, K28); and what a token says about the request or about many people.
var unfit = regexp.MustCompile(`(?i)mail|name|phone|upn|login|^(address|birthdate|gender|locale|picture|profile|website|zoneinfo|` +
	`iss|aud|exp|nbf|iat|jti|sid|nonce|azp|appid|client_?id|cid|tid|hd|org_id|idp|ipaddr|scope|scp|roles|groups|typ|ver|acr|amr|auth_time|idtyp|gty)$`)

// tenants are claims that say whose people and clients a token is from, and nothing
// about which of them: of Entra, Google and Auth0.
var tenants = []string{"tid", "hd", "org_id"}

// chosen reports whether the binding itself says which callers it is for. Then its
// tokens are a machine's, whatever marks they show.
func (b *binding) chosen() bool {
	for name := range b.Claims {
		if !slices.Contains(tenants, name) {
			return true
		}
	}
	return len(b.Subjects) > 0
}
