package directory

import (
	"context"

	"github.com/usher-scim/usher/scim"
)

// Plan is a decided change: what it would write, or why it may not.
type Plan struct {
	Org           OrgID
	Type          *scim.ResourceType
	Before, After *scim.Resource
	Edges         EdgeDelta
	Groups        []Membership // of After, where the request asks for them
	Findings      []Finding
	Effects       []Effect
	Writes        []Write
	Events        []Event
	Quirks        scim.Quirks
	// Instead is what happens when the change is refused: the record of the
	// refusal, and the containment where the connection asks for it.
	Instead *Plan
	// Deferred tells that a departure was accepted whose effects wait.
	Deferred bool
	// Alone tells that no other change of the organization may run beside.
	Alone bool

	view   viewpoint // as in Draft
	naming Naming    // that the plan writes
}

// Unchanged reports whether applying the plan would write nothing.
func (p *Plan) Unchanged() bool { return len(p.Events) == 0 && len(p.Writes) == 0 }

// Blockers are the reasons against the change that can be cleared.
func (p *Plan) Blockers() []Blocker { return p.BlockersIn(English) }

// BlockersIn are Blockers in a language.
func (p *Plan) BlockersIn(l Language) []Blocker { return blockers(p.Findings, l) }

func (p *Plan) refused() []Finding {
	var refused []Finding
	for _, f := range p.Findings {
		if f.Verdict == Refuse {
			refused = append(refused, f)
		}
	}
	return refused
}

// Err is the refusals as a typed error; nil means that the plan may be applied.
func (p *Plan) Err() error {
	refused := p.refused()
	if len(refused) == 0 {
		return nil
	}
	if err := refused[0].Err; err != nil {
		return err
	}
	e := &Refusal{Findings: refused}
	if p.Instead != nil && len(p.Instead.Events) > 0 {
		e.Problem, e.Contained = p.Instead.Events[0].ID, StatusOf(p.Instead.After) == Suspended
	}
	return e
}

// apply writes the plan. It decides nothing.
func (p *Plan) apply(ctx context.Context, tx Tx) error {
	if p.Unchanged() {
		return nil
	}
	if p.Alone {
		if err := tx.Alone(ctx, p.Org); err != nil {
			return err
		}
	}
	if err := p.applyResource(ctx, tx); err != nil {
		return err
	}
	for _, w := range p.Writes {
		if err := w.apply(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Emit(ctx, p.Events...)
}

func (p *Plan) applyResource(ctx context.Context, tx Tx) error {
	switch {
	case p.After != nil:
		p.After.Seal()
		if err := tx.Put(ctx, p.Org, p.Before, p.After); err != nil {
			return err
		}
		if p.Edges.IsZero() {
			return nil
		}
		return tx.Link(ctx, Ref{p.Org, p.Type, p.After.ID}, p.Edges)
	case p.Before != nil:
		return tx.Delete(ctx, p.Org, p.Before)
	}
	return nil
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
