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

func (Sale) change() {}

// RuleEmailBlocked refuses a blocked address, at purchases and at every other door
// (S1-7, S1-24).
const RuleEmailBlocked RuleID = "email.blocked"

// sell makes the draft of a sale.
func (s *Service) sell(ctx context.Context, r Reader, req Request, d *Draft, c Sale) ([]Finding, error) {
	d.Verb, d.Subject = "purchase.record", c.ID
	d.Actor = Actor{Kind: ByPurchase, Subject: c.ID, Connection: req.Actor.Connection, Credential: req.Actor.Credential, User: req.Actor.User}
	if _, err := Load[Purchase](ctx, r, d.Org, c.ID); !errors.Is(err, ErrNotFound) {
		d.Verb = ""
		return nil, err // told already: nothing happens
	}
	p := Purchase{Head: Head{ID: c.ID}, Email: c.Email, Channel: c.Channel, Outcome: "recorded"}
	entry, err := FindAddress(ctx, r, c.Type, d.Org, c.Email)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return nil, err
	case entry.Blocked:
		return refusal(RuleEmailBlocked, Authority, "The address %s is blocked, so the purchase is prevented; an administrator can lift the block.", MailKey(c.Email)), nil
	case entry.Returns:
		if err := s.comeBack(ctx, r, req, d, c, entry.User); err != nil {
			return nil, err
		}
		if d.Before != nil {
			p.Outcome, p.User = "reactivated", entry.User
			seats, err := SeatsOf(ctx, r, d.Org, CoreSKU, d.Now)
			if err != nil {
				return nil, err
			}
			if seats.Limited && seats.Free == 0 && (!IsExternal(d.Before) || seats.Takes()) {
				p.Outcome = "waitlisted"
			}
		}
	}
	return nil, Save(d, d.Org, &p)
}

// comeBack turns the draft into the return of a person.
func (s *Service) comeBack(ctx context.Context, r Reader, req Request, d *Draft, c Sale, user string) error {
	err := s.begin(ctx, r, req, d, c.Type, user)
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
