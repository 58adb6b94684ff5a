package directory

import "context"

// Entry is an event with its place in the audit log.
type Entry struct {
	Seq   int64 `json:"seq"`
	Event Event `json:"event"`
}

// TrailQuery asks for events of one organization, oldest first.
type TrailQuery struct {
	Org      OrgID
	After    int64 // entries above this place
	Limit    int
	Resource string // about this one; "": all
	Action   string // of this kind; "": all
	About    string // whose resource, actor or an effect's value this is; "": all
	// Client is the connection whose own events are asked for, not those of people who
	// came through it; "": all.
	Client  ConnectionID
	Waiting bool // only those that are not delivered yet
}

// Trail reads the audit log and the outbox.
type Trail interface {
	Trail(ctx context.Context, q TrailQuery) ([]Entry, error)
	// Event finds one event of the organization by its id, or ErrNotFound.
	Event(ctx context.Context, org OrgID, id string) (Event, error)
}
