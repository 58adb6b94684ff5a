package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Identifiers refuses names with characters that nobody can see or that change
// the direction of reading (K36), and names that are too long.
type Identifiers struct{}

// RuleIdentifiers names the rule.
const RuleIdentifiers directory.RuleID = "identifier"

const maxIdentifier = 256 // bytes of a unique value

// Review looks at the attributes that name a resource.
func (Identifiers) Review(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if d.After == nil {
		return nil, nil
	}
	var found []directory.Finding
	for _, a := range d.Type.UniqueAttributes() {
		value := d.After.Text(a)
		problem := scim.CheckIdentifier(value)
		if len(value) > maxIdentifier {
			problem = "is longer than 256 bytes"
		}
		if problem == "" || d.Before != nil && d.Before.Text(a) == value {
			continue
		}
		err := scim.Errorf(scim.InvalidValue, "The value of %s %s; send a plain one.", a.Path(), problem)
		found = append(found, directory.Finding{Rule: RuleIdentifiers, Verdict: directory.Refuse, Path: a.Path(), Reason: err.Detail, Err: err})
	}
	return found, nil
}
