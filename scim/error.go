package scim

import "fmt"

// ErrorType is the scimType of an error (RFC 7644 table 9, RFC 9865 section 2.5).
type ErrorType string

// The error types.
const (
	InvalidFilter ErrorType = "invalidFilter"
	TooMany       ErrorType = "tooMany"
	NotUniqueType ErrorType = "uniqueness"
	BadMutability ErrorType = "mutability"
	InvalidSyntax ErrorType = "invalidSyntax"
	InvalidPath   ErrorType = "invalidPath"
	NoTarget      ErrorType = "noTarget"
	InvalidValue  ErrorType = "invalidValue"
	InvalidVers   ErrorType = "invalidVers"
	Sensitive     ErrorType = "sensitive"
	InvalidCursor ErrorType = "invalidCursor"
	ExpiredCursor ErrorType = "expiredCursor"
	InvalidCount  ErrorType = "invalidCount"
)

// Error is a mistake in what a client sent. Detail is one complete sentence
// that says what is wrong and what to do; it holds no secrets.
type Error struct {
	Type   ErrorType
	Detail string
}

func (e *Error) Error() string { return string(e.Type) + ": " + e.Detail }

// Errorf makes an Error of the given type.
func Errorf(t ErrorType, format string, args ...any) *Error {
	return &Error{t, fmt.Sprintf(format, args...)}
}
