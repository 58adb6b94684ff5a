// Package oidc verifies the access tokens of other issuers: signed JWTs that a
// provisioning client got from the authorization server of its organization. What
// is accepted is written down beforehand in Bindings; nothing in a token chooses a
// key, an algorithm or an address. Tokens are held to RFC 8725 and, as far as
// issuers in the field allow, to RFC 9068.
package oidc
