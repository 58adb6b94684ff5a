package policy

import (
	"context"
	"time"

	"github.com/usher-scim/usher/directory"
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
	standing, err := directory.Load[directory.Standing](ctx, r, d.Org, d.Before.ID)
	if err == nil {
		directory.Drop(d, d.Org, &standing)
	} else if !isNotFound(err) {
		return nil, err
	}
	if !d.Leaves() && !d.Erase { // who leaves now has had it done
		blocked, _ := d.Before.Bool(schemas.Usher.BlockListed)
		returns, _ := d.Before.Bool(schemas.Usher.ReactivateOnPurchase)
		if _, err := directory.KeepAddresses(ctx, r, d, or(d.Before.Text(schemas.Usher.DeactivatedBy), d.Actor.Name()), blocked, returns); err != nil {
			return nil, err
		}
	}
	held, _ := d.Before.Bool(schemas.Usher.LegalHold)
	if d.Erase && held {
		return []directory.Finding{refuse(RuleLegalHold, directory.State, "The data of this person is under a legal hold and cannot be erased; an administrator can lift the hold.")}, nil
	}
	if d.Erase {
		return nil, erase(ctx, r, d)
	}
	profile, err := directory.ProfileOf(ctx, r, d.Org)
	if err != nil {
		return nil, err
	}
	stone := directory.Tombstone{Head: directory.Head{ID: d.Before.ID}, Record: d.Before.AppendStored(nil), Name: directory.DisplayOf(d.Before),
		LegalHold: held, EraseAt: d.Now.Add(time.Duration(profile.RetentionDays) * 24 * time.Hour)}
	return nil, directory.Save(d, d.Org, &stone)
}

// erase drops everything that is kept about the person alone.
func erase(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	byUser := directory.DocumentQuery{Org: d.Org, Key: "user:" + d.Before.ID}
	if err := dropAll[directory.Credential](ctx, r, d, byUser); err != nil {
		return err
	}
	if err := dropAll[directory.Departure](ctx, r, d, byUser); err != nil {
		return err
	}
	if err := dropAll[directory.Address](ctx, r, d, byUser); err != nil {
		return err
	}
	invitation, err := directory.Load[directory.Invitation](ctx, r, d.Org, d.Before.ID)
	if err == nil {
		directory.Drop(d, d.Org, &invitation)
	} else if !isNotFound(err) {
		return err
	}
	d.Do("data.erased", d.Before.ID, 1)
	return nil
}

func dropAll[T any, P directory.Noun[T]](ctx context.Context, r directory.Reader, d *directory.Draft, q directory.DocumentQuery) error {
	all, err := directory.All[T, P](ctx, r, q)
	for i := range all {
		directory.Drop(d, q.Org, P(&all[i]))
	}
	return err
}
