package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Issuer is one authorization server whose access tokens are accepted, and the
// connection that their bearers act for. A token must match everything given.
type Issuer struct {
	Issuer       string
	JWKSURL      string // empty: found through the issuer's metadata
	Audience     []string
	Subjects     []string          // empty: any
	Claims       map[string]string // empty: any
	Algorithms   []string
	Organization string
	Connection   string
	AllowPrivate bool
	ScopeClaim   string
	SubjectClaim string

	AllowUnmarked bool
}

// newIssuer returns the defaults of a list element.
func newIssuer() Issuer {
	return Issuer{Algorithms: []string{"RS256"}, ScopeClaim: "scope", SubjectClaim: "sub"}
}

var issuerFields = []field[Issuer]{
	{
		key: "issuer", at: func(i *Issuer) any { return &i.Issuer }, sample: "https://login.example.com/tenant",
		doc: "The iss claim, letter for letter; an https URL.",
	},
	{
		key: "jwks_url", at: func(i *Issuer) any { return &i.JWKSURL }, sample: "https://login.example.com/tenant/keys",
		doc: "Where the keys are. Empty means what the issuer's metadata says.",
	},
	{
		key: "audience", at: func(i *Issuer) any { return &i.Audience }, sample: "[https://scim.example.com]",
		doc: "Whom a token may be for: every value of its aud claim must be one of these.",
	},
	{
		key: "subjects", at: func(i *Issuer) any { return &i.Subjects }, sample: "[provisioning-client]",
		doc: "The sub claim must be one of these. Empty means any. Name machines only.",
	},
	{
		key: "claims", at: func(i *Issuer) any { return &i.Claims }, sample: "{tid: 0c5e4a1e}",
		doc: "Other claims and the text each must have. If they name a client, it must be one that nobody signs in with.",
	},
	{
		key: "algorithms", at: func(i *Issuer) any { return &i.Algorithms }, sample: "[RS256]",
		doc: "Signature algorithms: " + enumerate(algorithms, "or") + ".",
	},
	{
		key: "organization", at: func(i *Issuer) any { return &i.Organization }, sample: "example",
		doc: "Organization that the token acts in.",
	},
	{
		key: "connection", at: func(i *Issuer) any { return &i.Connection }, sample: "example-idp",
		doc: "Connection that the token acts as.",
	},
	{
		key: "allow_private", at: func(i *Issuer) any { return &i.AllowPrivate }, sample: "false",
		doc: "Allow http and private addresses, for an issuer inside the network.",
	},
	{
		key: "scope_claim", at: func(i *Issuer) any { return &i.ScopeClaim }, sample: "scope",
		doc: "Claim that lists the scopes. A token without it has those of its connection if it says that it is a machine's, or subjects or claims name it, and its subject neither is nor was a person; and else none.",
	},
	{
		key: "subject_claim", at: func(i *Issuer) any { return &i.SubjectClaim }, sample: "oid",
		doc: "Claim that says which person a token is about, by externalId or userName: for Entra oid. It must be one that the issuer gives to one person for ever and that nobody can change.",
	},
	{
		key: "allow_unmarked", at: func(i *Issuer) any { return &i.AllowUnmarked }, sample: "false",
		doc: "Take a token that states no scopes and shows neither a person nor a machine for a machine's. Nobody who signs in may get such a token.",
	},
}

// algorithms are the asymmetric ones: with a shared key, whoever can check a
// token could also make one.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// unfit claims cannot say who a person is: what people change themselves, what another
// has later, what is about the request, and what many have alike.
var unfit = regexp.MustCompile(`(?i)mail|name|phone|upn|login|^(address|birthdate|gender|locale|picture|profile|website|zoneinfo|` +
	`iss|aud|exp|nbf|iat|jti|sid|nonce|azp|appid|client_?id|cid|tid|hd|org_id|idp|ipaddr|scope|scp|roles|groups|typ|ver|acr|amr|auth_time|idtyp|gty)$`)

// issuers checks each entry, and that no two claim the same tokens.
func (v *validator) issuers() {
	first := map[string]int{}
	for i := range v.cfg.Issuers {
		one, key := &v.cfg.Issuers[i], fmt.Sprintf("issuers[%d]", i)
		v.issuer(key, one)
		j, twice := first[one.matches()]
		if !twice {
			first[one.matches()] = i
		} else if one.Issuer != "" {
			v.add(key, fmt.Sprintf("matches the same tokens as issuers[%d]; "+
				"tell the two apart by audience, subjects or claims, or remove one", j))
		}
	}
}

