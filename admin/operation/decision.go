package operation

import (
	"context"
	"errors"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Decision is what came, or would come, of a change: the same plan either way.
type Decision struct {
	Allowed  bool                `json:"allowed" doc:"Whether the change may be made."`
	Done     bool                `json:"done" doc:"Whether it was made."`
	Code     string              `json:"code,omitempty"`
	Detail   string              `json:"detail,omitempty" doc:"Why it may not, or who of many stays as they are."`
	Blockers []directory.Blocker `json:"blockers"`
	Effects  []directory.Effect  `json:"effects"`
	Person   *Person             `json:"person,omitempty"`
}

// DecisionOf tells of a plan, which is carried out or not, in a language.
func DecisionOf(p *directory.Plan, done bool, l directory.Language) Decision {
	d := Decision{Allowed: true, Done: done, Blockers: p.BlockersIn(l), Effects: p.Effects}
	if d.Effects == nil {
		d.Effects = []directory.Effect{}
	}
	if err := p.Err(); err != nil {
		d.Allowed, d.Done = false, false
		pr := ProblemOf(err, "")
		pr.tell(l)
		d.Code, d.Detail = pr.Code, pr.Detail
	}
	if p.After != nil && directory.IsPerson(p.After.Type) {
		v := PersonOf(p.After)
		d.Person = &v
	}
	return d
}

type (
	// VerbInput names whom a verb is about.
	VerbInput struct {
		ID             string `path:"id"`
		IfMatch        string `header:"If-Match"`
		IdempotencyKey string `header:"Idempotency-Key"`
	}
	// Decided is the answer to a verb.
	Decided = Single[Decision]
)

// DecisionOn is what came of one change, or would: the decision, or the error where
// that is no decision but a failure.
func (a *API) DecisionOn(ctx context.Context, p *directory.Plan, err error) (Decision, error) {
	var seen *Previewed
	switch {
	case err == nil:
		return DecisionOf(p, true, a.Language(ctx)), nil
	case errors.As(err, &seen):
		return seen.Decision, nil
	}
	pr := a.ProblemFor(ctx, err)
	if pr.Status >= http.StatusInternalServerError {
		return Decision{}, err
	}
	return pr.decision(), nil
}

// decision is a problem as the decision that it comes to.
func (p *Problem) decision() Decision {
	d := Decision{Code: p.Code, Detail: p.Detail, Blockers: p.Blockers, Effects: []directory.Effect{}}
	if d.Blockers == nil {
		d.Blockers = []directory.Blocker{}
	}
	return d
}

// Verb carries out a change of one person.
func (a *API) Verb(ctx context.Context, in *VerbInput, change directory.Change) (*Decided, error) {
	p, err := a.Do(ctx, change, in.IfMatch)
	if err != nil {
		return nil, err
	}
	var v scim.Version
	if p.After != nil {
		v = p.After.Version
	}
	return One(DecisionOf(p, true, a.Language(ctx)), v), nil
}
