package admin

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
)

// export is all that is kept about a person; the secrets of what they sign in with,
// which are kept as hashes alone, are left out.
type export struct {
	Exported   time.Time             `json:"exportedAt"`
	Person     json.RawMessage       `json:"person"`
	Names      []operation.NamedID   `json:"externalIds,omitempty"`
	Standing   *estate.Standing      `json:"standing,omitempty"`
	Invitation *estate.Invitation    `json:"invitation,omitempty"`
	Consent    *lifecycle.Consent    `json:"consent,omitempty"`
	Schedule   *estate.Schedule      `json:"schedule,omitempty"`
	Case       *directory.Case       `json:"case,omitempty"`
	Account    *exportedAccount      `json:"account,omitempty"`
	Groups     []exportedGroup       `json:"groups"`
	Records    []estate.Record       `json:"records"`
	Orders     []estate.Subscription `json:"subscriptions"`
	Purchases  []estate.Purchase     `json:"purchases"`
	Blocks     []estate.Address      `json:"addresses"`
	Apps       []estate.Assignment   `json:"assignments"`
	Extensions []estate.Grant        `json:"extensions"`
	Tokens     []exportedToken       `json:"credentials"`
	Lost       []estate.Departure    `json:"departures"`
	Transfers  []lifecycle.Transfer  `json:"transfers"`
	Audit      []directory.Entry     `json:"audit"`
}

type (
	exportedAccount struct {
		ID         string              `json:"id"`
		Email      string              `json:"email"`
		Home       directory.OrgID     `json:"homeOrganization,omitempty"`
		State      estate.AccountState `json:"state"`
		Created    time.Time           `json:"created"`
		ValidAfter time.Time           `json:"credentialsValidAfter,omitzero"`
		Password   bool                `json:"hasPassword"`
	}
	exportedGroup struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Direct bool   `json:"direct"`
	}
	exportedToken struct {
		Kind    string    `json:"kind"`
		Client  string    `json:"client,omitempty"`
		Scope   string    `json:"scope,omitempty"`
		Issued  time.Time `json:"issuedAt"`
		Expires time.Time `json:"expiresAt,omitzero"`
		Revoked time.Time `json:"revokedAt,omitzero"`
	}
)

// export gives a person all that is kept about them (S3-20).
func (a handlers) export(ctx context.Context, in *operation.ByID) (*operation.Single[export], error) {
	if err := own(ctx, in.ID); err != nil {
		return nil, err
	}
	rt := a.Typed(ctx, "User")
	if _, err := a.Do(ctx, lifecycle.NoteExport(rt, in.ID), ""); err != nil {
		return nil, err
	}
	out := export{Exported: scim.Now(time.Now), Audit: []directory.Entry{}}
	err := a.Person(ctx, in.ID, func(r directory.Reader, p *scim.Resource) error {
		return out.read(ctx, r, operation.CallerOf(ctx).Org, p)
	})
	for err == nil {
		var after int64
		if n := len(out.Audit); n > 0 {
			after = out.Audit[n-1].Seq
		}
		var page []directory.Entry
		page, err = a.Trail.Trail(ctx, directory.TrailQuery{Org: operation.CallerOf(ctx).Org, About: in.ID, After: after, Limit: 1000})
		out.Audit = append(out.Audit, page...)
		if len(page) < 1000 {
			break
		}
	}
	return &operation.Single[export]{Body: out}, err
}

