package lifecycle

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// The rules of closing.
const (
	RuleClose directory.RuleID = "account.close"
	// ExportLife is how long an export counts as done before closing (S3-20).
	ExportLife = 24 * time.Hour
)

// Closing ends an account for good, with its membership in the organization of Request and
// in every other one, or nothing of it where one of them refuses (T11, S3-19).
type Closing struct {
	Service *directory.Service
	All     directory.Organizations
	Request directory.Request // by whom and where; the change is made here
	Type    *scim.ResourceType
	ID      string // of the person
	Typed   string // what they typed to confirm it
	Preview bool   // nothing is done, and no refusal recorded
}

// Do closes the account. The plan is that of the membership in the organization of
// Request.
func (k Closing) Do(ctx context.Context) (*directory.Plan, error) {
	others, err := elsewhere(ctx, k.Service, k.All, directory.Ref{Org: k.Request.Org, Type: k.Type, ID: k.ID})
	if err != nil {
		return nil, err
	}
	c := ending{typed: k.Typed, others: others}
	req := k.Request
	req.Change = c.change(k.Type, k.ID)
	p, err := k.look(ctx, req)
	if err != nil {
		return p, err
	}
	reached := slices.DeleteFunc(slices.Clone(others), func(o place) bool { return !slices.Contains(c.reached, o.key) })
	if err := k.leave(reached, func(one directory.Request) (*directory.Plan, error) { return k.look(ctx, one) }); err != nil {
		return nil, err
	}
	if k.Preview {
		return p, nil
	}
	if err := k.leave(reached, func(one directory.Request) (*directory.Plan, error) { return k.Service.Execute(ctx, one) }); err != nil {
		return nil, err
	}
	return k.Service.Execute(ctx, req)
}

// look is a preview that the audit keeps when it ends in a refusal, unless nothing more
// was wanted.
func (k Closing) look(ctx context.Context, req directory.Request) (*directory.Plan, error) {
	p, err := k.Service.Preview(ctx, req)
	if err != nil {
		return p, err
	}
	if err = p.Err(); err != nil && !k.Preview && p.Instead != nil {
		if failed := k.Service.Record(ctx, p); failed != nil {
			return p, failed
		}
	}
	return p, err
}

