package estate

import (
	"context"
	"encoding/json"
	"errors"
	"github.com/usher-scim/usher/directory"
	"strings"
	"time"
)

// Approval is the word of one of the two people that a change needs. Its id says which:
// the id of the person who is to be deactivated, or else ApprovalID. A leader gives that
// of a freeze first, by asking for it (3.6); any other is the second one's.
type Approval struct {
	directory.Head
	By     string    `json:"by"` // Actor.Signature of that one
	Until  time.Time `json:"until"`
	Freeze string    `json:"freeze,omitempty"` // whom to freeze
}

// Kind is "approval".
func (*Approval) Kind() directory.Kind { return "approval" }

// Keys are when it lapses and, of requests to freeze somebody, that they are, and whose.
func (a *Approval) Keys() []string {
	keys := []string{DueKey(a.Until)}
	if a.Freeze != "" {
		keys = append(keys, FreezeRequests, FreezeRequests+":"+a.By)
	}
	return keys
}

// Holds reports whether it still counts.
func (a *Approval) Holds(now time.Time) bool { return now.Before(a.Until) }

// ApprovalLife is how long an approval holds.
const ApprovalLife = 24 * time.Hour

// What needs an approval beside a deactivation.
const (
	ToHold    = "hold"     // a person's data, legally
	ToUnhold  = "unhold"   // of a person, or of one who was removed
	ToUnblock = "unblock"  // the addresses of a person, or one address
	ToSet     = "settings" // the brake and the rule of two people
	ToFreeze  = "freeze"   // a member of a team, as its leader asks
	ToOwn     = "owner"    // a person becomes the owner where there is none
)

// FreezeRequests is the key of approvals that ask for a freeze.
const FreezeRequests = "freeze"

// ApprovalID is the id of the approval to do something to somebody or something.
func ApprovalID(what, of string) string { return what + ":" + of }

// LiftID is the id of the approval to lift the block of an address: that of its person,
// whose addresses are blocked together, or its own. It holds no address.
func (a *Address) LiftID() string {
	if a.User != "" {
		return ApprovalID(ToUnblock, a.User)
	}
	return ApprovalID(ToUnblock, directory.SecretHash(a.ID))
}

// Safeguards are the settings that an administrator does not change alone where the
// organization asks for two people.
type Safeguards struct {
	Brake     Brake `json:"brake"`
	TwoPeople bool  `json:"twoPeople"`
}

// Safeguards of the profile.
func (p *Profile) Safeguards() Safeguards { return Safeguards{p.Brake, p.TwoPeople} }

// ApprovalID is the id of the approval to set just these.
func (s Safeguards) ApprovalID() (string, error) {
	data, err := json.Marshal(s)
	return ApprovalID(ToSet, directory.SecretHash(string(data))), err
}

// Approve notes that the actor of the draft allows what the id says.
func Approve(ctx context.Context, r directory.Documents, d *directory.Draft, id string) (Approval, error) {
	a, err := directory.LoadOr[Approval](ctx, r, d.Org, id)
	if err != nil {
		return a, err
	}
	a.By, a.Until = d.Actor.Signature(), d.Now.Add(ApprovalLife)
	d.Do("approval.given", id, 1)
	return a, directory.Save(d, d.Org, &a)
}

// Approved reports whether somebody other than who asks for it has allowed what the id
// says, and still could. The draft uses the approval up.
func Approved(ctx context.Context, r directory.Reader, d *directory.Draft, id string, by directory.Actor) (bool, error) {
	a, err := directory.Load[Approval](ctx, r, d.Org, id)
	if errors.Is(err, directory.ErrNotFound) || err == nil && (!a.Holds(d.Now) || a.By == by.Signature()) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if ok, err := a.stands(ctx, r, d); err != nil || !ok {
		return false, err
	}
	d.Do("approval.used", a.By, 1)
	directory.Drop(d, d.Org, &a)
	return true, nil
}

// stands reports whether who gave the approval is an administrator still: the word of
// one who has left, or lost the role, is nobody's. Credentials stand for themselves.
func (a *Approval) stands(ctx context.Context, r directory.Reader, d *directory.Draft) (bool, error) {
	if strings.Contains(a.By, ":") {
		return true, nil
	}
	person, err := ActivePerson(ctx, r, d.Org, a.By)
	if err != nil || person == nil {
		return false, err
	}
	s, err := directory.LoadOr[Standing](ctx, r, d.Org, a.By)
	return s.Role == directory.Owner || s.Role == directory.Admin, err
}
