package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Identifiers refuses names with characters that nobody can see or that change
// the direction of reading (K36), and names and mail addresses that are too long
// (K56).
type Identifiers struct{}

// RuleIdentifiers names the rule.
const RuleIdentifiers directory.RuleID = "identifier"

const (
	maxIdentifier = 256 // bytes of a unique value
	maxAddress    = 254 // bytes of a mail address that can be written to (RFC 5321)
)

var emailValue = schemas.User.Emails.Value()

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
		found = append(found, malformed(a, scim.Errorf(scim.InvalidValue, "The value of %s %s; send a plain one.", a.Path(), problem)))
	}
	if directory.IsPerson(d.Type) && longAddress(d.Before, d.After) {
		found = append(found, malformed(emailValue, scim.Errorf(scim.InvalidValue, "The value of %s is longer than %d bytes, so nobody could write to it; send the address itself.", emailValue.Path(), maxAddress)))
	}
	return found, nil
}

func malformed(a *scim.Attribute, err *scim.Error) directory.Finding {
	return directory.Finding{Rule: RuleIdentifiers, Verdict: directory.Refuse, Path: a.Path(), Reason: err.Detail, Err: err}
}

// longAddress reports whether a record has a mail address that is too long. One that
// it had before may stay.
func longAddress(before, after *scim.Resource) bool {
	is, _ := after.Get(schemas.User.Emails)
	for _, e := range is.List() {
		if text, _ := e.Get(emailValue); len(text.Text()) > maxAddress && !hasAddress(before, text.Text()) {
			return true
		}
	}
	return false
}

func hasAddress(r *scim.Resource, address string) (found bool) {
	if r != nil {
		r.Each(emailValue, func(_ int, v scim.Value) { found = found || v.Text() == address })
	}
	return found
}
