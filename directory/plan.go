package directory

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/scim"
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
// what can be put right may wait, never what the caller may not do (3.4). The clock
// can ask nobody, so what is held waits there too (T12).
func (p *Plan) waits(req Request) bool {
	return req.OnBlocked == Accept && p.all(func(f Finding) bool {
		return f.containable() || f.Held && req.Actor.Kind == BySchedule
	})
}

func (p *Plan) containable() bool { return p.all(Finding.containable) }

// all reports whether something holds for whatever refuses.
func (p *Plan) all(is func(Finding) bool) bool {
	return !slices.ContainsFunc(p.refused(), func(f Finding) bool { return !is(f) })
}

func (f Finding) containable() bool { return f.Class == State && !f.Firm && f.Blocker != nil }

// instead is what a refusal writes: its record, and what is done to the person all
// the same.
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
	meanwhile := p.meanwhile(req, d)
	if meanwhile == nil {
		return &Plan{Org: p.Org, Type: p.Type, Events: []Event{event}}, nil
	}
	held := req
	held.Change, held.If, held.OnBlocked = meanwhile, Precondition{}, RefuseBlocked
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

// meanwhile is what happens to a person whose departure is refused: suspension where
// the connection asks for containment (C3), the end of their credentials where the
// organization asks for that of who is held (K62), or nothing.
func (p *Plan) meanwhile(req Request, d *Draft) Change {
	if !d.Leaves() || d.Was == Suspended {
		return nil
	}
	if req.OnBlocked == Contain && p.containable() {
		return Suspend{d.Type, d.Before.ID}
	}
	for _, f := range p.refused() {
		if !f.Revoke && f.Class != State {
			return nil // whoever may not deactivate may not do this either
		}
	}
	if !slices.ContainsFunc(p.refused(), func(f Finding) bool { return f.Revoke }) {
		return nil
	}
	return SetState{Type: d.Type, ID: d.Before.ID, Verb: "credentials.revoke", Plan: func(_ context.Context, _ Reader, d *Draft) ([]Finding, error) {
		d.After.SetPath(schemas.Usher.CredentialsValidAfter, scim.TimeValue(d.Now, scim.FormatTime(d.Now)))
		return nil, nil
	}}
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
	for _, policy := range s.policies {
		if last, ok := policy.(Concluder); ok {
			if err := last.Conclude(ctx, r, d, p.Findings); err != nil {
				return nil, nil, err
			}
		}
	}
	p.Before, p.After, p.Edges, p.Effects, p.Writes = d.Before, d.After, d.Edges, d.Effects, d.Writes
	p.Deferred, p.Alone, p.view = d.Deferred, d.Alone, d.view
	if d.renamed {
		p.naming = d.naming
	}
	p.stamp(req, at, d)
	return p, d, nil
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
	e.Changed = changed(p.Before, p.After)
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

// changed lists the paths of what differs. Whose externalId it is, is not said.
func changed(before, after *scim.Resource) (paths []string) {
	for _, a := range scim.Changed(before, after) {
		if path := PathOf(a); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// PathOf is the path of an attribute as a client knows it.
func PathOf(a *scim.Attribute) string {
	if a == scim.ExternalIDs {
		a = scim.ExternalID
	}
	return a.Path()
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
	case d.queues():
		return "user.waitlist"
	}
	return noun(p.Type) + ".update"
}

// queues reports whether a person who was not waiting for a seat waits for one now.
func (d *Draft) queues() bool {
	return IsPerson(d.Type) && d.After.Text(schemas.Usher.SeatState) == SeatWaitlisted && d.Before.Text(schemas.Usher.SeatState) != SeatWaitlisted
}

func noun(rt *scim.ResourceType) string { return scim.Fold(rt.Name) }
