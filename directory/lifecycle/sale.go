package lifecycle

import (
	"context"
	"errors"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Sale tells of a purchase (T8). One with a blocked address is refused; one with
// an address that may return brings its person back, once per purchase; any other
// is recorded. A person for whom there is no seat waits, and the purchase stands.
type Sale struct {
	Type    *scim.ResourceType // of users
	ID      string             // the seller's
	Email   string
	Channel string
}

// Sell is the change that a sale comes to.
func Sell(c Sale) directory.Command {
	return directory.Command{Action: "purchase.record", Plan: c.plan}
}

// RuleEmailBlocked refuses a blocked address, at purchases and at every other door
// (S1-7, S1-24).
const RuleEmailBlocked directory.RuleID = "email.blocked"

// plan makes the draft of a sale.
func (c Sale) plan(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	d.Subject = c.ID
	d.Actor = directory.Actor{Kind: directory.ByPurchase, Subject: c.ID, Connection: d.Actor.Connection, Credential: d.Actor.Credential, User: d.Actor.User}
	if _, err := directory.Load[estate.Purchase](ctx, r, d.Org, c.ID); !errors.Is(err, directory.ErrNotFound) {
		d.Verb = ""
		return nil, err // told already: nothing happens
	}
	if err := directory.CheckID("id", c.ID); err != nil {
		return nil, err
	}
	p := estate.Purchase{Head: directory.Head{ID: c.ID}, Email: c.Email, Channel: c.Channel, Outcome: "recorded"}
	entry, err := estate.FindAddress(ctx, r, c.Type, d.Org, c.Email)
	switch {
	case errors.Is(err, directory.ErrNotFound):
	case err != nil:
		return nil, err
	case entry.Blocked:
		return directory.Firmly(RuleEmailBlocked, directory.Authority, "The address %s is blocked, so the purchase is prevented; an administrator can lift the block.", directory.MailKey(c.Email)), nil
	case entry.Returns:
		if err := c.comeBack(d, entry.User); err != nil {
			return nil, err
		}
		if d.Before != nil {
			p.User = entry.User
			if p.Outcome, err = c.welcome(ctx, r, d); err != nil {
				return nil, err
			}
		}
	}
	return nil, directory.Save(d, d.Org, &p)
}

// welcome is what a sale comes to whose person may return. One that finds its person
// waiting already, and still no seat, changes nothing about them.
func (c Sale) welcome(ctx context.Context, r directory.Reader, d *directory.Draft) (outcome string, err error) {
	seats, err := estate.SeatsOf(ctx, r, d.Org, estate.CoreSKU, d.Now)
	if err != nil {
		return "", err
	}
	behind, err := estate.QueueAhead(ctx, r, d, d.Before.ID)
	if err != nil || !behind && (!seats.Limited || seats.Free > 0) || directory.IsExternal(d.Before) && !seats.Externals {
		return "reactivated", err
	}
	if d.Before.Text(schemas.Usher.SeatState) == directory.SeatWaitlisted {
		d.Type, d.Before, d.After, d.Was, d.Is = nil, nil, nil, "", ""
		d.Verb, d.Subject = "purchase.record", c.ID
	}
	return "waitlisted", nil
}

// comeBack turns the draft into the return of a person.
func (c Sale) comeBack(d *directory.Draft, user string) error {
	err := d.About(c.Type, user)
	if errors.Is(err, directory.ErrNotFound) {
		d.Type, d.Before = nil, nil
		return nil
	}
	if err != nil {
		return err
	}
	if d.Was != directory.Inactive {
		d.Type, d.Before, d.Was = nil, nil, ""
		return nil
	}
	d.After, d.Is, d.Verb = d.Before.Clone(), directory.Active, ""
	d.After.Set(schemas.User.Active, scim.BoolValue(true))
	d.Waitlist = true
	return nil
}
