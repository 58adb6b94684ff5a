package directory

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// Naming says which connection the externalId in the records of a type belongs to: the
// main one, which is the first whose client gave one. Every other connection has its
// own beside it (scim.ExternalIDs). Until there is a Naming, no record has any. Its id is
// the name of the resource type.
type Naming struct {
	Head
	// Main never changes once a client has given an externalId. It is empty where several
	// connections had written to the same externalId before they were kept apart: then
	// that is shared by those that have said nothing of the record since, and each has its
	// own for what it says now.
	Main ConnectionID `json:"main,omitempty"`
	// Unclaimed tells that all were imported and no client has given any: all clients see
	// the same, and the first that gives one is the main one.
	Unclaimed bool `json:"unclaimed,omitempty"`
	// Others are the connections that have given any of their own. None is taken out.
	Others []ConnectionID `json:"others,omitempty"`
}

// Kind is "naming".
func (*Naming) Kind() Kind { return "naming" }

// Keys are none: it is found by its id.
func (*Naming) Keys() []string { return nil }

// namingKey is what a Service remembers a Naming by.
type namingKey struct {
	org OrgID
	typ string
}

// rememberedNaming is a Naming, or that there is none, as it was a moment ago.
type rememberedNaming struct {
	Naming
	until time.Time
}

// noNaming is how long it is believed that an organization has no Naming, or that a
// connection has no externalIds of its own: another server may have made the first.
const noNaming = 500 * time.Millisecond

// fresh reports whether it is still believed that it has not changed.
func (n *rememberedNaming) fresh(now time.Time) bool {
	left := n.until.Sub(now)
	return left > 0 && left <= noNaming
}

// enough says whether what is remembered of a Naming will do.
type enough func(n Naming, fresh bool) bool

// settled takes nobody's word that no client has claimed it, for changes that rest on it.
func settled(n Naming, _ bool) bool { return n.Version > 0 && !n.Unclaimed }

// lately is enough for reading.
func lately(n Naming, fresh bool) bool { return fresh || settled(n, fresh) }

// exists is enough for imports.
func exists(n Naming, _ bool) bool { return n.Version > 0 }

// namesMore is enough to know that a connection has externalIds of its own.
func namesMore(c ConnectionID) enough {
	return func(n Naming, _ bool) bool { return slices.Contains(n.Others, c) }
}

// speaksFor is enough to know whom the access tokens of a connection are about.
func speaksFor(c ConnectionID) enough {
	return func(n Naming, fresh bool) bool {
		return fresh || n.Main != "" && n.Main == c || slices.Contains(n.Others, c)
	}
}

// naming is the Naming of a type, from memory where that is enough; the zero Naming when
// there is none. What a transaction reads may never be committed and is not remembered.
func (s *Service) naming(ctx context.Context, r Documents, org OrgID, rt *scim.ResourceType, committed bool, ok enough) (Naming, error) {
	if have, some := s.namings.Load(namingKey{org, rt.Name}); some {
		if known := have.(*rememberedNaming); ok(known.Naming, known.fresh(s.clock())) {
			return known.Naming, nil
		}
	}
	n, err := Load[Naming](ctx, r, org, rt.Name)
	if errors.Is(err, ErrNotFound) {
		n, err = Naming{}, nil
	}
	if err == nil && (committed || n.Version == 0) {
		s.remember(org, rt, n)
	}
	return n, err
}

// remember keeps a Naming in mind, in place of an earlier version.
func (s *Service) remember(org OrgID, rt *scim.ResourceType, n Naming) {
	key, next := namingKey{org, rt.Name}, &rememberedNaming{n, s.clock().Add(noNaming)}
	for {
		have, some := s.namings.LoadOrStore(key, next)
		if !some || have.(*rememberedNaming).Version > n.Version || s.namings.CompareAndSwap(key, have, next) {
			return
		}
	}
}

// join notes that a connection has an externalId of its own.
func (s *Service) join(ctx context.Context, r Reader, d *Draft, client ConnectionID) (err error) {
	if d.naming, err = s.naming(ctx, r, d.Org, d.Type, false, namesMore(client)); err != nil || slices.Contains(d.naming.Others, client) {
		return err
	}
	d.naming.Others = append(slices.Clone(d.naming.Others), client)
	d.renamed = true
	return Save(d, d.Org, &d.naming)
}

