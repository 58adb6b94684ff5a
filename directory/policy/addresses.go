package policy

import (
	"context"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Addresses keeps blocked addresses out, whichever door they come to (S1-7, S1-24,
// K67). Who set a block, or may lift any, lifts it by letting the person in.
type Addresses struct{}

// Review looks at the addresses of people who are, or come, in.
func (Addresses) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.After == nil || d.Is == directory.Inactive {
		return nil, nil
	}
	if d.Returns() {
		return comesBack(ctx, r, d)
	}
	if d.Before != nil && sameAddresses(d.Before, d.After) {
		return nil, nil
	}
	known := directory.AddressesOf(d.Before)
	for _, key := range directory.AddressesOf(d.After) {
		if slices.Contains(known, key) {
			continue
		}
		entries, err := estate.FindAddresses(ctx, r, d.Type, d.Org, key, "")
		if err != nil {
			return nil, err
		}
		if found, err := liftAll(ctx, r, d, entries); err != nil || found != nil {
			return found, err
		}
		if len(entries) > 0 && d.Joins() && entries[0].User != "" && entries[0].User != d.After.ID {
			setTime(d, schemas.Usher.CredentialsValidAfter) // what was given to who had the address before is not theirs (K59)
		}
	}
	return nil, nil
}

// liftAll lets addresses in, or refuses where one of the blocks is not the actor's to lift.
func liftAll(ctx context.Context, r directory.Reader, d *directory.Draft, entries []estate.Address) ([]directory.Finding, error) {
	for i, entry := range entries {
		if entry.Blocked && !canLift(d, entry.By) {
			return []directory.Finding{blocked(entry.ID)}, nil
		}
		if found, err := MayLift(ctx, r, d, entry); err != nil || found != nil {
			return found, err
		}
		if slices.ContainsFunc(entries[:i], func(before estate.Address) bool { return before.ID == entry.ID }) {
			continue // of one address one entry is kept
		}
		if err := lift(d, entry); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func blocked(address string) directory.Finding {
	return refuse(lifecycle.RuleEmailBlocked, directory.Authority, "The address %s is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses.", address)
}

// comesBack lifts the blocks of a person who returns.
func comesBack(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if on, _ := d.Before.Bool(schemas.Usher.BlockListed); on {
		if !canLift(d, d.Before.Text(schemas.Usher.DeactivatedBy)) {
			return []directory.Finding{blocked(directory.PrimaryAddress(d.Before))}, nil
		}
		d.Do("address.lifted", d.Before.ID, len(directory.AddressesOf(d.Before)))
	}
	entries, err := estate.AddressesOnReturn(ctx, r, d)
	if err != nil {
		return nil, err
	}
	return liftAll(ctx, r, d, entries)
}

// lift ends a block, or the wait for a purchase; the entry stays (S1-23).
func lift(d *directory.Draft, entry estate.Address) error {
	if !entry.Blocked && !entry.Returns {
		return nil
	}
	if entry.Blocked {
		d.Do("address.lifted", d.Person().ID, 1) // the audit holds no address
	}
	return entry.Lift(d)
}

// sameAddresses spares the common change a look at the addresses one by one.
func sameAddresses(before, after *scim.Resource) bool {
	was, _ := before.Get(schemas.User.Emails)
	is, _ := after.Get(schemas.User.Emails)
	return before.Text(schemas.User.UserName) == after.Text(schemas.User.UserName) && was.Equal(is)
}

// canLift reports whether the actor may let a blocked address in: an administrator
// by hand, a client that has the right, and who set the block. An import is nobody's hand.
func canLift(d *directory.Draft, by string) bool {
	switch d.Actor.Kind {
	case directory.ByMember:
		return true
	case directory.Client, directory.Operator:
		return d.Actor.MayLiftBlock || by == d.Actor.Name()
	case directory.BySchedule:
		return strings.HasPrefix(by, string(directory.Client)+":") // from the waitlist
	}
	return false
}
