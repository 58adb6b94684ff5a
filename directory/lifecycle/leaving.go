package lifecycle

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// RuleUndo refuses to undo what can no longer be.
const RuleUndo directory.RuleID = "undo.over"

// Undo takes a deactivation back while it can be: teams, records, assignments and
// subscriptions return, as long as nobody has changed them since. The seat was
// free at once, so one is needed. Without all, it is the offer of C1: what was
// lost is restored to a person who is active again, for those parts named.
func Undo(rt *scim.ResourceType, user, departure string, parts []string) directory.SetState {
	return directory.SetState{Type: rt, ID: user, Verb: "user.deactivate.undo", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := directory.Load[estate.Departure](ctx, r, d.Org, departure)
		if err != nil {
			return nil, err
		}
		wanted := parts // a plan may be made again, from the same wish
		restore := len(wanted) > 0
		switch {
		case p.User != user:
			return nil, directory.ErrNotFound
		case !p.Undone.IsZero() || !restore && len(p.Restored) > 0:
			return directory.Firmly(RuleUndo, directory.State, "This deactivation was undone already."), nil
		case slices.ContainsFunc(parts, func(one string) bool { return slices.Contains(p.Restored, one) }):
			return directory.Firmly(RuleUndo, directory.State, "This was restored already."), nil
		case restore && d.Was != directory.Active:
			return directory.Firmly(RuleUndo, directory.State, "%s is not active; activate them first, then restore what was lost.", directory.DisplayOf(d.Before)), nil
		case !restore && (d.Was != directory.Inactive || !d.Now.Before(p.UndoUntil) || p.Created.Before(deactivatedAt(d.Before))): // a later one has taken its place
			return directory.Firmly(RuleUndo, directory.State, "The time to undo this deactivation is over; activate the person, then restore what was lost."), nil
		}
		if !restore {
			if d.Is = directory.Active; p.Frozen {
				d.Is = directory.Suspended
			}
			d.Waitlist = false // nothing may return to somebody who only waits
			d.After.Set(schemas.User.Active, scim.BoolValue(true))
			wanted = []string{"records", "teams", "subscriptions"}
		} else {
			d.Verb = "user.restore"
		}
		u := undoing{r, d, p}
		for _, part := range wanted {
			if err := u.part(ctx, part); err != nil {
				return nil, err
			}
		}
		if restore {
			p.Restored = append(p.Restored, parts...)
		} else {
			p.Undone = d.Now
		}
		return nil, directory.Save(d, d.Org, &p)
	}}
}

// deactivatedAt is when an inactive person was deactivated.
func deactivatedAt(r *scim.Resource) time.Time {
	v, _ := r.Get(schemas.Usher.DeactivatedAt)
	t, _ := scim.ParseTime(v.Text())
	return t
}

type undoing struct {
	directory.Reader
	d *directory.Draft
	p estate.Departure
}

func (u undoing) part(ctx context.Context, part string) error {
	switch part {
	case "records":
		return u.records(ctx)
	case "teams":
		return u.teams(ctx)
	case "subscriptions":
		return u.subscriptions(ctx)
	}
	return scim.Errorf(scim.InvalidValue, "What can be restored is records, teams and subscriptions.")
}

// records return which the transferee still has, who is not asked about them any more.
func (u undoing) records(ctx context.Context) error {
	if !directory.IsEmployee(u.d.After) {
		return nil
	}
	n := 0
	for _, id := range u.p.Records {
		rec, err := directory.Load[estate.Record](ctx, u, u.d.Org, id)
		if errors.Is(err, directory.ErrNotFound) || err == nil && rec.Owner != u.p.TransferredTo {
			continue
		}
		if err != nil {
			return err
		}
		rec.Owner = u.p.User
		if err := directory.Save(u.d, u.d.Org, &rec); err != nil {
			return err
		}
		n++
	}
	if n > 0 {
		u.d.Do("records.returned", u.p.User, n)
	}
	return estate.DropOne[Transfer](ctx, u.Reader, u.d, u.p.ID)
}

func (u undoing) teams(ctx context.Context) error {
	rt, err := u.Type("Group")
	if err != nil {
		return err
	}
	for _, id := range u.p.Teams {
		team, err := u.Get(ctx, directory.Ref{Org: u.d.Org, Type: rt, ID: id})
		if errors.Is(err, directory.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		u.d.Relink(team, directory.EdgeDelta{Add: []directory.Member{{ID: u.p.User, Type: "User"}}})
		u.d.Do("team.joined", id, 1)
	}
	return nil
}

// subscriptions run again which are still the person's.
func (u undoing) subscriptions(ctx context.Context) error {
	n := 0
	for _, id := range u.p.Subscriptions {
		s, err := directory.Load[estate.Subscription](ctx, u, u.d.Org, id)
		if errors.Is(err, directory.ErrNotFound) || err == nil && (s.Active || s.User != u.p.User) {
			continue
		}
		if err != nil {
			return err
		}
		s.Active, s.Cancelled = true, time.Time{}
		n++
		if err := directory.Save(u.d, u.d.Org, &s); err != nil {
			return err
		}
	}
	if n > 0 {
		u.d.Do("subscription.renewed", u.p.User, n)
	}
	return nil
}
