package estate

import (
	"context"
	"errors"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// The rules of accounts that cannot be used.
const (
	RuleAccountClosed directory.RuleID = "account.closed"
	RuleAccountSpam   directory.RuleID = "account.spam"
)

// Usable finds the account of an address, empty when there is none, and refuses what
// can no longer be used: nobody lets its person in, invites them or gives them
// anything, whatever became of their membership (S3-29).
func Usable(ctx context.Context, r directory.Documents, address string) (Account, []directory.Finding, error) {
	a, err := AccountOf(ctx, r, address)
	if errors.Is(err, directory.ErrNotFound) {
		return a, nil, nil
	}
	if err != nil {
		return a, nil, err
	}
	switch a.State {
	case Closed:
		return a, []directory.Finding{directory.Refused(RuleAccountClosed, directory.Authority, "The account of this address was closed by its owner and cannot be used again; the person must open a new one first.")}, nil
	case Spam:
		return a, []directory.Finding{directory.Refused(RuleAccountSpam, directory.Authority, "The account of this address is marked as spam; the operator of the server can lift that.")}, nil
	}
	return a, nil, nil
}

// Become changes the state of an account. With any but open, every credential that its
// person has anywhere ends (S3-19).
func (a *Account) Become(state AccountState, now time.Time) {
	if state != Open && state != a.State {
		a.ValidAfter = now
	}
	a.State = state
}

// DeadUntil is the moment up to which credentials of a person are dead: the later one
// of the membership's, which a deactivation here sets, and of the account's, which
// holds in every organization (S3-25). Zero when none are.
func DeadUntil(ctx context.Context, r directory.Documents, person *scim.Resource) (time.Time, error) {
	a, err := AccountOf(ctx, r, directory.PrimaryAddress(person))
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return time.Time{}, err
	}
	return a.DeadUntil(person), nil
}

// DeadUntil is the moment up to which credentials of a person are dead whose account
// this is, or is not there.
func (a *Account) DeadUntil(person *scim.Resource) time.Time {
	if after := directory.ValidAfter(person); after.After(a.ValidAfter) {
		return after
	}
	return a.ValidAfter
}
