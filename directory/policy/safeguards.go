package policy

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
)

// brake is G8: a client that deactivates too many at once is held until an
// administrator allows it (K62). On the day of a departure the client that set the
// date is.
func brake(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	profile, err := directory.ProfileOf(ctx, r, d.Org)
	if err != nil || profile.Brake.Percent == 0 || d.Deferred && heldBack(d.Blocked) {
		return nil, err
	}
	by, err := askedBy(ctx, r, d)
	if err != nil || by.Kind != directory.Client {
		return nil, err
	}
	if counted, err := countedBefore(ctx, r, d); err != nil || counted {
		return nil, err
	}
	held, err := directory.Brakes(ctx, r, d, profile.Brake, by.Connection)
	if err != nil || !held {
		return nil, err
	}
	f := refuse(RuleBrake, directory.Authority, "This connection has deactivated more than %d %% of the active people within %d minutes, so this deactivation is held; an administrator can allow it, and the next attempt succeeds.", profile.Brake.Percent, profile.Brake.Span())
	f.Firm, f.Blocker = true, &directory.Blocker{OwnerID: d.Before.ID, Fix: &directory.Fix{Kind: "allow", RoleNeeded: string(directory.Admin), Href: "/api/v1/brake-releases"}}
	f.Revoke, f.Held = profile.Brake.Revoke, true
	return []directory.Finding{f}, nil
}

// countedBefore reports whether the clock finishes a departure that the brake let
// pass when it was accepted: nobody leaves twice.
func countedBefore(ctx context.Context, r directory.Reader, d *directory.Draft) (bool, error) {
	if d.Actor.Kind != directory.BySchedule {
		return false, nil
	}
	c, err := directory.LoadOr[directory.Case](ctx, r, d.Org, d.Before.ID)
	return err == nil && c.Open && c.Reason == directory.CaseAccepted && !heldBack(c.Blockers), err
}

// heldBack reports whether the brake is among what a departure waits for.
func heldBack(blockers []directory.Blocker) bool {
	return slices.ContainsFunc(blockers, func(b directory.Blocker) bool { return b.Code == RuleBrake })
}

// approval is G9: who holds a role is deactivated by two people, where the
// organization asks for that. The one who set the date of a departure is the first.
func approval(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	standing, err := directory.LoadOr[directory.Standing](ctx, r, d.Org, d.Before.ID)
	if err != nil || standing.Role == "" || d.Actor.Kind == directory.BySelf {
		return nil, err
	}
	profile, err := directory.ProfileOf(ctx, r, d.Org)
	if err != nil || !profile.TwoPeople {
		return nil, err
	}
	by, err := askedBy(ctx, r, d)
	if err != nil {
		return nil, err
	}
	ok, err := directory.Approved(ctx, r, d, d.Before.ID, by)
	if err != nil || ok {
		return nil, err
	}
	f := refuse(RuleApproval, directory.Authority, "The deactivation of %s needs the approval of a second person; another administrator can give it, and the next attempt succeeds.", directory.DisplayOf(d.Before))
	f.Firm, f.Blocker = true, &directory.Blocker{OwnerID: d.Before.ID, Fix: &directory.Fix{Kind: "approve", RoleNeeded: string(directory.Admin), Except: by.User, Href: "/api/v1/users/" + d.Before.ID + "/approval"}}
	f.Held = true
	return []directory.Finding{f}, nil
}
