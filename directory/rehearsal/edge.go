package rehearsal

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim/schemas"
)

// Members walks the direct members of a group.
func (r *reader) Members(ctx context.Context, group directory.Ref) iter.Seq2[directory.Member, error] {
	l := r.made.links[place{group.Org, group.ID}]
	if l == nil {
		return r.Reader.Members(ctx, group)
	}
	return func(yield func(directory.Member, error) bool) {
		if !l.cleared {
			for m, err := range r.Reader.Members(ctx, group) {
				if err == nil && (l.gone[m.ID] || l.is[m.ID]) {
					continue
				}
				if !yield(m, err) || err != nil {
					return
				}
			}
		}
		for _, m := range l.added {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// Linked tells which ids are direct members of a group.
func (r *reader) Linked(ctx context.Context, group directory.Ref, ids []string) (map[string]bool, error) {
	l := r.made.links[place{group.Org, group.ID}]
	if l == nil {
		return r.Reader.Linked(ctx, group, ids)
	}
	linked := map[string]bool{}
	if !l.cleared {
		below, err := r.Reader.Linked(ctx, group, ids)
		if err != nil {
			return nil, err
		}
		for id := range below {
			if !l.gone[id] {
				linked[id] = true
			}
		}
	}
	for _, id := range ids {
		if l.is[id] {
			linked[id] = true
		}
	}
	return linked, nil
}

// Groups returns the groups that each id is a direct member of.
func (r *reader) Groups(ctx context.Context, org directory.OrgID, ids []string) (map[string][]directory.Membership, error) {
	below, err := r.Reader.Groups(ctx, org, ids)
	if err != nil || len(r.made.resources) == 0 && len(r.made.links) == 0 {
		return below, err
	}
	found := map[string][]directory.Membership{}
	for _, id := range ids {
		all := slices.DeleteFunc(below[id], func(m directory.Membership) bool {
			l := r.made.links[place{org, m.Group}]
			return l != nil && (l.cleared || l.gone[id])
		})
		for _, group := range r.made.joins[place{org, id}] {
			is := func(m directory.Membership) bool { return m.Group == group }
			if l := r.made.links[place{org, group}]; l != nil && l.is[id] && !slices.ContainsFunc(all, is) {
				all = append(all, directory.Membership{Group: group, Direct: true})
			}
		}
		if len(all) == 0 {
			continue
		}
		for i := range all {
			if all[i].Display, err = r.display(ctx, org, all[i]); err != nil {
				return nil, err
			}
		}
		slices.SortFunc(all, func(a, b directory.Membership) int { return strings.Compare(a.Group, b.Group) })
		found[id] = all
	}
	return found, nil
}

// display is what the group of a membership is called now.
func (r *reader) display(ctx context.Context, org directory.OrgID, m directory.Membership) (string, error) {
	if _, written := r.made.resources[place{org, m.Group}]; !written && m.Display != "" {
		return m.Display, nil
	}
	rt, err := r.Type("Group")
	if err != nil {
		return "", err
	}
	g, err := r.Get(ctx, directory.Ref{Org: org, Type: rt, ID: m.Group})
	if err != nil {
		return "", err
	}
	return g.Text(schemas.Group.DisplayName), g.Load()
}

// Link changes the members of a group, which was written before.
func (t *tx) Link(ctx context.Context, group directory.Ref, d directory.EdgeDelta) error {
	at := place{group.Org, group.ID}
	next := &links{gone: map[string]bool{}, is: map[string]bool{}}
	if was := t.made.links[at]; was != nil && !d.Clear {
		next = &links{was.cleared, maps.Clone(was.gone), slices.Clone(was.added), maps.Clone(was.is)}
	}
	next.cleared = next.cleared || d.Clear
	for _, id := range d.Remove {
		next.gone[id] = true
		if next.is[id] {
			delete(next.is, id)
			next.added = slices.DeleteFunc(next.added, func(m directory.Member) bool { return m.ID == id })
		}
	}
	for _, m := range d.Add {
		if next.is[m.ID] {
			continue
		}
		next.is[m.ID], next.added = true, append(next.added, m)
		who := place{group.Org, m.ID}
		t.made.joins[who] = append(t.made.joins[who], group.ID)
		t.made.bytes += 2 * len(m.ID)
	}
	set(t, t.made.links, at, next)
	return nil
}
