package directory

import (
	"context"
	"errors"
	"strings"
)

// RuleID is the reason code of a rule in findings, metrics and answers.
type RuleID string

// Verdict is what a rule makes of a change.
type Verdict uint8

// The verdicts.
const (
	Note   Verdict = iota // worth telling
	Amend                 // the draft was changed to fit the rule
	Refuse                // the change must not happen
)

// Class says what kind of refusal a finding is, and so how it is answered.
type Class uint8

// The classes.
const (
	Authority Class = iota // the caller may not
	State                  // something must be put right first
	Quota                  // there is no room
	ReadOnly               // somebody else manages the attribute
	Invalid                // the value cannot be
)

// Finding is the outcome of one rule for one change.
type Finding struct {
	Rule    RuleID
	Verdict Verdict
	Class   Class
	Path    string   // of the attribute in question, if it is one
	Reason  string   // one complete sentence for a person, in English
	Says    Message  // the same in other languages
	Err     error    // the typed error that a refusal ends in, where there is one
	Firm    bool     // never to be contained: waiting would not make it right
	Held    bool     // somebody else can allow it: a departure whose day has come waits for that
	Revoke  bool     // the person's credentials end although the person stays
	Seats   *Seats   // where the licence is what refuses
	Blocker *Blocker // what is in the way, and how to clear it
}

// Refused is the finding of a rule that refuses. The sentence is in English; every
// one has its French in french.go.
func Refused(rule RuleID, class Class, format string, args ...any) Finding {
	m := Message{format, args}
	return Finding{Rule: rule, Verdict: Refuse, Class: class, Reason: m.In(English), Says: m}
}

// Firmly is the finding of a refusal that waiting would not make right.
func Firmly(rule RuleID, class Class, format string, args ...any) []Finding {
	f := Refused(rule, class, format, args...)
	f.Firm = true
	return []Finding{f}
}

// Blocker is one reason against a deactivation, with its fix.
type Blocker struct {
	Code          RuleID   `json:"code"`
	Detail        string   `json:"detail"`
	IntegrationID string   `json:"integrationId,omitempty"`
	App           string   `json:"app,omitempty"`
	PeerApp       string   `json:"peerApp,omitempty"`
	OwnerID       string   `json:"ownerId,omitempty"`
	Teams         []string `json:"teams,omitempty"`
	Fix           *Fix     `json:"fix,omitempty"`
}

// Fix is how to clear a blocker and who can (S0-18, S0-20).
type Fix struct {
	Kind       string `json:"kind"` // disable, transfer, changeLeader, nameTransferee …
	Where      string `json:"where,omitempty"`
	RoleNeeded string `json:"roleNeeded,omitempty"`
	// Holders are people who have the role and may act; they are looked up for what
	// refuses. Except is not among them, nor who is below the rank Least.
	Holders      []string `json:"holders,omitempty"`
	Except       string   `json:"-"`
	Least        int      `json:"-"`
	Precondition string   `json:"precondition,omitempty"`
	Href         string   `json:"href,omitempty"`
	// Support is whom to ask when the fix cannot be made (S0-7).
	Support string `json:"support,omitempty"`
}

// Policy is one rule. It reports all that it finds; an error means that it
// could not decide.
type Policy interface {
	Review(ctx context.Context, r Reader, d *Draft) ([]Finding, error)
}

// Concluder is a Policy that in the end looks at what all have found, and may add to it.
type Concluder interface {
	Conclude(ctx context.Context, r Reader, d *Draft, found []Finding) error
}

// UniqueError says that a value which must be unique is taken.
type UniqueError struct {
	Path   string
	Detail string // one complete sentence
}

func (e *UniqueError) Error() string { return "not unique: " + e.Path }

// Refusal is the error of a plan that rules refused.
type Refusal struct {
	Findings  []Finding
	Problem   string // id of the document that tells of it
	Contained bool   // the person is suspended meanwhile
}

// Error joins the sentences of all findings, in English.
func (e *Refusal) Error() string { return e.In(English) }

// In joins the sentences of all findings in a language.
func (e *Refusal) In(l Language) string {
	if len(e.Findings) == 0 {
		return "refused"
	}
	var all []string
	for _, f := range e.Findings {
		all = append(all, f.In(l))
	}
	return strings.Join(all, " ")
}

// In is the sentence of a finding in a language.
func (f Finding) In(l Language) string {
	if l == English || f.Says.Format == "" {
		return f.Reason
	}
	return f.Says.In(l)
}

// Code is the reason code of the first finding.
func (e *Refusal) Code() RuleID { return e.Findings[0].Rule }

// Blockers are those of the findings, in a language.
func (e *Refusal) Blockers(l Language) []Blocker { return blockers(e.Findings, l) }

func blockers(findings []Finding, l Language) []Blocker {
	all := []Blocker{}
	for _, f := range findings {
		if f.Verdict == Refuse && f.Blocker != nil {
			b := *f.Blocker
			b.Code, b.Detail = f.Rule, f.In(l)
			all = append(all, b)
		}
	}
	return all
}

// isLast reports whether a store's own limit or index refused what the rules had
// not seen; the rules then decide once more.
func isLast(err error) bool {
	var unique *UniqueError
	return errors.As(err, &unique) || errors.Is(err, ErrLimit)
}
