package policy

import (
	"context"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim/schemas"
)

// Removal keeps what remains of a person who is removed (T10), or sees to it that
// nothing does (T11).
type Removal struct{}

// RuleLegalHold refuses to erase what must be kept.
const RuleLegalHold directory.RuleID = "retention.legal_hold"

// Review adds what is to be kept and dropped to the draft.
func (Removal) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.After != nil {
		return nil, nil
	}
	standing, err := directory.Load[estate.Standing](ctx, r, d.Org, d.Before.ID)
	if err == nil {
		directory.Drop(d, d.Org, &standing)
	} else if !isNotFound(err) {
		return nil, err
	}
	if !d.Leaves() && !d.Erase { // who leaves now has had it done
		blocked, _ := d.Before.Bool(schemas.Usher.BlockListed)
		returns, _ := d.Before.Bool(schemas.Usher.ReactivateOnPurchase)
		if _, err := estate.KeepAddresses(ctx, r, d, or(d.Before.Text(schemas.Usher.DeactivatedBy), d.Actor.Name()), blocked, returns); err != nil {
			return nil, err
		}
	}
	if d.Erase && held(d.Before) {
		return []directory.Finding{refuse(RuleLegalHold, directory.State, "The data of this person is under a legal hold and cannot be erased; an administrator can lift the hold.")}, nil
	}
	if d.Erase {
		return nil, lifecycle.Erase(ctx, r, d)
	}
	profile, err := estate.ProfileOf(ctx, r, d.Org)
	if err != nil {
		return nil, err
	}
	stone := estate.Tombstone{Head: directory.Head{ID: d.Before.ID}, Record: d.Before.AppendStored(nil), Name: directory.DisplayOf(d.Before),
		LegalHold: held(d.Before), EraseAt: d.Now.Add(time.Duration(profile.RetentionDays) * 24 * time.Hour)}
	for _, key := range directory.AddressesOf(d.Before) {
		stone.AddressKeys = append(stone.AddressKeys, directory.SecretHash(key))
	}
	return nil, directory.Save(d, d.Org, &stone)
}
