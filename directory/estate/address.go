package estate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// Address is what became of an address at its person's deactivation: blocked, or
// free to come back with a purchase (S1-6, S1-7). Its id is the address's
// directory.MailKey.
//
// As long as the person's record is there and holds the address as its MailKey has
// it, the record itself says so, and no Address is kept: a deactivation then costs
// no more writes than the record. Others are kept, and those that were changed by
// hand; what is kept comes first.
type Address struct {
	directory.Head
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
func (*Address) Kind() directory.Kind { return "address" }

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

// FindAddress finds what became of an address, in whatever spelling;
// directory.ErrNotFound when nothing did. Of several people who had it, a block comes
// first.
func FindAddress(ctx context.Context, r directory.Reader, rt *scim.ResourceType, org directory.OrgID, address string) (Address, error) {
	all, err := FindAddresses(ctx, r, rt, org, address, "")
	if err != nil || len(all) == 0 {
		return Address{}, orNotFound(err)
	}
	return all[0], nil
}

// FindAddresses finds all that became of an address, of whoever had it but one: what is
// kept of it and what the records of inactive people say. Blocks come first.
func FindAddresses(ctx context.Context, r directory.Reader, rt *scim.ResourceType, org directory.OrgID, address, but string) ([]Address, error) {
	return findAddresses(ctx, r, rt, org, address, but, false)
}

// findAddresses is FindAddresses; alone spares it the records where nobody else has the
// address.
func findAddresses(ctx context.Context, r directory.Reader, rt *scim.ResourceType, org directory.OrgID, address, but string, alone bool) (all []Address, err error) {
	key := directory.MailKey(address)
	kept, err := KeptAddress(ctx, r, org, key)
	switch {
	case errors.Is(err, directory.ErrNotFound):
	case err != nil:
		return nil, err
	case kept.User == "" || !kept.Blocked && !kept.Returns:
		return []Address{kept}, nil // by hand, or lifted
	case kept.User != but:
		all = append(all, kept)
	}
	if alone {
		return all, nil
	}
	n, err := r.Tally(ctx, org, gone)
	if err != nil || n == 0 && kept.Version == 0 {
		return nil, err
	}
	people, err := holdersOfKey(ctx, r, rt, org, key)
	for _, p := range people {
		if directory.StatusOf(p) != directory.Inactive && p.ID != but {
			return nil, nil // somebody else has it too, and is in
		}
		if a, ok := leftBehind(p, key); ok && p.ID != but && p.ID != kept.User {
			if kept.Version > 0 {
				a.Head = kept.Head
			}
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b Address) int { return blockFirst(b) - blockFirst(a) })
	return all, err
}

func blockFirst(a Address) int {
	if a.Blocked {
		return 1
	}
	return 0
}

// nobodyElse reports whether no record but that of the draft holds any of some addresses.
// It is one question, which an index answers, since nearly always it is so.
func nobodyElse(ctx context.Context, r directory.Reader, d *directory.Draft, keys []string) (bool, error) {
	if len(keys) == 0 {
		return true, nil
	}
	f := holding(d.Type, keys...)
	page, err := r.Find(ctx, directory.Query{Org: d.Org, Type: d.Type, Filter: f, Start: 1})
	if f.Match(d.Before) {
		page.Total--
	}
	return page.Total == 0, err
}

// holding is the filter for whose records hold one of some addresses.
func holding(rt *scim.ResourceType, keys ...string) *filter.Filter {
	var any filter.Or
	for _, key := range keys {
		any = append(any, filter.Equals(schemas.User.EmailValue, key), filter.Equals(schemas.User.UserName, key))
	}
	return filter.Of(rt, any)
}

// holdersOfKey are people whose records hold an address as its MailKey has it.
func holdersOfKey(ctx context.Context, r directory.Reader, rt *scim.ResourceType, org directory.OrgID, key string) ([]*scim.Resource, error) {
	page, err := r.Find(ctx, directory.Query{Org: org, Type: rt, Filter: holding(rt, key), Start: 1, Count: 100})
	return page.Resources, err
}

func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return directory.ErrNotFound
}

// leftBehind is what the record of an inactive person says about its addresses.
func leftBehind(p *scim.Resource, key string) (Address, bool) {
	if p == nil {
		return Address{}, false
	}
	blocked, _ := p.Bool(schemas.Usher.BlockListed)
	returns, _ := p.Bool(schemas.Usher.ReactivateOnPurchase)
	if directory.StatusOf(p) != directory.Inactive || !blocked && !returns {
		return Address{}, false
	}
	at, _ := scim.ParseTime(p.Text(schemas.Usher.DeactivatedAt))
	return Address{Head: directory.Head{ID: key, Created: at, Modified: at}, User: p.ID, Blocked: blocked, Returns: returns && !blocked, By: p.Text(schemas.Usher.DeactivatedBy)}, true
}

