package directory

import (
	"fmt"

	"github.com/usher-scim/usher/scim"
)

// ErrFormer: nobody has the subject any more. Whoever had it was removed, closed their
// account or is called something else.
var ErrFormer = fmt.Errorf("the subject was a person's and is nobody's now: %w", ErrNotAdmitted)

// Former remembers that a subject of access tokens meant a person, once it means none:
// what names no person counts as a machine, and nobody becomes one by leaving (K23,
// K59), nor does who is called that next inherit the tokens. It holds no name, so it
// outlives erasure. Its id is FormerID of the subject.
type Former struct{ Head }

// Kind is "former".
func (*Former) Kind() Kind { return "former" }

// Keys are none: it is found by its id.
func (*Former) Keys() []string { return nil }

// FormerID is the SHA-256 of the canonical key of a subject.
func FormerID(subject string) string { return SecretHash(scim.Key(subject)) }
