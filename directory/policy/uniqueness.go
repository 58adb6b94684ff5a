package policy

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Uniqueness refuses a value that another resource of the organization holds
// already, compared by scim.Key.
type Uniqueness struct{}

// RuleUniqueness names the rule.
const RuleUniqueness directory.RuleID = "duplicate"

// Review looks at every unique attribute whose key changes.
func (Uniqueness) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if d.After == nil {
		return nil, nil
	}
	var found []directory.Finding
	for _, a := range d.Type.UniqueAttributes() {
		value := d.After.Text(a)
		if value == "" {
			continue
		}
		key := scim.Key(value)
		if d.Before != nil && scim.Key(d.Before.Text(a)) == key {
			continue
		}
		owner, err := r.Owner(ctx, directory.UniqueKey{Org: d.Org, Type: d.Type, Attr: a, Key: key})
		if errors.Is(err, directory.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if d.Before != nil && owner == d.Before.ID {
			continue
		}
		detail, err := taken(ctx, r, d, a, owner)
		if err != nil {
			return nil, err
		}
		found = append(found, directory.Finding{Rule: RuleUniqueness, Verdict: directory.Refuse, Path: a.Path(), Reason: detail,
			Err: &directory.UniqueError{Path: a.Path(), Detail: detail}})
	}
	return found, nil
}

// taken says who is in the way, and how to go on when that is somebody inactive.
func taken(ctx context.Context, r directory.Reader, d *directory.Draft, a *scim.Attribute, owner string) (string, error) {
	holder, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: d.Type, ID: owner})
	if err != nil {
		return "", err
	}
	if active, ok := d.Type.Root("active"); ok {
		if on, set := holder.Bool(active); set && !on {
			return fmt.Sprintf("The %s is already used by an inactive %s; to bring it back, set active to true on that one (id %s).", a.Path(), scim.Fold(d.Type.Name), owner), nil
		}
	}
	return fmt.Sprintf("The %s is already used by another %s; choose a different value or update that one.", a.Path(), scim.Fold(d.Type.Name)), nil
}
