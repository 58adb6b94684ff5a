package directory

import (
	"context"
	"errors"

	"github.com/usher-scim/usher/scim"
)

// RuleID names a rule in findings, metrics and answers.
type RuleID string

// Verdict is what a rule makes of a change.
type Verdict uint8

// The verdicts.
const (
	Note   Verdict = iota // worth telling
	Amend                 // the draft was changed to fit the rule
	Refuse                // the change must not happen
)

// Finding is the outcome of one rule for one change.
type Finding struct {
	Rule    RuleID
	Verdict Verdict
	Path    string // of the attribute in question, if it is one
	Reason  string // one complete sentence for a person
	Err     error  // the typed error that a refusal ends in
}

// Draft is a change on its way through the rules.
type Draft struct {
	Org    OrgID
	Actor  Actor
	Type   *scim.ResourceType
	Before *scim.Resource // nil: create
	After  *scim.Resource // nil: delete; rules may amend it
	Edges  EdgeDelta
}

// Policy is one rule. It reports all that it finds; an error means that it
// could not decide.
type Policy interface {
	Review(ctx context.Context, r Reader, d *Draft) ([]Finding, error)
}

// UniqueError says that a value which must be unique is taken.
type UniqueError struct {
	Path   string
	Detail string // one complete sentence
}

func (e *UniqueError) Error() string { return "not unique: " + e.Path }

// Refusal is the error of a plan that a rule refused and that has no more
// precise error.
type Refusal struct{ Findings []Finding }

func (e *Refusal) Error() string {
	if len(e.Findings) == 0 {
		return "refused"
	}
	return e.Findings[0].Reason
}

// Plan is a decided change: what it would write, or why it may not.
type Plan struct {
	Org           OrgID
	Type          *scim.ResourceType
	Before, After *scim.Resource
	Edges         EdgeDelta
	Groups        []Membership // of After, where the request asks for them
	Findings      []Finding
	Events        []Event
	Quirks        scim.Quirks
}

// Unchanged reports whether applying the plan would write nothing.
func (p *Plan) Unchanged() bool { return len(p.Events) == 0 }

// Err is the first refusal as a typed error; nil means that the plan may be
// applied.
func (p *Plan) Err() error {
	var refused []Finding
	for _, f := range p.Findings {
		if f.Verdict == Refuse {
			refused = append(refused, f)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	if err := refused[0].Err; err != nil {
		return err
	}
	return &Refusal{refused}
}

// isUnique reports whether the store's own index refused a value.
func isUnique(err error) bool {
	var unique *UniqueError
	return errors.As(err, &unique)
}
