package directory

import (
	"context"
	"errors"

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
func Sell(c Sale) Command {
	return Command{Action: "purchase.record", Plan: c.plan}
}

// RuleEmailBlocked refuses a blocked address, at purchases and at every other door
// (S1-7, S1-24).
const RuleEmailBlocked RuleID = "email.blocked"

// plan makes the draft of a sale.
func (c Sale) plan(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
	d.Subject = c.ID
	d.Actor = Actor{Kind: ByPurchase, Subject: c.ID, Connection: d.Actor.Connection, Credential: d.Actor.Credential, User: d.Actor.User}
	if _, err := Load[Purchase](ctx, r, d.Org, c.ID); !errors.Is(err, ErrNotFound) {
		d.Verb = ""
		return nil, err // told already: nothing happens
	}
	if err := CheckID("id", c.ID); err != nil {
		return nil, err
	}
	p := Purchase{Head: Head{ID: c.ID}, Email: c.Email, Channel: c.Channel, Outcome: "recorded"}
	entry, err := FindAddress(ctx, r, c.Type, d.Org, c.Email)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return nil, err
	case entry.Blocked:
		return Firmly(RuleEmailBlocked, Authority, "The address %s is blocked, so the purchase is prevented; an administrator can lift the block.", MailKey(c.Email)), nil
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
	return nil, Save(d, d.Org, &p)
}

// welcome is what a sale comes to whose person may return. One that finds its person
// waiting already, and still no seat, changes nothing about them.
func (c Sale) welcome(ctx context.Context, r Reader, d *Draft) (outcome string, err error) {
	seats, err := SeatsOf(ctx, r, d.Org, CoreSKU, d.Now)
	if err != nil {
		return "", err
	}
	behind, err := QueueAhead(ctx, r, d, d.Before.ID)
	if err != nil || !behind && (!seats.Limited || seats.Free > 0) || IsExternal(d.Before) && !seats.Takes() {
		return "reactivated", err
	}
	if d.Before.Text(schemas.Usher.SeatState) == SeatWaitlisted {
		d.Type, d.Before, d.After, d.Was, d.Is = nil, nil, nil, "", ""
		d.Verb, d.Subject = "purchase.record", c.ID
	}
	return "waitlisted", nil
}

// comeBack turns the draft into the return of a person.
func (c Sale) comeBack(d *Draft, user string) error {
	err := d.About(c.Type, user)
	if errors.Is(err, ErrNotFound) {
		d.Type, d.Before = nil, nil
		return nil
	}
	if err != nil {
		return err
	}
	if d.Was != Inactive {
		d.Type, d.Before, d.Was = nil, nil, ""
		return nil
	}
	d.After, d.Is, d.Verb = d.Before.Clone(), Active, ""
	d.After.Set(schemas.User.Active, scim.BoolValue(true))
	d.Waitlist = true
	return nil
}
