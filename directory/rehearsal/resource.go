package rehearsal

import (
	"context"
	"errors"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// reader is a directory.Reader of what lies below and what was written above it.
type reader struct {
	directory.Reader // below
	made             *layer
}

// Get reads one resource.
func (r *reader) Get(ctx context.Context, ref directory.Ref) (*scim.Resource, error) {
	res, written := r.made.resource(place{ref.Org, ref.ID})
	switch {
	case !written:
		return r.Reader.Get(ctx, ref)
	case res == nil || res.Type != ref.Type:
		return nil, directory.ErrNotFound
	}
	return res, nil
}

// Owner finds who holds a unique value.
func (r *reader) Owner(ctx context.Context, k directory.UniqueKey) (string, error) {
	switch id, written := r.made.owners[k]; {
	case !written:
		return r.Reader.Owner(ctx, k)
	case id == "":
		return "", directory.ErrNotFound
	default:
		return id, nil
	}
}

// Kinds tells the types of those ids that exist.
func (r *reader) Kinds(ctx context.Context, org directory.OrgID, ids []string) (map[string]string, error) {
	below, err := r.Reader.Kinds(ctx, org, ids)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, id := range ids {
		w, written := r.made.resources[place{org, id}]
		kind, there := below[id]
		if written {
			if there = w.rt != nil; there {
				kind = w.rt.Name
			}
		}
		if there {
			found[id] = kind
		}
	}
	return found, nil
}

// pageSize is how many resources are read at a time from below.
const pageSize = 500

// Find answers a query. Where resources of the type were written, it is answered in
// memory: by filter.Match, and in the order of a directory.PageOf.
func (r *reader) Find(ctx context.Context, q directory.Query) (directory.Page, error) {
	s := sort{q.Org, q.Type.Name}
	edges := q.Filter != nil && q.Filter.UsesEdges() && len(r.made.links) > 0
	if len(r.made.of[s]) == 0 && !edges {
		return r.Reader.Find(ctx, q)
	}
	all, err := r.untouched(ctx, q, edges)
	if err != nil {
		return directory.Page{}, err
	}
	written, err := r.written(ctx, q, s)
	if err != nil {
		return directory.Page{}, err
	}
	return directory.PageOf(q, append(all, written...))
}

// untouched are the resources below that fulfil a query and were not written. Where
// memberships were, these may make anybody fulfil it.
func (r *reader) untouched(ctx context.Context, q directory.Query, edges bool) (all []*scim.Resource, err error) {
	below := directory.Query{Org: q.Org, Type: q.Type, Filter: q.Filter, Start: 1, Count: pageSize}
	if edges {
		below.Filter = nil
	}
	for {
		page, err := r.Reader.Find(ctx, below)
		if err != nil {
			return nil, err
		}
		for _, res := range page.Resources {
			_, written := r.made.resources[place{q.Org, res.ID}]
			ok := !written
			if ok && edges {
				if ok, err = r.fulfils(ctx, q, res); err != nil {
					return nil, err
				}
			}
			if ok {
				all = append(all, res)
			}
		}
		if !page.More {
			return all, nil
		}
		below.After = page.Last
	}
}

// written are the resources above that fulfil a query.
func (r *reader) written(ctx context.Context, q directory.Query, s sort) (all []*scim.Resource, err error) {
	seen := map[string]bool{}
	for _, id := range r.made.candidates(s, q.Filter) {
		res, _ := r.made.resource(place{q.Org, id})
		if res == nil || res.Type != q.Type || seen[id] {
			continue
		}
		seen[id] = true
		ok, err := r.fulfils(ctx, q, res)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, res)
		}
	}
	return all, nil
}

func (r *reader) fulfils(ctx context.Context, q directory.Query, res *scim.Resource) (bool, error) {
	if q.Filter == nil {
		return true, nil
	}
	if err := res.Load(); err != nil {
		return false, err
	}
	if !q.Filter.UsesEdges() {
		return q.Filter.Match(res), nil
	}
	full, err := directory.WithEdgesFor(ctx, r, q.Org, res, q.Filter)
	return err == nil && q.Filter.Match(full), err
}

// at fails with directory.ErrVersion unless a resource is as it was read.
func (t *tx) at(ctx context.Context, org directory.OrgID, before, after *scim.Resource) error {
	one := before
	if one == nil {
		one = after
	}
	is, err := t.Get(ctx, directory.Ref{Org: org, Type: one.Type, ID: one.ID})
	switch {
	case errors.Is(err, directory.ErrNotFound) && before == nil:
		return nil
	case err == nil && before != nil && is.Version == before.Version:
		return before.Load()
	case err == nil || errors.Is(err, directory.ErrNotFound):
		return directory.ErrVersion
	}
	return err
}

// Put writes a resource.
func (t *tx) Put(ctx context.Context, org directory.OrgID, before, after *scim.Resource) error {
	if err := t.at(ctx, org, before, after); err != nil {
		return err
	}
	for _, a := range after.Type.UniqueAttributes() {
		was, is := uniqueKey(org, a, before), uniqueKey(org, a, after)
		if is.Key == was.Key {
			continue
		}
		if is.Key != "" {
			owner, err := t.Owner(ctx, is)
			if err == nil && owner != after.ID {
				return &directory.UniqueError{Path: a.Path(), Detail: "The " + a.Path() + " is already in use; choose a different value."}
			}
			if err != nil && !errors.Is(err, directory.ErrNotFound) {
				return err
			}
			set(t, t.made.owners, is, after.ID)
		}
		if was.Key != "" {
			set(t, t.made.owners, was, "")
		}
	}
	t.write(org, after)
	return nil
}

func uniqueKey(org directory.OrgID, a *scim.Attribute, r *scim.Resource) directory.UniqueKey {
	if r == nil {
		return directory.UniqueKey{}
	}
	return directory.UniqueKey{Org: org, Type: r.Type, Attr: a, Key: scim.Key(r.Text(a))}
}

func (t *tx) write(org directory.OrgID, r *scim.Resource) {
	t.made.note(org, r)
	set(t, t.made.resources, place{org, r.ID}, &record{r.Type, r.Version, r.Created, r.Modified, r.Seal()})
}

// Delete removes a resource, its unique values and its memberships. Groups that lose it
// as a member are at a new version.
func (t *tx) Delete(ctx context.Context, org directory.OrgID, before *scim.Resource) error {
	if err := t.at(ctx, org, before, nil); err != nil {
		return err
	}
	for _, a := range before.Type.UniqueAttributes() {
		if k := uniqueKey(org, a, before); k.Key != "" {
			set(t, t.made.owners, k, "")
		}
	}
	of, err := t.Groups(ctx, org, []string{before.ID})
	if err != nil {
		return err
	}
	for _, m := range of[before.ID] {
		if err := t.lose(ctx, org, m.Group, before.ID); err != nil {
			return err
		}
	}
	t.made.touch(org, before)
	set(t, t.made.resources, place{org, before.ID}, &record{})
	return t.Link(ctx, directory.Ref{Org: org, Type: before.Type, ID: before.ID}, directory.EdgeDelta{Clear: true})
}

// lose takes a member who is removed out of a group.
func (t *tx) lose(ctx context.Context, org directory.OrgID, group, member string) error {
	rt, err := t.Type("Group")
	if err != nil {
		return err
	}
	ref := directory.Ref{Org: org, Type: rt, ID: group}
	g, err := t.Get(ctx, ref)
	if err != nil {
		return err
	}
	next := *g
	next.Version++
	t.write(org, &next)
	return t.Link(ctx, ref, directory.EdgeDelta{Remove: []string{member}})
}
