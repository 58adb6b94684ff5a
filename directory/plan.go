package directory

import (
	"context"
	"fmt"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

// plan decides on a change from a snapshot. It cannot write. A change that the
// rules refuse carries what happens instead.
func (s *Service) plan(ctx context.Context, r Reader, req Request, at stamp) (*Plan, error) {
	p, d, err := s.decide(ctx, r, req, at, nil)
	if err != nil || len(p.refused()) == 0 {
		return p, err
	}
	if p.waits(req) {
		deferred, _, err := s.decide(ctx, r, req, at, p.Blockers())
		if err != nil || len(deferred.refused()) == 0 {
			return deferred, err
		}
	}
	p.Instead, err = s.instead(ctx, r, req, at, p, d)
	return p, err
}

// waits reports whether a refused departure is to be accepted all the same: only
// what can be put right may wait, never what the caller may not do (3.4).
func (p *Plan) waits(req Request) bool { return req.OnBlocked == Accept && p.containable() }

func (p *Plan) containable() bool {
	for _, f := range p.refused() {
		if f.Class != State || f.Firm || f.Blocker == nil {
			return false
		}
	}
	return true
}

// instead is what a refusal writes: its record, and the suspension of the person
// where the connection asks for containment (C3).
func (s *Service) instead(ctx context.Context, r Reader, req Request, at stamp, p *Plan, d *Draft) (*Plan, error) {
	verb, refusals := p.refusalVerb(d)
	if verb == "" {
		return nil, nil
	}
	event := p.event(req, at, d)
	event.Action, event.Refused = verb, refusals
	if person := d.Person(); person != nil && d.Before != nil {
		event.Resource = person.ID
	}
	if req.OnBlocked != Contain || !p.containable() || !d.Leaves() || d.Was == Suspended {
		return &Plan{Org: p.Org, Type: p.Type, Events: []Event{event}}, nil
	}
	held := req
	held.Change, held.If, held.OnBlocked = Suspend{d.Type, d.Before.ID}, Precondition{}, RefuseBlocked
	contained, _, err := s.decide(ctx, r, held, at, nil)
	if err != nil || len(contained.refused()) > 0 {
		return &Plan{Org: p.Org, Type: p.Type, Events: []Event{event}}, err
	}
	for i := range contained.Events {
		contained.Events[i].ID = documentID(at.event, "contained")
	}
	contained.Events = append([]Event{event}, contained.Events...)
	return contained, nil
}

// refusalVerb is the action under which a refusal is audited; "" for mistakes in
// the request itself, which are the caller's business alone.
func (p *Plan) refusalVerb(d *Draft) (verb string, codes []string) {
	for _, f := range p.refused() {
		if f.Err == nil {
			codes = append(codes, string(f.Rule))
		}
	}
	switch {
	case len(codes) == 0:
		return "", nil
	case d.Leaves():
		verb = "user.deactivate.refused"
	case d.Returns():
		verb = "user.activate.refused"
	case d.Joins():
		verb = "user.add.refused"
	default:
		verb = d.action(p) + ".refused"
	}
	return verb, codes
}

// decide makes the draft and asks every rule. With blockers, a departure is left
// half done: access ends and the rest waits for them.
func (s *Service) decide(ctx context.Context, r Reader, req Request, at stamp, blocked []Blocker) (*Plan, *Draft, error) {
	d, ops, quirks, found, err := s.draft(ctx, r, req, at)
	if err != nil {
		return nil, nil, err
	}
	d.Deferred, d.Blocked = blocked != nil, blocked
	d.settle()
	p := &Plan{Org: d.Org, Type: d.Type, Quirks: quirks, Findings: found}
	if d.Edges, err = p.edges(ctx, r, req, d, ops); err != nil {
		return nil, nil, err
	}
	if d.Type != nil {
		for _, policy := range s.policies {
			found, err := policy.Review(ctx, r, d)
			if err != nil {
				return nil, nil, err
			}
			p.Findings = append(p.Findings, found...)
		}
	}
	p.Before, p.After, p.Edges, p.Effects, p.Writes = d.Before, d.After, d.Edges, d.Effects, d.Writes
	p.Deferred = d.Deferred
	p.stamp(req, at, d)
	return p, d, nil
}

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
		r.Seal()
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
	d = &Draft{Org: req.Org, Actor: req.Actor, Now: at.now, ID: at.event, Reservation: req.Reservation, Waitlist: req.OnSeatExhausted == Waitlist}
	switch c := req.Change.(type) {
	case creation:
		d.Type, d.After, d.Invite = c.resource.Type, c.resource.Clone(), c.invite
		return d, c.members, 0, nil, nil
	case Replace:
		if err = s.begin(ctx, r, req, d, c.Type, c.ID); err != nil {
			break
		}
		d.After = c.Resource.Clone()
		d.Invite = takeInvite(d.After)
		if ops = takeEdges(d.After); ops == nil {
			ops = clearEdges(c.Type)
		}
		if err = carryOver(d.Before, d.After); err == nil {
			_, said := c.Resource.Bool(schemas.User.Active)
			d.stopWaiting(said)
		}
	case Patch:
		if err = s.begin(ctx, r, req, d, c.Type, c.ID); err != nil {
			break
		}
		if d.After, ops, met, err = c.Patch.Apply(d.Before); err == nil && IsPerson(c.Type) {
			if _, set := d.After.Bool(schemas.Usher.SendInvitation); set {
				d.After = d.After.Clone()
				d.Invite = takeInvite(d.After)
			}
			d.stopWaiting(c.Patch.Names(schemas.User.Active))
		}
	case Delete:
		err = s.begin(ctx, r, req, d, c.Type, c.ID)
	case Command:
		d.Verb, d.Quiet = c.Action, c.Quiet
		found, err = c.Plan(ctx, r, d)
	case Sale:
		found, err = s.sell(ctx, r, req, d, c)
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
			d.Is, d.Verb = d.Was, c.Verb
			found, err = c.Plan(ctx, r, d)
		}
	default:
		err = fmt.Errorf("change %T is not known", c)
	}
	return found, err
}

