package directory

import (
	"context"
	"fmt"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

// plan decides on a change from a snapshot. It cannot write.
func (s *Service) plan(ctx context.Context, r Reader, req Request, at stamp) (*Plan, error) {
	d, ops, quirks, err := s.draft(ctx, r, req, at)
	if err != nil {
		return nil, err
	}
	p := &Plan{Org: d.Org, Type: d.Type, Quirks: quirks}
	if d.Edges, err = p.edges(ctx, r, req, d, ops); err != nil {
		return nil, err
	}
	for _, policy := range s.policies {
		found, err := policy.Review(ctx, r, d)
		if err != nil {
			return nil, err
		}
		p.Findings = append(p.Findings, found...)
	}
	p.Before, p.After, p.Edges = d.Before, d.After, d.Edges
	p.stamp(req, at)
	return p, nil
}

// creation is a Create of which everything is done that needs no reader.
type creation struct {
	resource *scim.Resource
	members  []patch.EdgeOp
}

func (creation) change() {}

// prepare does the part of a change that the transaction need not wait for.
func prepare(req Request, at stamp) Request {
	if c, ok := req.Change.(Create); ok {
		r := c.Resource.Clone()
		r.ID, r.Created = at.resource, at.now
		defaults(r)
		members := takeEdges(r)
		r.Seal()
		req.Change = creation{r, members}
	}
	return req
}

// draft reads what is there and works out what would be.
func (s *Service) draft(ctx context.Context, r Reader, req Request, at stamp) (d *Draft, ops []patch.EdgeOp, met scim.Quirks, err error) {
	d = &Draft{Org: req.Org, Actor: req.Actor}
	switch c := req.Change.(type) {
	case creation:
		d.Type, d.After = c.resource.Type, c.resource.Clone()
		return d, c.members, 0, nil
	case Replace:
		if d.Before, err = s.current(ctx, r, req, c.Type, c.ID); err != nil {
			return nil, nil, 0, err
		}
		d.Type, d.After = c.Type, c.Resource.Clone()
		if ops = takeEdges(d.After); ops == nil {
			ops = clearEdges(c.Type)
		}
		err = carryOver(d.Before, d.After)
	case Patch:
		if d.Before, err = s.current(ctx, r, req, c.Type, c.ID); err != nil {
			return nil, nil, 0, err
		}
		d.Type = c.Type
		d.After, ops, met, err = c.Patch.Apply(d.Before)
	case Delete:
		d.Type = c.Type
		d.Before, err = s.current(ctx, r, req, c.Type, c.ID)
	default:
		err = fmt.Errorf("change %T is not known", c)
	}
	return d, ops, met, err
}

// current reads the resource a change is about and checks the precondition.
func (s *Service) current(ctx context.Context, r Reader, req Request, rt *scim.ResourceType, id string) (*scim.Resource, error) {
	cur, err := r.Get(ctx, Ref{req.Org, rt, id})
	if err != nil {
		return nil, err
	}
	if !req.If.Holds(cur.Version) {
		return nil, ErrVersion
	}
	return cur, cur.Load()
}

// defaults gives a new resource the values that its type has by default: users
// are active unless the client says otherwise.
func defaults(r *scim.Resource) {
	if active, ok := r.Type.Root("active"); ok && active.Type == scim.Boolean {
		if _, set := r.Get(active); !set {
			r.Set(active, scim.BoolValue(true))
		}
	}
}

// carryOver makes a PUT body complete: what clients cannot write stays, and so
// does active, whose absence must never change who has access. An immutable
// value that differs is an error.
func carryOver(before, after *scim.Resource) error {
	after.ID, after.Created = before.ID, before.Created
	for _, root := range before.Type.Roots() {
		if err := carry(before, after, root); err != nil {
			return err
		}
		if root.IsExtension() {
			for _, a := range root.Sub {
				if err := carry(before, after, a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func carry(before, after *scim.Resource, a *scim.Attribute) error {
	if a.Edge {
		return nil
	}
	was, had := before.Get(a)
	is, has := after.Get(a)
	switch {
	case a.Mutability == scim.ReadOnly && had, a.Path() == "active" && had && !has:
		after.SetPath(a, was)
	case a.Mutability == scim.Immutable && had && !has:
		after.SetPath(a, was)
	case a.Mutability == scim.Immutable && had && !was.Equal(is):
		return scim.Errorf(scim.BadMutability, "The attribute %s cannot change once it has a value.", a.Path())
	}
	return nil
}

// stamp gives the outcome its version, time and event, unless nothing changed.
func (p *Plan) stamp(req Request, at stamp) {
	e := Event{ID: at.event, Time: at.now, Org: p.Org, Type: p.Type.Name, Actor: req.Actor, RequestID: req.RequestID,
		Joined: len(p.Edges.Add), Left: len(p.Edges.Remove)}
	for _, a := range scim.Changed(p.Before, p.After) {
		e.Changed = append(e.Changed, a.Path())
	}
	verb := "update"
	switch {
	case p.Before == nil:
		verb = "create"
		p.After.Version, p.After.Modified = 1, at.now
	case p.After == nil:
		verb, e.Changed = "delete", nil
		e.Before = p.Before.Version
	case len(e.Changed) == 0 && p.Edges.IsZero():
		p.After = p.Before
		return
	default:
		e.Before = p.Before.Version
		p.After.Version, p.After.Modified = p.Before.Version+1, at.now
	}
	if p.After != nil {
		e.After, e.Resource = p.After.Version, p.After.ID
	} else {
		e.Resource = p.Before.ID
	}
	e.Action = noun(p.Type) + "." + verb
	p.Events = []Event{e}
}

func noun(rt *scim.ResourceType) string { return scim.Fold(rt.Name) }

// apply writes the plan. It decides nothing.
func (p *Plan) apply(ctx context.Context, tx Tx) error {
	if p.Unchanged() {
		return nil
	}
	if p.After == nil {
		if err := tx.Delete(ctx, p.Org, p.Before); err != nil {
			return err
		}
		return tx.Emit(ctx, p.Events...)
	}
	p.After.Seal()
	if err := tx.Put(ctx, p.Org, p.Before, p.After); err != nil {
		return err
	}
	if !p.Edges.IsZero() {
		if err := tx.Link(ctx, Ref{p.Org, p.Type, p.After.ID}, p.Edges); err != nil {
			return err
		}
	}
	return tx.Emit(ctx, p.Events...)
}

// memberships looks up, in the transaction that made the change, the groups that
// the answer shows.
func (p *Plan) memberships(ctx context.Context, r Reader, req Request) error {
	if !req.WithGroups || p.Before == nil || p.After == nil {
		return nil
	}
	found, err := GroupsOf(ctx, r, p.Org, []string{p.After.ID})
	p.Groups = found[p.After.ID]
	return err
}
