package estate

import (
	"context"
	"errors"
	"github.com/usher-scim/usher/directory"
	"slices"
	"time"
)

// Barred is a block that goes on after its address was erased (S1-8, S3-21): whoever
// comes with the address is kept out as before, and who lifts blocks lifts it by the
// address. It holds no address; its id is the SHA-256 of the address's directory.MailKey.
type Barred struct {
	directory.Head
	By string `json:"by,omitempty"` // Actor.Name of who blocked it
}

// Kind is "barred".
func (*Barred) Kind() directory.Kind { return "barred" }

// Keys are none: it is found by its id.
func (*Barred) Keys() []string { return nil }

// KeptAddress is what is kept of an address by its directory.MailKey;
// directory.ErrNotFound when nothing is.
func KeptAddress(ctx context.Context, r directory.Documents, org directory.OrgID, key string) (Address, error) {
	kept, err := directory.Load[Address](ctx, r, org, key)
	if !errors.Is(err, directory.ErrNotFound) {
		return kept, err
	}
	b, err := directory.Load[Barred](ctx, r, org, directory.SecretHash(key))
	if err != nil {
		return kept, err
	}
	return Address{Head: directory.Head{ID: key, Created: b.Created, Modified: b.Modified}, Blocked: true, By: b.By, barred: &b}, nil
}

// Block blocks an address by hand: by itself, whoever has it.
func Block(ctx context.Context, r directory.Documents, d *directory.Draft, address, reason string) (Address, error) {
	a, err := KeptAddress(ctx, r, d.Org, directory.MailKey(address))
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return a, err
	}
	if a.barred != nil {
		directory.Drop(d, d.Org, a.barred)
	}
	if a.Version == 0 {
		a = Address{Head: directory.Head{ID: directory.MailKey(address)}}
	}
	a.User, a.Blocked, a.Returns, a.By, a.Reason, a.Lifted = "", true, false, d.Actor.Name(), reason, time.Time{}
	return a, directory.Save(d, d.Org, &a)
}

// Lift ends a block, or the wait for a purchase. The entry stays (S1-23), but for that of
// an address which was erased.
func (a *Address) Lift(d *directory.Draft) error {
	a.Blocked, a.Returns, a.Lifted = false, false, d.Now
	if a.barred != nil {
		directory.Drop(d, d.Org, a.barred)
		return nil
	}
	return directory.Save(d, d.Org, a)
}

// Redact drops the entry of an address when a person is erased, and leaves a Barred where
// it is blocked and no record of others says so.
func Redact(ctx context.Context, r directory.Reader, d *directory.Draft, key, person string) error {
	rt, err := r.Type("User")
	if err != nil {
		return err
	}
	all, err := FindAddresses(ctx, r, rt, d.Org, key, "")
	if err != nil {
		return err
	}
	kept, err := KeptAddress(ctx, r, d.Org, key)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	if err := DropOne[Address](ctx, r, d, key); err != nil || len(all) == 0 || !all[0].Blocked || all[0].barred != nil {
		return err
	}
	if slices.ContainsFunc(all, func(a Address) bool { return a.Blocked && a.User != person && a.User != kept.User }) {
		return nil
	}
	return bar(ctx, r, d, key, all[0].By)
}

// bar has a block go on without its address.
func bar(ctx context.Context, r directory.Reader, d *directory.Draft, key, by string) error {
	b, err := directory.LoadDrafted[Barred](ctx, r, d, directory.SecretHash(key)) // an address may be reached by two ways
	if err != nil {
		return err
	}
	b.By = by
	return directory.Save(d, d.Org, &b)
}

// PassOn has the block of an address go on that only the record of the person says who is
// erased, while others here have the address too and are not in.
func PassOn(ctx context.Context, r directory.Reader, d *directory.Draft, key string) error {
	all, err := FindAddresses(ctx, r, d.Type, d.Org, key, "")
	if err != nil || len(all) == 0 || !all[0].Blocked || all[0].User != d.Before.ID || len(all) > 1 && all[1].Blocked {
		return err
	}
	kept, err := KeptAddress(ctx, r, d.Org, key)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return bar(ctx, r, d, key, all[0].By)
	case err != nil || kept.User == d.Before.ID: // which is erased with what is kept of them
		return err
	}
	kept.Blocked, kept.Returns, kept.By = true, false, all[0].By
	return directory.Save(d, d.Org, &kept)
}

// DropOne drops the document of an id, if there is one.
func DropOne[T any, P directory.Noun[T]](ctx context.Context, r directory.Reader, d *directory.Draft, id string) error {
	v, err := directory.Load[T, P](ctx, r, d.Org, id)
	if errors.Is(err, directory.ErrNotFound) {
		return nil
	}
	if err == nil {
		directory.Drop[T, P](d, d.Org, &v)
	}
	return err
}
