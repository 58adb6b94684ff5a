package directory

import (
	"context"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/patch"
)

// edgeOf is the writable relation of a resource type, Group.members, or nil.
func edgeOf(rt *scim.ResourceType) *scim.Attribute {
	for _, a := range rt.Roots() {
		if a.Edge && a.Mutability != scim.ReadOnly {
			return a
		}
	}
	return nil
}

// takeEdges moves the members of a body out of the record.
func takeEdges(r *scim.Resource) []patch.EdgeOp {
	a := edgeOf(r.Type)
	if a == nil {
		return nil
	}
	v, ok := r.Get(a)
	if !ok {
		return nil
	}
	r.Set(a, scim.Value{})
	return []patch.EdgeOp{{Kind: patch.ReplaceEdges, Members: patch.Members(v, a)}}
}

// clearEdges is what a PUT without members means (RFC 7644 section 3.5.1).
func clearEdges(rt *scim.ResourceType) []patch.EdgeOp {
	if edgeOf(rt) == nil {
		return nil
	}
	return []patch.EdgeOp{{Kind: patch.ReplaceEdges}}
}

// edges works out which members join and leave when the operations are done in
// order. It reads the group's members only when an operation speaks of all.
func (p *Plan) edges(ctx context.Context, r Reader, req Request, d *Draft, ops []patch.EdgeOp) (EdgeDelta, error) {
	if len(ops) == 0 {
		return EdgeDelta{}, nil
	}
	kinds, err := p.kinds(ctx, r, req, ops)
	if err != nil {
		return EdgeDelta{}, err
	}
	was, err := membersBefore(ctx, r, d, ops)
	if err != nil {
		return EdgeDelta{}, err
	}
	l := roll{was: was, will: make(map[string]bool, len(was)), order: make([]Member, 0, len(was))}
	for _, m := range was {
		l.will[m.ID] = true
	}
	for _, op := range ops {
		if err := l.change(op, kinds); err != nil {
			return EdgeDelta{}, err
		}
	}
	return difference(was, l.will, l.order), nil
}

// roll is the members of a group while operations change them.
type roll struct {
	was   []Member
	will  map[string]bool
	order []Member // who was added, also if they left again
	work  int
}

// mostWork bounds the comparisons of the operations that select members by a filter:
// their changes are decided on while all others wait (K47). One alone may ask all the
// members of a group of any size.
const mostWork = 4 << 20

func (l *roll) change(op patch.EdgeOp, kinds map[string]string) error {
	switch op.Kind {
	case patch.ReplaceEdges:
		clear(l.will)
		fallthrough
	case patch.AddEdges:
		for _, m := range op.Members {
			if kind, ok := kinds[m.ID]; ok {
				l.will[m.ID] = true
				l.order = append(l.order, Member{ID: m.ID, Type: kind})
			}
		}
	case patch.RemoveEdges:
		for _, m := range op.Members {
			delete(l.will, m.ID)
		}
	case patch.RemoveWhere:
		before := l.work
		if l.work += op.Cost * (len(l.was) + len(l.order)); before > 0 && l.work > mostWork {
			return scim.Errorf(scim.TooMany, "The operations compare too many members; send them in parts.")
		}
		for _, some := range [][]Member{l.was, l.order} {
			for _, m := range some {
				if l.will[m.ID] && op.Where(patch.Member{ID: m.ID, Type: m.Type}) {
					delete(l.will, m.ID)
				}
			}
		}
	}
	return nil
}

// membersBefore are the members that the operations could concern: those named,
// or all of them.
func membersBefore(ctx context.Context, r Reader, d *Draft, ops []patch.EdgeOp) ([]Member, error) {
	if d.Before == nil {
		return nil, nil
	}
	group := Ref{d.Org, d.Type, d.Before.ID}
	var named []string
	for _, op := range ops {
		if op.Kind == patch.ReplaceEdges || op.Kind == patch.RemoveWhere {
			var all []Member
			for m, err := range r.Members(ctx, group) {
				if err != nil {
					return nil, err
				}
				all = append(all, m)
			}
			return all, nil
		}
		for _, m := range op.Members {
			named = append(named, m.ID)
		}
	}
	linked, err := r.Linked(ctx, group, named)
	if err != nil {
		return nil, err
	}
	var was []Member
	for _, id := range named {
		if linked[id] {
			was = append(was, Member{ID: id})
			delete(linked, id)
		}
	}
	return was, nil
}

func difference(was []Member, will map[string]bool, order []Member) EdgeDelta {
	var d EdgeDelta
	before := make(map[string]bool, len(was))
	for _, m := range was {
		before[m.ID] = true
		if !will[m.ID] {
			d.Remove = append(d.Remove, m.ID)
		}
	}
	for _, m := range order {
		if will[m.ID] && !before[m.ID] {
			before[m.ID] = true
			d.Add = append(d.Add, m)
		}
	}
	return d
}