// leave ends the memberships of the accounts that the closing reaches, or looks whether it
// may: nobody is left before all agree.
func (k Closing) leave(reached []place, step func(directory.Request) (*directory.Plan, error)) error {
	for _, one := range reached {
		actor := directory.Actor{Kind: k.Request.Actor.Kind, User: one.user, Rank: k.Request.Actor.Rank}
		_, err := step(directory.Request{Org: one.org, Actor: actor, RequestID: k.Request.RequestID, Change: EraseMembership(k.Type, one.user)})
		if errors.Is(err, directory.ErrNotFound) {
			continue // gone already
		}
		var refused *directory.Refusal
		if errors.As(err, &refused) {
			refused.Problem = "" // which only that organization can read
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// place is one membership of the account of an address.
type place struct {
	org  directory.OrgID
	user string
	key  string // MailKey
}

// elsewhere finds the memberships of a person's accounts in all other organizations,
// whether they ever joined there or not, by address: one look-up in an index each.
func elsewhere(ctx context.Context, s *directory.Service, all directory.Organizations, person directory.Ref) (found []place, err error) {
	keys, err := keysOf(ctx, s, person)
	if err != nil {
		return nil, err
	}
	orgs, err := all.Organizations(ctx)
	for _, o := range orgs {
		if err != nil || o.ID == person.Org {
			continue
		}
		err = s.Read(ctx, func(r directory.Reader) error {
			for _, key := range keys {
				people, err := estate.Holders(ctx, r, person.Type, o.ID, key)
				if err != nil {
					return err
				}
				for _, p := range people {
					if directory.MailKey(directory.PrimaryAddress(p)) == key { // whoever lists it beside their own is somebody else
						found = append(found, place{o.ID, p.ID, key})
					}
				}
			}
			return nil
		})
	}
	return found, err
}

// keysOf are the MailKeys of a person's accounts.
func keysOf(ctx context.Context, s *directory.Service, ref directory.Ref) (keys []string, err error) {
	err = s.Read(ctx, func(r directory.Reader) error {
		p, err := r.Get(ctx, ref)
		if err == nil {
			err = p.Load()
		}
		if err != nil {
			return err
		}
		joined, err := joinedAccount(ctx, r, ref.Org, ref.ID)
		for _, address := range []string{directory.PrimaryAddress(p), joined.Email} {
			if address != "" && !slices.Contains(keys, directory.MailKey(address)) {
				keys = append(keys, directory.MailKey(address))
			}
		}
		return err
	})
	return keys, err
}

// joinedAccount is the account that accepted the invitation of a person; empty when
// none did.
func joinedAccount(ctx context.Context, r directory.Documents, org directory.OrgID, id string) (estate.Account, error) {
	standing, err := directory.LoadOr[estate.Standing](ctx, r, org, id)
	if err != nil || standing.Account == "" {
		return estate.Account{}, err
	}
	a, err := directory.Load[estate.Account](ctx, r, "", standing.Account)
	if errors.Is(err, directory.ErrNotFound) {
		err = nil
	}
	return a, err
}

// CloseAccount ends an account for good and erases what is kept of the person
// (T11, S3-18 to S3-21). The person types their userName, and has exported their
// data before. Owners, last admins and those under a hold cannot.
func CloseAccount(rt *scim.ResourceType, id, typed string) directory.SetState {
	return (&ending{typed: typed}).change(rt, id)
}

// ending is a CloseAccount that knows of the other organizations.
type ending struct {
	typed   string
	others  []place  // memberships there
	reached []string // MailKeys of the accounts that end
}

func (c *ending) change(rt *scim.ResourceType, id string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "user.close", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		c.reached = nil // a plan may be made again
		address := directory.PrimaryAddress(d.Before)
		a, err := estate.AccountOf(ctx, r, address)
		if err != nil && !errors.Is(err, directory.ErrNotFound) {
			return nil, err
		}
		home, err := a.HomeOf(ctx, r, d.Type, d.Org, address)
		if err != nil {
			return nil, err
		}
		if found, err := c.may(ctx, r, d, home, a.Home != "" || home.Verified); err != nil || len(found) > 0 {
			return found, err
		}
		joined, err := joinedAccount(ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		d.After, d.Is, d.Erase = nil, "", true
		shared := slices.ContainsFunc(c.others, func(o place) bool { return o.key == directory.MailKey(address) })
		if a.ID == "" && address != "" && (home.Verified || home.Org == "" && !shared) {
			a = estate.Account{Head: directory.Head{ID: d.NewID("account")}, EmailKey: directory.SecretHash(directory.MailKey(address)), Home: d.Org}
		}
		if home.Verified || !home.Elsewhere(d.Org) && (a.Home == d.Org || a.ID == joined.ID) {
			if err := c.end(d, &a, address); err != nil {
				return nil, err
			}
		}
		if joined.ID == a.ID || joined.Home != d.Org {
			return nil, nil
		}
		return nil, c.end(d, &joined, joined.Email) // the person's address has changed since
	}}
}

// may refuses a closing that is not the person's to make, or not yet.
func (c *ending) may(ctx context.Context, r directory.Reader, d *directory.Draft, home estate.Home, managed bool) ([]directory.Finding, error) {
	standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, d.Before.ID)
	if err != nil {
		return nil, err
	}
	profile, err := estate.ProfileOf(ctx, r, d.Org)
	if err != nil {
		return nil, err
	}
	switch {
	case directory.IsExternal(d.Before):
		return directory.Firmly(RuleClose, directory.Authority, "The account belongs to the organization %s; close it there.", d.Before.Text(schemas.Usher.HomeOrganizationID)), nil
	case home.External:
		return directory.Firmly(RuleClose, directory.Authority, "The account belongs to the organization %s; close it there.", string(home.Org)), nil
	case managed && !profile.SelfClose: // a verified domain is the organization's, joined or not (C4, C8)
		return directory.Firmly(RuleClose, directory.Authority, "The organization manages this account and does not let its people close their own; ask an administrator."), nil
	case scim.Key(c.typed) != scim.Key(d.Before.Text(schemas.User.UserName)):
		return directory.Firmly(RuleClose, directory.Invalid, "Type the user name of the account to confirm that it is to be closed for good."), nil
	case d.Now.Sub(standing.Exported) > ExportLife:
		return directory.Firmly(RuleClose, directory.State, "Export the data of the account first; closing erases it at once and for good."), nil
	}
	return nil, nil
}

// end closes an account. One that is closed, by another organization, never changes
// again.
func (c *ending) end(d *directory.Draft, a *estate.Account, address string) error {
	if a.ID == "" {
		return nil
	}
	c.reached = append(c.reached, directory.MailKey(address))
	d.Do("account.closed", a.ID, 1)
	if a.State == estate.Closed {
		return nil
	}
	a.Become(estate.Closed, d.Now)
	a.Email, a.Password = "", ""
	return directory.Save(d, "", a)
}

// EraseMembership ends what a person whose account is closed is in another
// organization, and erases what is kept there.
func EraseMembership(rt *scim.ResourceType, id string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "user.close", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		d.After, d.Is, d.Erase = nil, "", true
		return nil, nil
	}}
}

// NoteExport remembers that the data of a person was exported.
func NoteExport(rt *scim.ResourceType, id string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "export.create", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		s, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		s.Exported = d.Now
		return nil, directory.Save(d, d.Org, &s)
	}}
}
