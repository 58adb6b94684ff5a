//go:build race

package app_test

// raced tells that the race detector watches, which multiplies what memory holds.
const raced = true
