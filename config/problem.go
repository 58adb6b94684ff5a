package config

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong, or questionable, with one key.
type Problem struct {
	Key     string
	Source  string // "file:line", a variable, a "--flag", or "default"
	Message string // one sentence: what is wrong and what to do
}

// newProblem makes a sentence that begins with the key.
func newProblem(key, source, rest string) Problem {
	message := show(key) + " " + rest
	if !strings.HasSuffix(rest, "?") {
		message += "."
	}
	return Problem{key, source, message}
}

// String returns the message after its source.
func (p Problem) String() string {
	if p.Source == "" {
		return p.Message
	}
	return p.Source + ": " + p.Message
}

// Problems is everything that is wrong, in the order it was met.
type Problems []Problem

// Error lists every problem on a line of its own.
func (p Problems) Error() string {
	var b strings.Builder
	if len(p) == 1 {
		b.WriteString("the configuration has 1 problem:")
	} else {
		fmt.Fprintf(&b, "the configuration has %d problems:", len(p))
	}
	for _, one := range p {
		b.WriteString("\n  " + one.String())
	}
	return b.String()
}

// err keeps an empty list from becoming a non-nil error.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
