package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Own bounds what people change of themselves through /Me (3.6): their account data.
// What they are here, what they sign in with and what Usher keeps of them is for
// others to change.
type Own struct{}

// RuleOwn names the rule.
const RuleOwn directory.RuleID = "self.not_yours"

// yours are the members of a record that are the person's own.
var yours = map[string]bool{"name": true, "displayname": true, "nickname": true, "profileurl": true, "phonenumbers": true, "ims": true,
	"photos": true, "addresses": true, "preferredlanguage": true, "locale": true, "timezone": true}

// Review looks at what changes.
func (Own) Review(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.Before == nil || d.After == nil || d.Actor.Kind != directory.Client || d.Actor.User != d.Before.ID {
		return nil, nil
	}
	for _, a := range scim.Changed(d.Before, d.After) {
		if a.IsExtension() || !yours[scim.Fold(a.Name)] {
			f := refuse(RuleOwn, directory.Authority, "You cannot change %s of yourself; an administrator of the organization can.", directory.PathOf(a))
			f.Firm, f.Path = true, directory.PathOf(a)
			return []directory.Finding{f}, nil
		}
	}
	return nil, nil
}
