package lifecycle

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
)

// Erase leaves nothing of the person that the draft removes (T11, S3-21): what is kept
// about them alone goes, also under an earlier record of theirs, and what others need,
// such as a purchase or a plan, keeps the id and the time without name and address. The
// audit never held either.
func Erase(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	addresses, err := addressesEver(ctx, r, d)
	if err != nil {
		return err
	}
	if err := eraseRecord(ctx, r, d, d.Before.ID); err != nil {
		return err
	}
	for _, address := range addresses {
		if err := eraseAddress(ctx, r, d, address); err != nil {
			return err
		}
	}
	d.Do("data.erased", d.Before.ID, 1)
	return nil
}

// eraseRecord drops what is kept beside a record of a person, by its id. A block of
// theirs goes on without the address.
func eraseRecord(ctx context.Context, r directory.Reader, d *directory.Draft, id string) error {
	for _, kind := range []directory.Kind{(*estate.Credential)(nil).Kind(), (*estate.Departure)(nil).Kind(), (*estate.Assignment)(nil).Kind(), (*estate.Subscription)(nil).Kind(), (*estate.Grant)(nil).Kind(), Idempotency} {
		if err := directory.Discard(ctx, r, d, directory.DocumentQuery{Org: d.Org, Kind: kind, Key: "user:" + id}); err != nil {
			return err
		}
	}
	for _, drop := range []func(context.Context, directory.Reader, *directory.Draft, string) error{estate.DropOne[estate.Invitation], estate.DropOne[Reset], estate.DropOne[estate.Approval], estate.DropOne[Consent],
		estate.DropOne[directory.Case], estate.DropOne[estate.Schedule], estate.DropOne[estate.Waiting], estate.DropOne[estate.Standing], estate.DropOne[estate.Tombstone]} {
		if err := drop(ctx, r, d, id); err != nil {
			return err
		}
	}
	if err := forgetTransfers(ctx, r, d, id); err != nil {
		return err
	}
	for _, what := range []string{estate.ToHold, estate.ToUnhold, estate.ToUnblock, estate.ToFreeze, estate.ToOwn} {
		if err := estate.DropOne[estate.Approval](ctx, r, d, estate.ApprovalID(what, id)); err != nil {
			return err
		}
	}
	kept, err := directory.All[estate.Address](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + id})
	for i := range kept {
		if err == nil {
			err = estate.Redact(ctx, r, d, kept[i].ID, id)
		}
	}
	if err != nil {
		return err
	}
	if err := forgetPlans(ctx, r, d, id); err != nil {
		return err
	}
	return forgetPurchases(ctx, r, d, "user:"+id)
}

// addressesEver are the MailKeys of a person, and those that a deactivation was about
// before they had others.
func addressesEver(ctx context.Context, r directory.Reader, d *directory.Draft) ([]string, error) {
	all := directory.AddressesOf(d.Before)
	kept, err := directory.All[estate.Address](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + d.Before.ID})
	for _, a := range kept {
		if !slices.Contains(all, a.ID) {
			all = append(all, a.ID)
		}
	}
	return all, err
}

// eraseAddress drops what is known by an address: what an earlier record of its person
// left, and purchases and answers that hold it. While such a record is under a legal hold
// nothing of that goes, and all of it when the hold ends. What is known by an address
// that somebody else here has too is not the person's alone, and stays, and so does a block.
func eraseAddress(ctx context.Context, r directory.Reader, d *directory.Draft, address string) error {
	others, err := othersWith(ctx, r, d, address)
	if err != nil {
		return err
	}
	if others {
		return estate.PassOn(ctx, r, d, address)
	}
	stones, err := stonesOf(ctx, r, d, address)
	held := false
	for i := range stones {
		switch {
		case err != nil:
		case stones[i].LegalHold:
			stones[i].Closed, stones[i].EraseAt, held = true, d.Now, true
			err = directory.Save(d, d.Org, &stones[i])
		default:
			err = eraseRecord(ctx, r, d, stones[i].ID)
		}
	}
	if err != nil || held {
		return err
	}
	return forgetAddress(ctx, r, d, address, d.Before.ID)
}