// matches spells out which tokens an entry is for, whatever the order.
func (i *Issuer) matches() string {
	set := func(s []string) []string { return slices.Compact(slices.Sorted(slices.Values(s))) }
	return fmt.Sprintf("%q %q %q %q", i.Issuer, set(i.Audience), set(i.Subjects), i.Claims)
}

func (v *validator) issuer(key string, i *Issuer) {
	v.issuerURL(key+".issuer", i.Issuer, i.AllowPrivate, true)
	v.issuerURL(key+".jwks_url", i.JWKSURL, i.AllowPrivate, false)
	if len(i.Audience) == 0 {
		v.add(key+".audience", "is empty, so tokens meant for other services would pass; list at least one audience")
	}
	v.noneEmpty(key+".audience", i.Audience)
	v.noneEmpty(key+".subjects", i.Subjects)
	for _, need := range []struct{ name, value, what string }{
		{"organization", i.Organization, "name the organization that the token acts in"},
		{"connection", i.Connection, "name the connection that the token acts as"},
		{"scope_claim", i.ScopeClaim, "name the claim that lists the scopes, such as scope"},
		{"subject_claim", i.SubjectClaim, "name the claim that says which person a token is about, such as sub"},
	} {
		if need.value == "" {
			v.add(key+"."+need.name, "is empty; "+need.what)
		}
	}
	if unfit.MatchString(i.SubjectClaim) {
		v.add(key+".subject_claim", "names a claim that people can change, that goes from one to another, or that many have alike; "+
			"use one that the issuer gives to one person and never again, such as sub or Entra's oid")
	}
	if len(i.Algorithms) == 0 {
		v.add(key+".algorithms", "is empty; list at least one, such as RS256")
	}
	for _, alg := range i.Algorithms {
		if !slices.Contains(algorithms, alg) {
			v.add(key+".algorithms", "holds one that is not accepted; use only "+enumerate(algorithms, "or"))
			break
		}
	}
}

// noneEmpty refuses an empty element, which an absent claim could match.
func (v *validator) noneEmpty(key string, list []string) {
	if slices.Contains(list, "") {
		v.add(key, "holds an empty text; remove it or write the value")
	}
}

// issuerURL guards an address the server will fetch from (K21). The fetcher
// checks again when it dials, because names resolve to anything.
func (v *validator) issuerURL(key, raw string, private, identifier bool) {
	if raw == "" {
		if identifier {
			v.add(key, "is empty; write the iss claim of the tokens, an https URL")
		}
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		v.add(key, "is not an absolute URL; write one such as https://login.example.com/tenant")
		return
	}
	if u.User != nil || u.Fragment != "" || identifier && (u.RawQuery != "" || u.ForceQuery) {
		v.add(key, "has a user, query or fragment, which does not belong in it; remove that part")
	}
	switch reach := reachOf(u.Hostname()); {
	case reach == forbidden:
		v.add(key, "points to a link-local or otherwise special address, which is never fetched; use the issuer's real name")
	case private:
	case u.Scheme != "https":
		v.add(key, "is not https; use https, or set allow_private for an issuer inside the network")
	case reach == inside:
		v.add(key, "points to a private address; use a public one, or set allow_private for an issuer inside the network")
	}
}

// reach says how far away a host is, as far as its spelling tells.
type reach int

const (
	public    reach = iota
	inside          // loopback, private or carrier-internal
	forbidden       // link-local (cloud metadata), multicast, unspecified
)

var (
	carrierInternal = netip.MustParsePrefix("100.64.0.0/10")
	thisNetwork     = netip.MustParsePrefix("0.0.0.0/8")
	metadataV6      = netip.MustParseAddr("fd00:ec2::254")
)

func reachOf(host string) reach {
	if loopback(host) {
		return inside
	}
	ip, err := netip.ParseAddr(host)
	ip = ip.Unmap().WithZone("")
	switch {
	case err != nil:
		return public
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified(), ip == metadataV6, thisNetwork.Contains(ip):
		return forbidden
	case ip.IsPrivate(), carrierInternal.Contains(ip):
		return inside
	}
	return public
}

// enumerate joins words as in "a, b or c".
func enumerate(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}
