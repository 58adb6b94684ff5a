package policy

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
)

// brake is G8: a client that deactivates too many at once is held until an
// administrator allows it (K62). On the day of a departure the client that set the
// date is.
func brake(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	profile, err := estate.ProfileOf(ctx, r, d.Org)
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
	held, err := lifecycle.Brakes(ctx, r, d, profile.Brake, by.Connection)
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
