package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// State keeps what a person's record says of where they stand. It refuses
// nothing; it is the only place that writes status.
type State struct{}

// Review amends the draft.
func (State) Review(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.After == nil || d.Was == d.Is && d.Before != nil && d.Before.Text(schemas.Usher.Status) != "" {
		return nil, nil
	}
	directory.SetText(d.After, schemas.Usher.Status, string(d.Is))
	switch {
	case d.Before == nil:
	case d.Is == directory.Inactive:
		setTime(d, schemas.Usher.DeactivatedAt)
		directory.SetText(d.After, schemas.Usher.DeactivatedBy, d.Actor.Name())
		setTime(d, schemas.Usher.CredentialsValidAfter)
	case d.Is == directory.Suspended:
		setTime(d, schemas.Usher.CredentialsValidAfter)
	}
	if d.Returns() {
		d.After.SetPath(schemas.Usher.DeactivatedAt, scim.Value{})
		d.After.SetPath(schemas.Usher.DeactivatedBy, scim.Value{})
	}
	return nil, nil
}

func setTime(d *directory.Draft, a *scim.Attribute) {
	d.After.SetPath(a, scim.TimeValue(d.Now, scim.FormatTime(d.Now)))
}

// setFlag gives an attribute the value true, or none.
func setFlag(r *scim.Resource, a *scim.Attribute, on bool) {
	if !on {
		r.SetPath(a, scim.Value{})
		return
	}
	r.SetPath(a, scim.BoolValue(true))
}

func refuse(rule directory.RuleID, class directory.Class, format string, args ...any) directory.Finding {
	return directory.Refused(rule, class, format, args...)
}