// KeepAddresses writes down what becomes of the addresses of a person who leaves or has
// left, as far as the record cannot say it, and returns how many addresses there are.
func KeepAddresses(ctx context.Context, r directory.Reader, d *directory.Draft, by string, blocked, returns bool) (n int, err error) {
	own, err := addressesLeft(ctx, r, d)
	if err != nil || !blocked && !returns {
		return len(own), err
	}
	for key, found := range own {
		entry, err := KeptAddress(ctx, r, d.Org, key)
		if err != nil && !errors.Is(err, directory.ErrNotFound) {
			return 0, err
		}
		if found && err != nil {
			continue // the record says it
		}
		others, err := FindAddresses(ctx, r, d.Type, d.Org, key, d.Before.ID)
		if err != nil {
			return 0, err
		}
		// A block that is not this person's stays: one by hand is no departure's to change,
		// and who lets this person in lifts no other's with it.
		weaker := !blocked || strings.HasPrefix(by, string(directory.Client)+":")
		if slices.ContainsFunc(append(others, entry), func(a Address) bool {
			return a.Blocked && a.User != d.Before.ID && (a.User == "" || weaker)
		}) {
			continue
		}
		if d.Leaves() || entry.By == "" || entry.User != d.Before.ID {
			entry.By = by
		}
		entry.ID, entry.User, entry.Blocked, entry.Returns, entry.Lifted = key, d.Before.ID, blocked, returns && !blocked, time.Time{}
		if err := directory.Save(d, d.Org, &entry); err != nil {
			return 0, err
		}
	}
	return len(own), nil
}

// addressesLeft are the MailKeys of a person before and after the draft and, of one who
// has left, those of before that are blocked or may return; each with whether the record
// itself is found by it.
func addressesLeft(ctx context.Context, r directory.Reader, d *directory.Draft) (map[string]bool, error) {
	own := map[string]bool{}
	for _, p := range []*scim.Resource{d.Before, d.After} {
		add := func(text string) {
			if strings.Contains(text, "@") {
				key := directory.MailKey(text)
				own[key] = own[key] || p == d.After && scim.Fold(text) == key
			}
		}
		if p != nil {
			add(p.Text(schemas.User.UserName))
			p.Each(schemas.User.EmailValue, func(_ int, v scim.Value) { add(v.Text()) })
		}
	}
	if d.Leaves() {
		return own, nil
	}
	kept, err := directory.All[Address](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + d.Before.ID})
	for _, a := range kept {
		if a.Blocked || a.Returns {
			_, among := own[a.ID]
			own[a.ID] = among && own[a.ID]
		}
	}
	return own, err
}

// CountGone keeps count of the people whose records say what became of their
// addresses.
func CountGone(d *directory.Draft) { countGone(d, d.Before, d.After) }

func countGone(d *directory.Draft, before, after *scim.Resource) {
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

// AddressesOnReturn lists what became of the addresses of a person who comes back: of
// those they have, whoever left them behind, and of those that a deactivation was about,
// which they may have given up since (S1-23). What their record says is not among it.
func AddressesOnReturn(ctx context.Context, r directory.Reader, d *directory.Draft) ([]Address, error) {
	keys := directory.AddressesOf(d.After)
	alone, err := nobodyElse(ctx, r, d, keys)
	if err != nil {
		return nil, err
	}
	d.Alone = d.Alone || !alone // what becomes of the others' decides about this one
	all, err := directory.All[Address](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + d.Before.ID})
	for _, key := range keys {
		if err != nil {
			break
		}
		var others []Address
		others, err = findAddresses(ctx, r, d.Type, d.Org, key, d.Before.ID, alone)
		for _, a := range others {
			if a.Blocked || a.Version > 0 { // who else may return with it is kept out by its having somebody
				all = append(all, a)
			}
		}
	}
	return all, err
}

// Lift ends the block of an address by hand, and with it the one that the record of its
// person holds, who may be gone.
func Lift(ctx context.Context, r directory.Reader, d *directory.Draft, rt *scim.ResourceType, a *Address) error {
	a.By = d.Actor.Name()
	if err := a.Lift(d); err != nil || a.User == "" {
		return err
	}
	person, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: rt, ID: a.User})
	if errors.Is(err, directory.ErrNotFound) {
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
		countGone(d, person, next)
	})
	d.Do("address.lifted", a.User, 1)
	return nil
}