// claim makes the Naming of a type, or lets the first client that gives an externalId
// have it, in a draft that changes one.
func (s *Service) claim(ctx context.Context, r Reader, d *Draft, client ConnectionID, gives bool) error {
	older, err := s.older(ctx, r, d.Org, d.Type, d.naming)
	if err != nil {
		return err
	}
	return d.claim(older, client, gives)
}

func (d *Draft) claim(older olderIDs, client ConnectionID, gives bool) error {
	was := d.naming
	d.naming.ID, d.naming.Unclaimed = d.Type.Name, false
	switch {
	case older.several || len(older.wrote) > 1:
	case len(older.wrote) == 1:
		d.naming.Main = older.wrote[0]
	case !gives || client == "":
		d.naming.Unclaimed = true
	case !older.some || d.Actor.Kind == Client:
		d.naming.Main = client
	}
	if d.naming.Unclaimed && was.Version > 0 {
		return nil
	}
	if gives && client != "" && d.naming.Main != client {
		d.naming.Others = []ConnectionID{client}
	}
	d.renamed = true
	return Save(d, d.Org, &d.naming)
}

// olderIDs are the externalIds of a type that nobody has claimed.
type olderIDs struct {
	some    bool           // there are any
	wrote   []ConnectionID // the connections whose clients gave them
	several bool           // nobody knows how many
}

// older finds out whose they are. Where no Naming was made for them, they are from before
// externalIds were kept apart, and the audit tells.
func (s *Service) older(ctx context.Context, r Reader, org OrgID, rt *scim.ResourceType, n Naming) (all olderIDs, err error) {
	if n.Version > 0 {
		return olderIDs{some: true}, nil
	}
	given, _, err := filter.Compile(scim.ExternalID.Path()+" pr", rt, scim.Strict)
	if err != nil {
		return all, err
	}
	page, err := r.Find(ctx, Query{Org: org, Type: rt, Filter: given, Start: 1})
	if all.some = page.Total > 0; !all.some || err != nil {
		return all, err
	}
	if all.several = s.trail == nil; all.several {
		return all, nil
	}
	q := TrailQuery{Org: org, Limit: 1000}
	for {
		events, err := s.trail.Trail(ctx, q)
		if err != nil {
			return all, err
		}
		for _, e := range events {
			if e.Event.names(rt) && !slices.Contains(all.wrote, e.Event.Actor.Connection) {
				all.wrote = append(all.wrote, e.Event.Actor.Connection)
			}
		}
		if len(events) < q.Limit {
			return all, nil
		}
		q.After = events[len(events)-1].Seq
	}
}

// names reports whether a client gave or removed an externalId of the type.
func (e *Event) names(rt *scim.ResourceType) bool {
	return e.Type == rt.Name && e.Actor.Kind == Client && slices.Contains(e.Changed, scim.ExternalID.Path())
}

// NameOlder finds out whose the externalIds of an organization are that a version before
// has kept, of each type once. Where it has not yet, the first client that gives or
// removes one waits for the same.
func (s *Service) NameOlder(ctx context.Context, org OrgID, types []*scim.ResourceType) error {
	for _, rt := range types {
		if rt.ReadOnly {
			continue
		}
		var older olderIDs
		err := s.store.View(ctx, func(r Reader) error {
			n, err := s.naming(ctx, r, org, rt, true, exists)
			if err == nil && n.Version == 0 {
				older, err = s.older(ctx, r, org, rt, n)
			}
			return err
		})
		if err == nil && older.some {
			err = s.nameOlder(ctx, org, rt, older)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) nameOlder(ctx context.Context, org OrgID, rt *scim.ResourceType, older olderIDs) error {
	plan := func(ctx context.Context, r Reader, d *Draft) (_ []Finding, err error) {
		named := *d
		named.Type = rt
		if named.naming, err = s.naming(ctx, r, org, rt, false, exists); err == nil && named.naming.Version == 0 {
			err = named.claim(older, "", false)
			d.Writes = named.Writes
		}
		return nil, err
	}
	_, err := s.Execute(ctx, Request{Org: org, Actor: Actor{Kind: Operator}, Change: Command{Action: "naming.find", Quiet: true, Plan: plan}})
	return err
}