// kinds looks up the resources that shall become members. Ids that do not exist
// in the organization are refused, or dropped where the connection says so;
// another organization's ids are just as unknown (K03).
func (p *Plan) kinds(ctx context.Context, r Reader, req Request, ops []patch.EdgeOp) (map[string]string, error) {
	var ids []string
	for _, op := range ops {
		if op.Kind == patch.AddEdges || op.Kind == patch.ReplaceEdges {
			for _, m := range op.Members {
				ids = append(ids, m.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	kinds, err := r.Kinds(ctx, req.Org, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if kind := kinds[id]; kind == "User" || kind == "Group" {
			continue
		}
		delete(kinds, id)
		if !req.IgnoreUnknownMembers {
			return nil, scim.Errorf(scim.InvalidValue, "The value of members names a user or group that does not exist here; provision it first, then add it.")
		}
		p.Quirks |= scim.UnknownMember
	}
	return kinds, nil
}

// GroupsOf lists the groups each id belongs to, directly or through groups in
// groups, each group once. Cycles end where they close.
func GroupsOf(ctx context.Context, r Memberships, org OrgID, ids []string) (map[string][]Membership, error) {
	direct, err := r.Groups(ctx, org, ids)
	if err != nil || len(direct) == 0 {
		return direct, err
	}
	above := map[string][]Membership{} // parents of groups met so far
	for id, groups := range direct {
		all, err := climb(ctx, r, org, id, groups, above)
		if err != nil {
			return nil, err
		}
		direct[id] = all
	}
	return direct, nil
}

// climb adds the groups above the given ones, level by level.
func climb(ctx context.Context, r Memberships, org OrgID, id string, all []Membership, above map[string][]Membership) ([]Membership, error) {
	seen := map[string]bool{id: true}
	for _, g := range all {
		seen[g.Group] = true
	}
	for level := all; len(level) > 0; {
		var ask []string
		for _, g := range level {
			if _, known := above[g.Group]; !known {
				ask = append(ask, g.Group)
			}
		}
		if len(ask) > 0 {
			found, err := r.Groups(ctx, org, ask)
			if err != nil {
				return nil, err
			}
			for _, g := range ask {
				above[g] = found[g]
			}
		}
		var next []Membership
		for _, g := range level {
			for _, up := range above[g.Group] {
				if !seen[up.Group] {
					seen[up.Group] = true
					up.Direct = false
					next = append(next, up)
				}
			}
		}
		all = append(all, next...)
		level = next
	}
	return all, nil
}

// WithEdges returns the resource with its memberships as attributes, for a
// predicate that speaks of them.
func WithEdges(ctx context.Context, r Memberships, org OrgID, res *scim.Resource) (*scim.Resource, error) {
	for _, a := range res.Type.Roots() {
		if !a.Edge {
			continue
		}
		elements, err := edgeValues(ctx, r, org, res, a)
		if err != nil {
			return nil, err
		}
		return withElements(res, a, elements), nil
	}
	return res, nil
}

// WithEdgesFor is WithEdges for one filter. Of a group that may be large it looks up
// the members that the filter names, where it asks of no others.
func WithEdgesFor(ctx context.Context, r Memberships, org OrgID, res *scim.Resource, f *filter.Filter) (*scim.Resource, error) {
	a := edgeOf(res.Type)
	ids, only := f.Named()
	if a == nil || !only {
		return WithEdges(ctx, r, org, res)
	}
	linked, err := r.Linked(ctx, Ref{org, res.Type, res.ID}, ids)
	var elements []scim.Value
	for id := range linked {
		elements = append(elements, scim.ComplexValue(scim.Field{Attr: a.Value(), Value: scim.TextValue(id)}))
	}
	return withElements(res, a, elements), err
}

func withElements(res *scim.Resource, a *scim.Attribute, elements []scim.Value) *scim.Resource {
	full := res.Clone()
	full.Set(a, scim.ListValue(elements...))
	return full
}

func edgeValues(ctx context.Context, r Memberships, org OrgID, res *scim.Resource, a *scim.Attribute) (list []scim.Value, err error) {
	element := func(id, typ, display string) {
		var fields []scim.Field
		for name, text := range map[string]string{"value": id, "type": typ, "display": display} {
			if sub, ok := a.Lookup(name); ok && text != "" {
				fields = append(fields, scim.Field{Attr: sub, Value: scim.TextValue(text)})
			}
		}
		list = append(list, scim.ComplexValue(fields...))
	}
	if a.Mutability != scim.ReadOnly {
		for m, err := range r.Members(ctx, Ref{org, res.Type, res.ID}) {
			if err != nil {
				return nil, err
			}
			element(m.ID, m.Type, "")
		}
		return list, nil
	}
	groups, err := GroupsOf(ctx, r, org, []string{res.ID})
	for _, g := range groups[res.ID] {
		element(g.Group, g.Kind(), g.Display)
	}
	return list, err
}