// forgetAddress takes an address out of all that is found by it. A block goes on.
func forgetAddress(ctx context.Context, r directory.Reader, d *directory.Draft, address, person string) error {
	if err := estate.Redact(ctx, r, d, address, person); err != nil {
		return err
	}
	if err := directory.Discard(ctx, r, d, directory.DocumentQuery{Org: d.Org, Kind: Idempotency, Key: "email:" + directory.SecretHash(address)}); err != nil {
		return err
	}
	return forgetPurchases(ctx, r, d, "email:"+address)
}

// eraseStone erases what is kept of a removed person whose retention is over. What is
// known by their addresses goes with it if they closed their account, and the address of
// a block in any case, unless somebody else here has or had the address: then it goes
// with the last of them.
func eraseStone(ctx context.Context, r directory.Reader, d *directory.Draft, t *estate.Tombstone) error {
	if err := eraseRecord(ctx, r, d, t.ID); err != nil {
		return err
	}
	rt, err := r.Type("User")
	if err != nil {
		return err
	}
	for _, address := range directory.AddressesOf(scim.Stored(rt, t.ID, t.Version, t.Created, t.Modified, t.Record)) {
		others, err := othersWith(ctx, r, d, address)
		if err != nil {
			return err
		}
		stones, err := stonesOf(ctx, r, d, address)
		others = others || slices.ContainsFunc(stones, func(s estate.Tombstone) bool { return s.ID != t.ID })
		switch {
		case err != nil || others:
		case t.Closed:
			err = forgetAddress(ctx, r, d, address, t.ID)
		default:
			err = estate.Redact(ctx, r, d, address, t.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// othersWith reports whether an address is also somebody's here whom the draft leaves.
func othersWith(ctx context.Context, r directory.Reader, d *directory.Draft, address string) (bool, error) {
	rt, err := r.Type("User")
	if err != nil {
		return false, err
	}
	people, err := estate.Holders(ctx, r, rt, d.Org, address)
	return slices.ContainsFunc(people, func(p *scim.Resource) bool { return d.Before == nil || p.ID != d.Before.ID }), err
}

// stonesOf are the tombstones of those who had an address, as the draft leaves them.
func stonesOf(ctx context.Context, r directory.Reader, d *directory.Draft, address string) ([]estate.Tombstone, error) {
	stones, err := directory.All[estate.Tombstone](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "email:" + directory.SecretHash(address)})
	for i := range stones {
		if err == nil {
			stones[i], err = directory.LoadDrafted[estate.Tombstone](ctx, r, d, stones[i].ID) // who had two addresses is found twice
		}
	}
	return stones, err
}

// forgetPurchases takes the address out of purchases.
func forgetPurchases(ctx context.Context, r directory.Reader, d *directory.Draft, key string) error {
	all, err := directory.All[estate.Purchase](ctx, r, directory.DocumentQuery{Org: d.Org, Key: key})
	if err != nil {
		return err
	}
	for i := range all {
		p, err := directory.LoadDrafted[estate.Purchase](ctx, r, d, all[i].ID) // found by two keys, it is written once
		if err != nil {
			return err
		}
		if p.Email == "" {
			continue
		}
		p.Email = ""
		if err := directory.Save(d, d.Org, &p); err != nil {
			return err
		}
	}
	return nil
}

// forgetPlans takes the name out of plans.
func forgetPlans(ctx context.Context, r directory.Reader, d *directory.Draft, id string) error {
	all, err := directory.All[estate.Batch](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + id})
	for i := range all {
		if err != nil {
			return err
		}
		var b estate.Batch
		if b, err = directory.LoadDrafted[estate.Batch](ctx, r, d, all[i].ID); err == nil { // which may be about two records of theirs
			b.Forget(id)
			err = directory.Save(d, d.Org, &b)
		}
	}
	return err
}

// forgetTransfers drops what somebody was asked about records, and what is over of what
// they left behind. Who still has such records is asked about them all the same.
func forgetTransfers(ctx context.Context, r directory.Reader, d *directory.Draft, id string) error {
	all, err := directory.All[Transfer](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + id})
	if err != nil {
		return err
	}
	for i := range all {
		rest, err := all[i].left(ctx, r, d.Org)
		if err != nil {
			return err
		}
		if all[i].To == id || len(rest) == 0 {
			directory.Drop(d, d.Org, &all[i])
		}
	}
	return nil
}
