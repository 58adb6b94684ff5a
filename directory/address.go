package directory

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// Address is what became of an address at its person's deactivation: blocked, or
// free to come back with a purchase (S1-6, S1-7). Its id is the MailKey.
//
// As long as the person's record is there and holds the address as its MailKey has
// it, the record itself says so, and no Address is kept: a deactivation then costs
// no more writes than the record. Others are kept, and those that were changed by
// hand; what is kept comes first.
type Address struct {
	Head
	User    string `json:"user,omitempty"`
	Blocked bool   `json:"blocked"`
	Returns bool   `json:"returns"`
	Reason  string `json:"reason,omitempty"`
	By      string `json:"by,omitempty"` // Actor.Name
	// Lifted is when the block was lifted; the entry stays (S1-23).
	Lifted time.Time `json:"liftedAt,omitzero"`

	barred *Barred // in place of an entry of its own
}

// Kind is "address".
func (*Address) Kind() Kind { return "address" }

// Keys is whose it was.
func (a *Address) Keys() []string {
	if a.User == "" {
		return nil
	}
	return []string{"user:" + a.User}
}

// gone counts the people whose records say that an address is blocked or may
// return; where there are none, nobody needs to look for them.
const gone = "people.gone"

// FindAddress finds what became of an address, in whatever spelling; ErrNotFound
// when nothing did.
func FindAddress(ctx context.Context, r Reader, rt *scim.ResourceType, org OrgID, address string) (Address, error) {
	key := MailKey(address)
	kept, err := KeptAddress(ctx, r, org, key)
	if err == nil && (kept.User == "" || !kept.Blocked && !kept.Returns) {
		return kept, nil // by hand, or lifted
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return kept, err
	}
	n, err := r.Tally(ctx, org, gone)
	if err != nil || n == 0 && kept.Version == 0 {
		return kept, orNotFound(err)
	}
	quoted := string(scim.AppendString(nil, key))
	f, _, err := filter.Compile("emails.value eq "+quoted+" or userName eq "+quoted, rt, scim.Strict)
	if err != nil {
		return kept, err
	}
	page, err := r.Find(ctx, Query{Org: org, Type: rt, Filter: f, Start: 1, Count: 10})
	for _, p := range page.Resources {
		if StatusOf(p) != Inactive {
			return Address{}, ErrNotFound // somebody else has it too, and is in
		}
		if a, ok := leftBehind(p, key); ok && kept.Version == 0 {
			kept = a
		}
	}
	if err != nil || kept.User != "" {
		return kept, err
	}
	return kept, ErrNotFound
}

func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return ErrNotFound
}

// leftBehind is what the record of an inactive person says about its addresses.
func leftBehind(p *scim.Resource, key string) (Address, bool) {
	if p == nil {
		return Address{}, false
	}
	blocked, _ := p.Bool(schemas.Usher.BlockListed)
	returns, _ := p.Bool(schemas.Usher.ReactivateOnPurchase)
	if StatusOf(p) != Inactive || !blocked && !returns {
		return Address{}, false
	}
	at, _ := scim.ParseTime(p.Text(schemas.Usher.DeactivatedAt))
	return Address{Head: Head{ID: key, Created: at, Modified: at}, User: p.ID, Blocked: blocked, Returns: returns && !blocked, By: p.Text(schemas.Usher.DeactivatedBy)}, true
}

// KeepAddresses writes down what becomes of the addresses of a person who leaves,
// as far as the record cannot say it, and returns how many addresses there are.
func KeepAddresses(ctx context.Context, r Reader, d *Draft, by string, blocked, returns bool) (n int, err error) {
	own := map[string]bool{} // whether an address is found by the record
	each := func(p *scim.Resource) {
		add := func(text string) {
			if strings.Contains(text, "@") {
				key := MailKey(text)
				own[key] = own[key] || p == d.After && scim.Fold(text) == key
			}
		}
		if p != nil {
			add(p.Text(schemas.User.UserName))
			p.Each(schemas.User.EmailValue, func(_ int, v scim.Value) { add(v.Text()) })
		}
	}
	each(d.Before)
	each(d.After) // which may have others by the same request
	for key, found := range own {
		entry, err := KeptAddress(ctx, r, d.Org, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return 0, err
		}
		byHand := entry.Blocked && entry.User == "" // which is no departure's to change
		if byHand || found && entry.Version == 0 || !blocked && !returns {
			continue
		}
		entry.ID, entry.User, entry.Blocked, entry.Returns, entry.Lifted = key, d.Before.ID, blocked, returns && !blocked, time.Time{}
		if d.Leaves() || entry.By == "" {
			entry.By = by
		}
		if err := Save(d, d.Org, &entry); err != nil {
			return 0, err
		}
	}
	return len(own), nil
}

// CountGone keeps count of the people whose records say what became of their
// addresses.
func (d *Draft) CountGone() { d.countGone(d.Before, d.After) }

func (d *Draft) countGone(before, after *scim.Resource) {
	was, is := int64(0), int64(0)
	if _, on := leftBehind(before, ""); on {
		was = 1
	}
	if _, on := leftBehind(after, ""); on {
		is = 1
	}
	if was != is {
		d.Count(gone, is-was, -1)
	}
}

// KeptAddresses lists the addresses of a person that are kept: those they have, and
// those that a deactivation was about, which they may have given up since (S1-23).
func KeptAddresses(ctx context.Context, r Reader, d *Draft) (kept []Address, err error) {
	if kept, err = All[Address](ctx, r, DocumentQuery{Org: d.Org, Key: "user:" + d.Before.ID}); err != nil {
		return nil, err
	}
	for _, key := range AddressesOf(d.After) {
		a, err := KeptAddress(ctx, r, d.Org, key)
		if errors.Is(err, ErrNotFound) || a.User == d.Before.ID {
			continue
		}
		if err != nil {
			return nil, err
		}
		kept = append(kept, a)
	}
	return kept, nil
}

// Lift ends the block of an address by hand, and with it the one that the record of its
// person holds, who may be gone.
func Lift(ctx context.Context, r Reader, d *Draft, rt *scim.ResourceType, a *Address) error {
	a.By = d.Actor.Name()
	if err := a.Lift(d); err != nil || a.User == "" {
		return err
	}
	person, err := r.Get(ctx, Ref{d.Org, rt, a.User})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		err = person.Load()
	}
	if on, _ := person.Bool(schemas.Usher.BlockListed); err != nil || !on {
		return err
	}
	d.Rewrite(person, func(next *scim.Resource) {
		next.SetPath(schemas.Usher.BlockListed, scim.Value{})
		d.countGone(person, next)
	})
	d.Do("address.lifted", a.User, 1)
	return nil
}
