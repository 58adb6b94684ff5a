package policy

import (
	"context"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim/schemas"
)

// Schedules keeps the date on which a person leaves (T12), and the case of a
// departure that had to wait.
type Schedules struct{}

// Review adds what is to be kept to the draft.
func (Schedules) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) {
		return nil, nil
	}
	if on, _ := d.Person().Bool(schemas.User.Active); d.Deferred && on {
		return nil, openCase(ctx, r, d)
	}
	if d.TakesBack() {
		if err := closeCase(ctx, r, d); err != nil {
			return nil, err
		}
	}
	switch {
	case d.Leaves() || d.Deferred:
		return nil, nil // Departure ends it
	case d.After == nil: // who is removed was gone before their day
		return nil, dropSchedule(ctx, r, d)
	}
	return nil, keepSchedule(ctx, r, d)
}

// keepSchedule follows the date in the record. A departure has dropped the schedule,
// so who returns before their day is given it again.
func keepSchedule(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	at, reason := directory.LeavingDate(d.After)
	was, _ := directory.LeavingDate(d.Before)
	moved := !at.Equal(was)
	if !moved && !(d.Returns() && at.After(d.Now)) {
		return nil
	}
	s, err := directory.LoadOr[estate.Schedule](ctx, r, d.Org, d.After.ID)
	if err != nil || !moved && s.Version > 0 {
		return err
	}
	if moved && d.Before != nil {
		if err := closeFailed(ctx, r, d); err != nil {
			return err
		}
	}
	if at.IsZero() {
		if s.Version > 0 {
			directory.Drop(d, d.Org, &s)
		}
		return nil
	}
	s.At, s.Reason, s.By = at, reason, d.Actor
	s.Plan(d.Now)
	d.Do("departure.scheduled", d.After.ID, 1)
	return directory.Save(d, d.Org, &s)
}

// closeFailed ends the case of a departure that could not be on its day, whose date is
// another one since, or none.
func closeFailed(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	c, err := directory.LoadOr[directory.Case](ctx, r, d.Org, d.Before.ID)
	if err != nil || !c.Open || c.Reason != directory.CaseScheduled {
		return err
	}
	c.Open, c.Closed = false, d.Now
	return directory.Save(d, d.Org, &c)
}

// openCase keeps a departure that was accepted and has to wait.
func openCase(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	by, err := askedBy(ctx, r, d)
	if err != nil {
		return err
	}
	if err := dropSchedule(ctx, r, d); err != nil {
		return err
	}
	c, err := directory.LoadOr[directory.Case](ctx, r, d.Org, d.Before.ID)
	if err != nil {
		return err
	}
	if !c.Open {
		c.Dated = d.Actor.Kind == directory.BySchedule
	}
	c.Open, c.Reason, c.Blockers, c.By, c.Frozen, c.Closed = true, directory.CaseAccepted, d.Blocked, by, d.Was == directory.Suspended, time.Time{}
	d.Do("case.opened", d.Before.ID, len(d.Blocked))
	return directory.Save(d, d.Org, &c)
}

// closeCase ends the case of a departure that happens, or is taken back.
func closeCase(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	c, err := directory.Load[directory.Case](ctx, r, d.Org, d.Before.ID)
	switch {
	case isNotFound(err):
		return nil
	case err != nil || !c.Open:
		return err
	}
	c.Open, c.Closed = false, d.Now
	return directory.Save(d, d.Org, &c)
}

// askedBy is who wants a departure: the actor, or who set its date or asked for it
// before it had to wait, where the clock carries it out.
func askedBy(ctx context.Context, r directory.Reader, d *directory.Draft) (directory.Actor, error) {
	if d.Actor.Kind != directory.BySchedule {
		return d.Actor, nil
	}
	c, err := directory.LoadOr[directory.Case](ctx, r, d.Org, d.Before.ID)
	if err != nil || c.Open && c.By.Kind != "" {
		return c.By, err
	}
	s, err := directory.LoadOr[estate.Schedule](ctx, r, d.Org, d.Before.ID)
	if err != nil || s.By.Kind != "" {
		return s.By, err
	}
	return d.Actor, nil
}

// dropSchedule ends a schedule whose day has come.
func dropSchedule(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	s, err := directory.Load[estate.Schedule](ctx, r, d.Org, d.Before.ID)
	if isNotFound(err) {
		return nil
	}
	if err == nil {
		directory.Drop(d, d.Org, &s)
	}
	return err
}
