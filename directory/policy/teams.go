package policy

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// References checks the people that a record names: they must exist in the
// organization, and those of another one are as unknown as those that never were
// (K03).
type References struct{}

// RuleReference names the rule.
const RuleReference directory.RuleID = "reference.unknown"

// Review looks at transferRecordsTo, and at the dates of leaving.
func (References) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.After == nil {
		return nil, nil
	}
	for _, a := range []*scim.Attribute{schemas.Usher.TerminationDate, schemas.Usher.ContractEndDate} {
		if text := d.After.Text(a); text != "" {
			if _, ok := directory.ParseLeavingDate(text); !ok {
				err := scim.Errorf(scim.InvalidValue, "The value of %s is not a date such as 2026-12-31, nor a dateTime such as 2026-12-31T17:00:00Z.", a.Path())
				return []directory.Finding{{Rule: RuleReference, Verdict: directory.Refuse, Class: directory.Invalid, Path: a.Path(), Reason: err.Detail, Err: err}}, nil
			}
		}
	}
	named := d.After.Text(schemas.Usher.TransferRecordsTo)
	if named == "" || d.Before != nil && d.Before.Text(schemas.Usher.TransferRecordsTo) == named {
		return nil, nil
	}
	_, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: d.Type, ID: directory.ReferenceID(named)})
	if !isNotFound(err) {
		return nil, err
	}
	return []directory.Finding{unknown(schemas.Usher.TransferRecordsTo)}, nil
}

func unknown(a *scim.Attribute) directory.Finding {
	err := scim.Errorf(scim.InvalidValue, "The value of %s names a user that does not exist here; send the id of one that does.", a.Path())
	return directory.Finding{Rule: RuleReference, Verdict: directory.Refuse, Class: directory.Invalid, Path: a.Path(), Reason: err.Detail, Err: err}
}

// Teams keeps every team's leader fit to lead: an active person, and not one who is
// taken out of the team, unless it gets another leader with that.
type Teams struct{}

// RuleLeader names the rule.
const RuleLeader directory.RuleID = "team.leader"

// Review looks at the leader of a group.
func (Teams) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsGroup(d.Type) {
		return nil, nil
	}
	was, is := leader(d.Before), leader(d.After)
	if led := or(is, was); led != "" && d.After != nil && slices.Contains(d.Edges.Remove, led) {
		f := refuse(RuleLeader, directory.State, "This member leads the team; choose another leader first.")
		f.Firm = true
		return []directory.Finding{f}, nil
	}
	if was == is {
		return nil, nil
	}
	if found, err := fit(ctx, r, d, is); err != nil || found != nil {
		return found, err
	}
	return nil, lead(ctx, r, d, is)
}

// leader is the id of who leads a group.
func leader(group *scim.Resource) string {
	if group == nil {
		return ""
	}
	return directory.ReferenceID(group.Text(schemas.UsherGroup.Leader))
}

// fit refuses who cannot lead.
func fit(ctx context.Context, r directory.Reader, d *directory.Draft, id string) ([]directory.Finding, error) {
	if id == "" {
		return nil, nil
	}
	people, err := r.Type("User")
	if err != nil {
		return nil, err
	}
	person, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: people, ID: id})
	switch {
	case isNotFound(err):
		return []directory.Finding{unknown(schemas.UsherGroup.Leader)}, nil
	case err != nil:
		return nil, err
	case directory.StatusOf(person) != directory.Active:
		err := scim.Errorf(scim.InvalidValue, "The leader of a team must be active; activate that person first, or choose another one.")
		return []directory.Finding{{Rule: RuleLeader, Verdict: directory.Refuse, Class: directory.Invalid, Path: schemas.UsherGroup.Leader.Path(), Reason: err.Detail, Err: err}}, nil
	case !directory.IsEmployee(person): // whom no guard would keep from leaving the team behind
		err := scim.Errorf(scim.InvalidValue, "The leader of a team must be an employee; choose another person.")
		return []directory.Finding{{Rule: RuleLeader, Verdict: directory.Refuse, Class: directory.Invalid, Path: schemas.UsherGroup.Leader.Path(), Reason: err.Detail, Err: err}}, nil
	}
	return nil, nil
}

// lead keeps who leads the group.
func lead(ctx context.Context, r directory.Reader, d *directory.Draft, id string) error {
	group := d.After
	if group == nil {
		group = d.Before
	}
	l, err := directory.LoadOr[estate.Leadership](ctx, r, d.Org, group.ID)
	if err != nil {
		return err
	}
	if id == "" {
		if l.Version > 0 {
			directory.Drop(d, d.Org, &l)
		}
		return nil
	}
	l.Leader = id
	return directory.Save(d, d.Org, &l)
}
