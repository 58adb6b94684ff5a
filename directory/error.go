package directory

import "errors"

// What the directory and its stores answer when something cannot be had.
// Adapters map them to their own protocol.
var (
	// ErrNotFound: there is no such thing in this organization.
	ErrNotFound = errors.New("not found")
	// ErrExists: the name is taken.
	ErrExists = errors.New("already exists")
	// ErrVersion: the resource is not at the version the caller named.
	ErrVersion = errors.New("version does not match")
	// ErrBusy: the store cannot answer now; the caller may try again.
	ErrBusy = errors.New("the store is busy")
	// ErrTooMany: the answer would be larger than the server gives.
	ErrTooMany = errors.New("too many results")
	// ErrLimit: a running total is at its limit.
	ErrLimit = errors.New("the limit is reached")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("the store is closed")
)
