// Package token makes and verifies the long-lived bearer tokens that provisioning
// clients are given once and keep. A token is 256 random bits behind a public id;
// the server keeps the id and the SHA-256 of the whole, never the token itself, so
// that whoever reads a backup cannot use what is in it.
package token
