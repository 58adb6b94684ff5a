package directory

import (
	"context"
	"fmt"
	"slices"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

// creation is a Create of which everything is done that needs no reader.
type creation struct {
	resource *scim.Resource
	members  []patch.EdgeOp
	invite   *bool
}

func (creation) change() {}

// prepare does the part of a change that the transaction need not wait for.
func prepare(req Request, at stamp) Request {
	if c, ok := req.Change.(Create); ok {
		r := c.Resource.Clone()
		r.ID, r.Created = at.resource, at.now
		invite := takeInvite(r)
		defaults(r)
		members := takeEdges(r)
		if !IsPerson(r.Type) { // of a person the rules write something anyway
			r.Seal()
		}
		req.Change = creation{r, members, invite}
	}
	return req
}

// takeInvite takes the wish for an invitation out of a record, which never keeps it.
func takeInvite(r *scim.Resource) *bool {
	if !IsPerson(r.Type) {
		return nil
	}
	wanted, set := r.Bool(schemas.Usher.SendInvitation)
	if !set {
		return nil
	}
	r.SetPath(schemas.Usher.SendInvitation, scim.Value{})
	return &wanted
}

// draft reads what is there and works out what would be.
func (s *Service) draft(ctx context.Context, r Reader, req Request, at stamp) (d *Draft, ops []patch.EdgeOp, met scim.Quirks, found []Finding, err error) {
	d = &Draft{about: func(rt *scim.ResourceType, id string) error { return s.begin(ctx, r, req, d, rt, id) }, Org: req.Org, Actor: req.Actor, Now: at.now, ID: at.event, Reservation: req.Reservation, Waitlist: req.OnSeatExhausted == Waitlist, Withheld: req.Withheld}
	switch c := req.Change.(type) {
	case creation:
		d.Type, d.After, d.Invite = c.resource.Type, c.resource.Clone(), c.invite
		if err = bounded(nil, d.After); err != nil {
			break
		}
		if d.view, d.naming, err = s.view(ctx, r, req, d.Type); err == nil {
			err = s.name(ctx, r, req, d)
		}
		return d, c.members, 0, nil, err
	case Replace:
		if err = s.begin(ctx, r, req, d, c.Type, c.ID); err != nil {
			break
		}
		d.After = c.Resource.Clone()
		if err = bounded(d.Before, d.After); err != nil {
			break
		}
		d.Invite = takeInvite(d.After)
		if ops = takeEdges(d.After); ops == nil {
			ops = clearEdges(c.Type)
		}
		if err = carryOver(d.Before, d.After); err == nil {
			err = s.name(ctx, r, req, d)
			_, said := c.Resource.Bool(schemas.User.Active)
			d.stopWaiting(said)
			d.putOff(said)
			d.leaveFreed()
		}
	case Patch:
		if err = s.begin(ctx, r, req, d, c.Type, c.ID); err != nil {
			break
		}
		if d.After, ops, met, err = c.Patch.Apply(d.view.show(d.Before)); err == nil {
			err = bounded(d.Before, d.After)
		}
		if err == nil {
			err = s.name(ctx, r, req, d)
		}
		if err == nil && IsPerson(c.Type) {
			if _, set := d.After.Bool(schemas.Usher.SendInvitation); set {
				d.After = d.After.Clone()
				d.Invite = takeInvite(d.After)
			}
			said := !d.keepActive() && c.Patch.Names(schemas.User.Active)
			d.stopWaiting(said)
			d.putOff(said)
		}
	case Delete:
		err = s.begin(ctx, r, req, d, c.Type, c.ID)
	case Command:
		d.Verb, d.Quiet = c.Action, c.Quiet
		found, err = c.Plan(ctx, r, d)
	default:
		found, err = s.verb(ctx, r, req, d)
	}
	return d, ops, met, found, err
}

// verb makes the draft of a verb of a person's life.
func (s *Service) verb(ctx context.Context, r Reader, req Request, d *Draft) (found []Finding, err error) {
	start := func(rt *scim.ResourceType, id string, to Status) error {
		if err := s.begin(ctx, r, req, d, rt, id); err != nil {
			return err
		}
		d.After, d.Is = d.Before.Clone(), to
		return nil
	}
	switch c := req.Change.(type) {
	case Deactivate:
		if err = start(c.Type, c.ID, Inactive); err == nil {
			d.After.Set(schemas.User.Active, scim.BoolValue(false))
			if c.ReactivateOnPurchase != nil {
				d.After.SetPath(schemas.Usher.ReactivateOnPurchase, scim.BoolValue(*c.ReactivateOnPurchase))
			}
			d.TransferTo = c.TransferTo
			d.stopWaiting(true)
		}
	case Activate:
		if err = start(c.Type, c.ID, Active); err == nil {
			d.After.Set(schemas.User.Active, scim.BoolValue(true))
			d.Invite = c.Invite
			if d.frozen() {
				d.Is = Suspended
			}
		}
	case Suspend:
		if err = start(c.Type, c.ID, Suspended); err == nil && d.Was == Inactive {
			d.Is = Inactive
		}
	case Resume:
		if err = start(c.Type, c.ID, Active); err == nil && d.Was == Inactive {
			d.Is = Inactive
		} else if err == nil {
			d.After.Set(schemas.User.Active, scim.BoolValue(true)) // also where a departure was accepted
		}
	case SetState:
		if err = start(c.Type, c.ID, ""); err == nil {
			d.Is, d.Verb, d.Invite = d.Was, c.Verb, c.Invite
			found, err = c.Plan(ctx, r, d)
		}
	default:
		err = fmt.Errorf("change %T is not known", c)
	}
	return found, err
}

// keepActive leaves active as it was where a PATCH has removed it: as with PUT, only a
// value changes who is in (K31), and no filter would find who has none.
func (d *Draft) keepActive() bool {
	was, had := d.Before.Get(schemas.User.Active)
	if _, set := d.After.Get(schemas.User.Active); set || !had {
		return false
	}
	d.After = d.After.Clone()
	d.After.Set(schemas.User.Active, was)
	return true
}

// stopWaiting takes a person off the waitlist who is said to be inactive: nor are
// they to be let in later, and the block is back that their return had lifted. Whoever
// does not speak of it leaves them waiting.
func (d *Draft) stopWaiting(said bool) {
	if !said || !IsPerson(d.Type) || d.Before.Text(schemas.Usher.SeatState) != SeatWaitlisted {
		return
	}
	if on, set := d.After.Bool(schemas.User.Active); set && !on {
		if d.After == d.Before {
			d.After = d.Before.Clone()
		}
		SetText(d.After, schemas.Usher.SeatState, SeatNone)
		if returns, _ := d.After.Bool(schemas.Usher.ReactivateOnPurchase); !returns && d.Before.Text(schemas.Usher.DeactivatedAt) != "" {
			d.After.SetPath(schemas.Usher.BlockListed, scim.BoolValue(true))
		}
	}
}

// putOff takes a departure back that only the leaving date has begun, and that waits, when
// the date is a later one or none by now (T12): who is to stay is not kept out, nor
// deactivated once nothing is in the way any more.
func (d *Draft) putOff(said bool) {
	if said || !d.dated || d.After == d.Before {
		return
	}
	if at, _ := LeavingDate(d.After); at.IsZero() || at.After(d.Now) {
		d.After.Set(schemas.User.Active, scim.BoolValue(true))
	}
}

// leaveFreed takes the extensions out of a PUT of somebody who was deactivated and stays
// it: their departure has freed them, and a client that sends its whole record again asks
// for nothing new (T6). One that may give none is told so.
func (d *Draft) leaveFreed() {
	on, set := d.After.Bool(schemas.User.Active)
	if d.Was != Inactive || !set || on || d.Before.Text(schemas.Usher.DeactivatedAt) == "" || slices.Contains(d.Withheld, Extensions.Path()) {
		return
	}
	if len(Extensions.Of(d.After)) > 0 {
		Extensions.Put(d.After, func(string) bool { return true })
	}
}

// begin reads the resource a change is about and checks the precondition.
func (s *Service) begin(ctx context.Context, r Reader, req Request, d *Draft, rt *scim.ResourceType, id string) error {
	cur, err := r.Get(ctx, Ref{req.Org, rt, id})
	if err != nil {
		return err
	}
	if !req.If.Holds(cur.Version) {
		return ErrVersion
	}
	d.Type, d.Before = rt, cur
	if d.view, d.naming, err = s.view(ctx, r, req, rt); err != nil {
		return err
	}
	if IsPerson(rt) {
		d.Was = StatusOf(cur)
	}
	if err := cur.Load(); err != nil || !d.pending() {
		return err
	}
	c, err := LoadOr[Case](ctx, r, req.Org, id)
	d.Held, d.dated = c.Frozen, c.Open && c.Dated
	return err
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

// carryOver makes a PUT body complete: what clients cannot write stays, and so do
// active, the dates of leaving, what was chosen for the day of leaving and what the
// person is given, whose absence must never change who has access, now or later, or who
// receives what, and what Usher knows of a group, which most clients do not (S1-4). An
// immutable value that differs is an error.
func carryOver(before, after *scim.Resource) error {
	after.ID, after.Created = before.ID, before.Created
	if IsPerson(before.Type) {
		Apps.keep(before, after)
		Extensions.keep(before, after)
	}
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
	case a.Mutability == scim.ReadOnly && had, had && !has && outlivesSilence(a):
		after.SetPath(a, was)
	case a.Mutability == scim.Immutable && had && !has:
		after.SetPath(a, was)
	case a.Mutability == scim.Immutable && had && !was.Equal(is):
		return scim.Errorf(scim.BadMutability, "The attribute %s cannot change once it has a value.", a.Path())
	case a.Type == scim.Complex && !a.MultiValued && !a.IsExtension():
		return carryWithin(before, after, a)
	}
	return nil
}

// carryWithin carries over what cannot change inside a complex value. A body without
// the value leaves it as it is, for the other parts may be required beside those.
func carryWithin(before, after *scim.Resource, a *scim.Attribute) error {
	fixed := func(sub *scim.Attribute) bool {
		_, had := before.Get(sub)
		return had && sub.Mutability == scim.Immutable
	}
	if _, has := after.Get(a); !has {
		if was, _ := before.Get(a); slices.ContainsFunc(a.Sub, fixed) {
			after.SetPath(a, was)
		}
		return nil
	}
	for _, sub := range a.Sub {
		if !fixed(sub) {
			continue
		}
		if err := carry(before, after, sub); err != nil {
			return err
		}
	}
	return nil
}

// outlivesSilence reports whether a PUT that does not speak of the attribute leaves it
// as it is.
func outlivesSilence(a *scim.Attribute) bool {
	switch a {
	case schemas.Usher.TerminationDate, schemas.Usher.ContractEndDate, schemas.Usher.ReactivateOnPurchase, schemas.Usher.TransferRecordsTo, schemas.UsherGroup.Kind, schemas.UsherGroup.Leader, schemas.UsherGroup.Rank:
		return true
	}
	return a.Path() == "active"
}
