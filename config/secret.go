package config

import (
	"fmt"
	"io"
)

// masked stands for a secret wherever one would be printed.
const masked = "***"

// Secret is text that no printer shows. The value sits in a closure, so that
// printers that walk private fields do not find it either.
type Secret struct {
	file   string
	reveal func() string
}

// NewSecret returns a secret that did not come from a file.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return value }}
}

// Reveal returns the value, which is empty when the secret is not set.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// File returns the path that the secret is read from.
func (s Secret) File() string { return s.file }

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.reveal != nil }

// String returns "***", or nothing when the secret is not set.
func (s Secret) String() string {
	if s.reveal == nil && s.file == "" {
		return ""
	}
	return masked
}

// Format writes the same for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText keeps the value out of JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
