package lifecycle

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// The rules of requests to freeze somebody.
const (
	RuleFreezeDecider directory.RuleID = "freeze.decider"
	RuleFreezeLapsed  directory.RuleID = "freeze.lapsed"
)

// FreezeID is the id of the request to freeze a person.
func FreezeID(user string) string { return estate.ApprovalID(estate.ToFreeze, user) }

// LeadsMember reports whether somebody leads a team that another person belongs to.
func LeadsMember(ctx context.Context, r directory.Reader, org directory.OrgID, leader, user string) (bool, error) {
	if leader == "" || leader == user {
		return false, nil
	}
	teams, err := estate.TeamsOf(ctx, r, org, user)
	return slices.ContainsFunc(teams, func(t *scim.Resource) bool {
		return directory.ReferenceID(t.Text(schemas.UsherGroup.Leader)) == leader
	}), err
}

// AskFreeze adds the request of a leader to freeze a person to the draft; asking again
// begins its time anew.
func AskFreeze(ctx context.Context, r directory.Reader, d *directory.Draft, person *scim.Resource) (a estate.Approval, found []directory.Finding, err error) {
	if directory.StatusOf(person) != directory.Active {
		return a, directory.Firmly(RuleFreezeLapsed, directory.State, "%s is not active, so there is nothing to freeze.", directory.DisplayOf(person)), nil
	}
	if a, err = directory.LoadOr[estate.Approval](ctx, r, d.Org, FreezeID(person.ID)); err != nil {
		return a, nil, err
	}
	a.By, a.Until, a.Freeze, d.Subject = d.Actor.Signature(), d.Now.Add(estate.ApprovalLife), person.ID, person.ID
	d.Do("freeze.requested", a.By, 1)
	return a, nil, directory.Save(d, d.Org, &a)
}

// ApproveFreeze freezes a person whose leader has asked for it: a suspension by
// who approves, with all its rules, in which the request ends.
func ApproveFreeze(rt *scim.ResourceType, user string) directory.SetState {
	return directory.SetState{Type: rt, ID: user, Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		a, err := directory.Load[estate.Approval](ctx, r, d.Org, FreezeID(user))
		if err == nil && !a.Holds(d.Now) {
			err = directory.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		found, err := mayApprove(ctx, r, d, &a)
		if err != nil || found != nil {
			d.Verb = "freeze.approve"
			return found, err
		}
		d.Is = directory.Suspended
		d.Do("freeze.approved", a.By, 1)
		return nil, nil
	}}
}

// mayApprove wants a second person, and the first one to be who may still ask.
func mayApprove(ctx context.Context, r directory.Reader, d *directory.Draft, a *estate.Approval) ([]directory.Finding, error) {
	if a.By == d.Actor.Signature() {
		return directory.Firmly(RuleFreezeDecider, directory.Authority, "You have asked for this freeze yourself; another administrator can approve it."), nil
	}
	if f := DecidesOwnFreeze(d, a.Freeze); f != nil {
		return f, nil
	}
	leads, err := LeadsMember(ctx, r, d.Org, a.By, a.Freeze)
	if err != nil || leads {
		return nil, err
	}
	return directory.Firmly(RuleFreezeLapsed, directory.State, "Who asked for the freeze of %s does not lead their team any more; freeze the person yourself if it is still wanted.", directory.DisplayOf(d.Before)), nil
}

// DecidesOwnFreeze refuses who would decide on a freeze of their own.
func DecidesOwnFreeze(d *directory.Draft, user string) []directory.Finding {
	if d.Actor.User != user {
		return nil
	}
	return directory.Firmly(RuleFreezeDecider, directory.Authority, "You cannot decide on a freeze of your own; another administrator can.")
}
