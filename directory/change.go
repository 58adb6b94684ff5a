package directory

import (
	"context"
	"slices"
	"time"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

// Change is what somebody wants done. The set is closed: the four of SCIM, the
// verbs of a person's life here, and commands on the other nouns.
type Change interface{ change() }

// The changes of SCIM. Bodies are decoded and checked against their schema.
type (
	// Create makes a new resource; the service gives it its id.
	Create struct{ Resource *scim.Resource }
	// Replace puts the body in place of what the resource holds (PUT).
	Replace struct {
		Type     *scim.ResourceType
		ID       string
		Resource *scim.Resource
	}
	// Patch applies operations (PATCH).
	Patch struct {
		Type  *scim.ResourceType
		ID    string
		Patch *patch.Patch
	}
	// Delete removes a resource. A person is deactivated first (T10).
	Delete struct {
		Type *scim.ResourceType
		ID   string
	}
)

// The verbs of a person's life. What a client writes to active becomes the same
// draft as Deactivate and Activate do: one code path decides on both.
type (
	// Deactivate ends a person's access (T6).
	Deactivate struct {
		Type *scim.ResourceType
		ID   string
		// ReactivateOnPurchase is the box of S1-5; nil leaves what was chosen.
		ReactivateOnPurchase *bool
		// TransferTo receives the open records; empty: by the rules.
		TransferTo string
	}
	// Activate lets a person in again (T7).
	Activate struct {
		Type   *scim.ResourceType
		ID     string
		Invite *bool // whether to ask who never joined again; nil: who was asked before
	}
	// Suspend freezes a person, who keeps seat, teams and integrations (T4).
	Suspend struct {
		Type *scim.ResourceType
		ID   string
	}
	// Resume undoes Suspend (T5).
	Resume struct {
		Type *scim.ResourceType
		ID   string
	}
	// SetState writes what clients cannot: the state of the invitation, the
	// classification's grounds, a legal hold.
	SetState struct {
		Type *scim.ResourceType
		ID   string
		Verb string // of the audit: user.invite, user.join …
		// Invite is Draft.Invite.
		Invite *bool
		// Plan works on the draft, whose After is a copy of Before.
		Plan func(ctx context.Context, r Reader, d *Draft) ([]Finding, error)
	}
	// Command is a change of nouns that are not SCIM resources.
	Command struct {
		Action string // of the audit: team.create …
		Quiet  bool   // leaves no event: bookkeeping of Usher itself
		// Plan decides, and adds what is to be written to the draft.
		Plan func(ctx context.Context, r Reader, d *Draft) ([]Finding, error)
	}
)

func (Create) change()     {}
func (Replace) change()    {}
func (Patch) change()      {}
func (Delete) change()     {}
func (Deactivate) change() {}
func (Activate) change()   {}
func (Suspend) change()    {}
func (Resume) change()     {}
func (SetState) change()   {}
func (Command) change()    {}

// Precondition is what If-Match and If-None-Match demand. The zero Precondition
// demands nothing.
type Precondition struct {
	Versions []scim.Version // any of these
	Any      bool           // "*": that the resource exists
	Not      []scim.Version // none of these
	Absent   bool           // that it does not exist, which no change of it fulfils
}

// Holds reports whether a resource at version v meets the precondition.
func (p Precondition) Holds(v scim.Version) bool {
	return !p.Absent && !slices.Contains(p.Not, v) && (p.Any || len(p.Versions) == 0 || slices.Contains(p.Versions, v))
}

// Request is a change with all that is needed to decide on it.
type Request struct {
	Org       OrgID
	Actor     Actor
	RequestID string
	Change    Change
	If        Precondition
	// Client is the connection whose externalIds are meant; empty: those that are kept
	// in the records themselves.
	Client ConnectionID
	// IgnoreUnknownMembers drops unknown member ids instead of refusing them.
	IgnoreUnknownMembers bool
	// WithGroups asks for the groups of the resource after the change.
	WithGroups bool
	// Reservation names reserved seats that the change may take.
	Reservation string
	// Withheld are the attributes by which the caller may give nothing: roles,
	// entitlements.
	Withheld []string
	// OnBlocked and OnSeatExhausted are the connection's policies.
	OnBlocked       OnBlocked
	OnSeatExhausted OnSeatExhausted
}

// OnBlocked is what a refused deactivation leads to (3.4).
type OnBlocked string

// The policies. Refuse is the default.
const (
	RefuseBlocked OnBlocked = "refuse"
	Contain       OnBlocked = "contain" // refused, but suspended at once
	Accept        OnBlocked = "accept"  // accepted: suspended until the effects can be had
)

// OnSeatExhausted is what happens when there is no seat.
type OnSeatExhausted string

// The policies. Refuse is the default.
const (
	RefuseSeat OnSeatExhausted = "refuse"
	Waitlist   OnSeatExhausted = "waitlist"
)

// Draft is a change on its way through the rules.
type Draft struct {
	Org    OrgID
	Actor  Actor
	Now    time.Time
	ID     string // of the event; ids of documents are made from it
	Type   *scim.ResourceType
	Before *scim.Resource // nil: create
	After  *scim.Resource // nil: delete; rules may amend it
	Edges  EdgeDelta

	Was, Is Status // of a person, before and after; "" for nobody
	// Invite tells that an invitation is wanted; nil: not said.
	Invite *bool
	// TransferTo receives the records of somebody who leaves.
	TransferTo string
	// Reservation names reserved seats that may be taken.
	Reservation string
	Waitlist    bool
	Withheld    []string // as in Request
	// HandsKey tells that the caller is given what lets them in as the person.
	HandsKey bool
	// Erase leaves nothing behind of a person who is removed.
	Erase bool
	// Deferred leaves a departure half done: access ends, the rest follows when
	// it can.
	Deferred bool
	Blocked  []Blocker // what a deferred departure waits for
	// Held tells that the person was frozen before their departure was accepted.
	Held bool

	Alone   bool   // decided on where others stand; see Tx.Alone
	Quiet   bool   // leaves no event
	Verb    string // of the audit, where it is not create, update or delete
	Subject string // what a Command is about
	Effects []Effect
	Writes  []Write

	about   func(rt *scim.ResourceType, id string) error
	dated   bool      // Case.Dated of the departure that waits
	view    viewpoint // what the caller sees
	naming  Naming    // zero where it was not asked for, or there is none
	renamed bool      // the draft changes it
}

// About makes the draft of a Command one about a resource, which becomes its Before.
func (d *Draft) About(rt *scim.ResourceType, id string) error { return d.about(rt, id) }

// Leaves reports whether the change ends a person's membership of the active.
func (d *Draft) Leaves() bool {
	return IsPerson(d.Type) && d.Was != "" && d.Was != Inactive && (d.Is == Inactive || d.Is == "")
}

// Returns reports whether an inactive person is let in again, or to where they were
// suspended.
func (d *Draft) Returns() bool {
	return IsPerson(d.Type) && d.Was == Inactive && (d.Is == Active || d.Is == Suspended)
}

// Joins reports whether a new person comes in.
func (d *Draft) Joins() bool { return IsPerson(d.Type) && d.Was == "" && d.Is == Active }

// EndsSooner reports whether somebody who stays is given a leaving date, or an earlier
// one than they had.
func (d *Draft) EndsSooner() bool {
	if !IsPerson(d.Type) || d.Before == nil || d.After == nil || d.Leaves() {
		return false
	}
	was, _ := LeavingDate(d.Before)
	is, _ := LeavingDate(d.After)
	return !is.IsZero() && (was.IsZero() || is.Before(was))
}

// Person is whom the draft is about: as it was, or as it will be.
func (d *Draft) Person() *scim.Resource {
	if d.Before != nil {
		return d.Before
	}
	return d.After
}

// Effect is one consequence of a change, for whoever decides on it.
type Effect struct {
	Code  string `json:"code"`            // records.transferred, team.left, seat.freed …
	Value string `json:"value,omitempty"` // id of whom or what it concerns
	Count int    `json:"count"`
}

// Do adds an effect that the writes bring about.
func (d *Draft) Do(code, value string, count int) {
	d.Effects = append(d.Effects, Effect{code, value, count})
}
