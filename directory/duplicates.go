package directory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// Duplicates are values that resources have in common of attributes that a
// configuration makes unique. A store that finds any refuses to work with it.
type Duplicates struct{ of []duplicate }

type duplicate struct {
	kind     string
	attr     *scim.Attribute
	n        int
	examples []string
}

// mostExamples is how many owners of such values are told for an attribute.
const mostExamples = 3

// Add notes two resources of a type that have the same value of an attribute.
func (d *Duplicates) Add(org OrgID, rt *scim.ResourceType, a *scim.Attribute, first, second string) {
	i := slices.IndexFunc(d.of, func(have duplicate) bool { return have.kind == rt.Name && have.attr == a })
	if i < 0 {
		i = len(d.of)
		d.of = append(d.of, duplicate{kind: rt.Name, attr: a})
	}
	if d.of[i].n++; len(d.of[i].examples) < mostExamples {
		d.of[i].examples = append(d.of[i].examples, fmt.Sprintf("%s and %s in the organization %s", first, second, org))
	}
}

// Any reports whether there are some.
func (d *Duplicates) Any() bool { return len(d.of) > 0 }

// Err is the refusal, nil where there are none. It names owners and no values.
func (d *Duplicates) Err() error {
	if !d.Any() {
		return nil
	}
	slices.SortFunc(d.of, func(a, b duplicate) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.attr.Path(), b.attr.Path()))
	})
	var all []string
	for _, one := range d.of {
		have := "1 record has"
		if one.n > 1 {
			have = fmt.Sprintf("%d records have", one.n)
		}
		all = append(all, fmt.Sprintf("%s of %s is to be unique, and %s a value of it that another has too (%s)", one.attr.Path(), one.kind, have, strings.Join(one.examples, "; ")))
	}
	return errors.New(strings.Join(all, "; ") + "; go back to the configuration of before, give one of each two another value or none, and try this configuration again")
}