// read collects what is kept in one snapshot.
func (out *export) read(ctx context.Context, r directory.Reader, org directory.OrgID, p *scim.Resource) error {
	out.Person, out.Names = p.AppendJSON(nil, nil, "", nil), operation.NamedIDs(p)
	mine := operation.ByUser(org, p.ID)
	var tokens []estate.Credential
	err := errors.Join(
		collect(ctx, r, &out.Records, estate.RecordsOf(org, p.ID)), collect(ctx, r, &out.Orders, mine), collect(ctx, r, &out.Apps, mine),
		collect(ctx, r, &out.Extensions, mine), collect(ctx, r, &out.Lost, mine), collect(ctx, r, &out.Transfers, mine), collect(ctx, r, &tokens, mine),
		kept(ctx, r, &out.Standing, org, p.ID), kept(ctx, r, &out.Invitation, org, p.ID), kept(ctx, r, &out.Consent, org, p.ID), kept(ctx, r, &out.Schedule, org, p.ID), kept(ctx, r, &out.Case, org, p.ID),
		out.readAddresses(ctx, r, org, p), out.readGroups(ctx, r, org, p), out.readAccount(ctx, r, org, p))
	if out.Invitation != nil {
		out.Invitation.Hash = ""
	}
	out.Tokens = []exportedToken{}
	for _, c := range tokens {
		out.Tokens = append(out.Tokens, exportedToken{c.Sort, c.Client, c.Scope, c.Issued, c.Expires, c.Revoked})
	}
	return err
}

// readAddresses collects purchases and blocks, which are known by address.
func (out *export) readAddresses(ctx context.Context, r directory.Reader, org directory.OrgID, p *scim.Resource) error {
	err := errors.Join(collect(ctx, r, &out.Purchases, operation.ByUser(org, p.ID)), collect(ctx, r, &out.Blocks, operation.ByUser(org, p.ID)))
	for _, address := range directory.AddressesOf(p) {
		if err != nil {
			return err
		}
		var bought []estate.Purchase
		err = collect(ctx, r, &bought, directory.DocumentQuery{Org: org, Key: "email:" + address})
		for _, b := range bought {
			if b.User != p.ID { // those are there already
				out.Purchases = append(out.Purchases, b)
			}
		}
		entry, ferr := estate.FindAddress(ctx, r, p.Type, org, address)
		switch {
		case ferr == nil && (entry.Version == 0 || entry.User != p.ID):
			out.Blocks = append(out.Blocks, entry)
		case !errors.Is(ferr, directory.ErrNotFound):
			err = errors.Join(err, ferr)
		}
	}
	return err
}

func (out *export) readGroups(ctx context.Context, r directory.Reader, org directory.OrgID, p *scim.Resource) error {
	groups, err := directory.GroupsOf(ctx, r, org, []string{p.ID})
	out.Groups = []exportedGroup{}
	for _, g := range groups[p.ID] {
		out.Groups = append(out.Groups, exportedGroup{g.Group, g.Display, g.Direct})
	}
	return err
}

// readAccount tells of the account, if it is the one that joined here or is at home
// here: an address that was only written down may be somebody else's.
func (out *export) readAccount(ctx context.Context, r directory.Reader, org directory.OrgID, p *scim.Resource) error {
	a, err := estate.AccountOf(ctx, r, directory.PrimaryAddress(p))
	if errors.Is(err, directory.ErrNotFound) {
		return nil
	}
	if err == nil && (a.Home == org || out.Standing != nil && out.Standing.Account == a.ID) {
		out.Account = &exportedAccount{a.ID, a.Email, a.Home, a.State, a.Created, a.ValidAfter, a.Password != ""}
	}
	return err
}

// collect reads all that a query asks for; none is an empty list.
func collect[T any, P directory.Noun[T]](ctx context.Context, r directory.Reader, into *[]T, q directory.DocumentQuery) error {
	all, err := directory.All[T, P](ctx, r, q)
	if *into = all; all == nil {
		*into = []T{}
	}
	return err
}

// kept reads a document that a person has one of, or none.
func kept[T any, P directory.Noun[T]](ctx context.Context, r directory.Reader, into **T, org directory.OrgID, id string) error {
	v, err := directory.Load[T, P](ctx, r, org, id)
	if errors.Is(err, directory.ErrNotFound) {
		return nil
	}
	*into = &v
	return err
}
