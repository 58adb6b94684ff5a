package directory

import "time"

// Case is a departure that could not be finished; its id is the user's.
type Case struct {
	Head
	Reason   string    `json:"reason"` // CaseAccepted or CaseScheduled
	Open     bool      `json:"open"`
	Blockers []Blocker `json:"blockers,omitempty"`
	Closed   time.Time `json:"closedAt,omitzero"`
	By       Actor     `json:"by"` // who asked for the departure
	// Frozen tells that the person was suspended before.
	Frozen bool `json:"frozen,omitempty"`
	// Dated tells that nobody asked for it but the leaving date, which had come.
	Dated bool `json:"dated,omitempty"`
}

// The reasons of a case: a departure was accepted and the person is suspended, or its
// day came and nothing could be done about it.
const (
	CaseAccepted  = "accepted"
	CaseScheduled = "scheduled"
)

// Kind is "case".
func (*Case) Kind() Kind { return "case" }

// Keys find the open ones.
func (c *Case) Keys() []string {
	if !c.Open {
		return nil
	}
	return []string{"open"}
}