// stopWaiting takes a person off the waitlist who is said to be inactive: nor are
// they to be let in later. Whoever does not speak of it leaves them waiting.
func (d *Draft) stopWaiting(said bool) {
	if !said || !IsPerson(d.Type) || d.Before.Text(schemas.Usher.SeatState) != SeatWaitlisted {
		return
	}
	if on, set := d.After.Bool(schemas.User.Active); set && !on {
		if d.After == d.Before {
			d.After = d.Before.Clone()
		}
		SetText(d.After, schemas.Usher.SeatState, SeatNone)
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
	if IsPerson(rt) {
		d.Was = StatusOf(cur)
	}
	if err := cur.Load(); err != nil || !d.pending() {
		return err
	}
	c, err := LoadOr[Case](ctx, r, req.Org, id)
	d.Held = c.Frozen
	return err
}

// settle works out where the person will stand, from what was asked.
func (d *Draft) settle() {
	if !IsPerson(d.Type) || d.After == nil {
		return
	}
	if d.After == d.Before {
		d.After = d.Before.Clone()
	}
	on, set := d.After.Bool(schemas.User.Active)
	switch {
	case !set && d.Was != "" && d.Is == "":
		d.Is = d.Was // only a word changes who is in (K31)
	case set && !on && d.Deferred:
		d.Is = Suspended
	case d.Is != "":
	case set && !on:
		d.Is = Inactive
		if before, _ := d.beforeActive(); !before && d.Was == Suspended {
			d.Is = Suspended // accepted and under way already
		}
	case d.frozen():
		d.Is = Suspended
	default:
		d.Is = Active
	}
}

// pending reports whether the departure of the person was accepted and waits.
func (d *Draft) pending() bool {
	on, _ := d.beforeActive()
	return d.Was == Suspended && !on
}

// frozen reports whether the person is suspended for another reason than an
// accepted departure: a client cannot end that by saying active.
func (d *Draft) frozen() bool { return d.Was == Suspended && (!d.pending() || d.Held) }

// TakesBack reports whether an accepted departure that waits is not to be.
func (d *Draft) TakesBack() bool {
	if d.After == nil || !d.pending() {
		return false
	}
	on, set := d.After.Bool(schemas.User.Active)
	return on || !set
}

func (d *Draft) beforeActive() (on, set bool) {
	if d.Before == nil {
		return false, false
	}
	on, set = d.Before.Bool(schemas.User.Active)
	return on || !set, set
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

// event is the record of a change without its outcome.
func (p *Plan) event(req Request, at stamp, d *Draft) Event {
	e := Event{ID: at.event, Time: at.now, Org: p.Org, Actor: d.Actor, RequestID: req.RequestID, Resource: d.Subject}
	if p.Type != nil {
		e.Type = p.Type.Name
	}
	return e
}

// stamp gives the outcome its version, time and event, unless nothing changed.
func (p *Plan) stamp(req Request, at stamp, d *Draft) {
	e := p.event(req, at, d)
	e.Joined, e.Left, e.Effects = len(p.Edges.Add), len(p.Edges.Remove), p.Effects
	for _, a := range scim.Changed(p.Before, p.After) {
		e.Changed = append(e.Changed, a.Path())
	}
	switch {
	case p.Before == nil && p.After == nil:
		if len(p.Writes) == 0 {
			return
		}
	case p.Before == nil:
		p.After.Version, p.After.Modified = 1, at.now
	case p.After == nil:
		e.Changed = nil
		e.Before = p.Before.Version
	case len(e.Changed) == 0 && p.Edges.IsZero() && len(p.Writes) == 0:
		p.After = p.Before
		return
	default:
		e.Before = p.Before.Version
		p.After.Version, p.After.Modified = p.Before.Version+1, at.now
	}
	if p.After != nil {
		e.After, e.Resource = p.After.Version, p.After.ID
	} else if p.Before != nil {
		e.Resource = p.Before.ID
	}
	if !d.Quiet {
		e.Action = d.action(p)
		p.Events = []Event{e}
	}
}

// action names what happened, for the audit.
func (d *Draft) action(p *Plan) string {
	switch {
	case d.Verb != "":
		return d.Verb
	case d.After == nil:
		return noun(p.Type) + ".delete"
	case d.Before == nil:
		return noun(p.Type) + ".create"
	case d.Leaves():
		return "user.deactivate"
	case d.Returns():
		return "user.activate"
	case d.Was != d.Is && d.Is == Suspended:
		return "user.suspend"
	case d.Was == Suspended && d.Is == Active:
		return "user.resume"
	}
	return noun(p.Type) + ".update"
}

func noun(rt *scim.ResourceType) string { return scim.Fold(rt.Name) }
