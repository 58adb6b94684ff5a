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

// Close ends an account for good, with its membership here and in every other
// organization, or nothing of it where one of them refuses (T11, S3-19). The change of
// the request is made here; the plan is that of the membership here.
func Close(ctx context.Context, s *directory.Service, all directory.Organizations, req directory.Request, rt *scim.ResourceType, id, typed string, preview bool) (*directory.Plan, error) {
	others, err := elsewhere(ctx, s, all, req.Org, rt, id)
	if err != nil {
		return nil, err
	}
	c := closing{typed: typed, others: others}
	req.Change = c.change(rt, id)
	p, err := look(ctx, s, req, preview)
	if err != nil {
		return p, err
	}
	reached := slices.Clone(c.reached)
	if err := leave(ctx, s, req, rt, others, reached, func(one directory.Request) (*directory.Plan, error) { return look(ctx, s, one, preview) }); err != nil {
		return nil, err
	}
	if preview {
		return p, nil
	}
	if err := leave(ctx, s, req, rt, others, reached, func(one directory.Request) (*directory.Plan, error) { return s.Execute(ctx, one) }); err != nil {
		return nil, err
	}
	return s.Execute(ctx, req)
}

// look is a preview that the audit keeps when it ends in a refusal, unless nothing more
// was wanted.
func look(ctx context.Context, s *directory.Service, req directory.Request, preview bool) (*directory.Plan, error) {
	p, err := s.Preview(ctx, req)
	if err != nil {
		return p, err
	}
	if err = p.Err(); err != nil && !preview && p.Instead != nil {
		if failed := s.Record(ctx, p); failed != nil {
			return p, failed
		}
	}
	return p, err
}

// leave ends the memberships of the accounts that a closing reaches, or looks whether it
// may: nobody is left before all agree.
func leave(ctx context.Context, s *directory.Service, req directory.Request, rt *scim.ResourceType, others []place, reached []string, step func(directory.Request) (*directory.Plan, error)) error {
	for _, one := range others {
		if !slices.Contains(reached, one.key) {
			continue
		}
		actor := directory.Actor{Kind: req.Actor.Kind, User: one.user, Rank: req.Actor.Rank}
		_, err := step(directory.Request{Org: one.org, Actor: actor, RequestID: req.RequestID, Change: EraseMembership(rt, one.user)})
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
func elsewhere(ctx context.Context, s *directory.Service, all directory.Organizations, home directory.OrgID, rt *scim.ResourceType, id string) (found []place, err error) {
	keys, err := keysOf(ctx, s, directory.Ref{Org: home, Type: rt, ID: id})
	if err != nil {
		return nil, err
	}
	orgs, err := all.Organizations(ctx)
	for _, o := range orgs {
		if err != nil || o.ID == home {
			continue
		}
		err = s.Read(ctx, func(r directory.Reader) error {
			for _, key := range keys {
				people, err := estate.Holders(ctx, r, rt, o.ID, key)
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
	return (&closing{typed: typed}).change(rt, id)
}

// closing is a CloseAccount that knows of the other organizations.
type closing struct {
	typed   string
	others  []place  // memberships there
	reached []string // MailKeys of the accounts that end
}

func (c *closing) change(rt *scim.ResourceType, id string) directory.SetState {
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
func (c *closing) may(ctx context.Context, r directory.Reader, d *directory.Draft, home estate.Home, managed bool) ([]directory.Finding, error) {
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
func (c *closing) end(d *directory.Draft, a *estate.Account, address string) error {
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
