// Package auth says who is calling and what they may do. It turns the bearer
// credential of a request into a Principal, bounded by the scopes of its
// connection. Package token verifies the long-lived tokens of the server, package
// oidc the access tokens of other issuers; a Chain tells the two apart.
package auth
