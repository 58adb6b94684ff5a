package directory

import (
	"time"

	"github.com/usher-scim/usher/scim"
)

// Event tells of one change: it is the audit record and the message of the
// outbox. It names attributes but holds none of their values (K72).
type Event struct {
	ID        string       `json:"id"`
	Time      time.Time    `json:"time"`
	Org       OrgID        `json:"organization"`
	Action    string       `json:"action"` // user.create, group.update, user.delete …
	Type      string       `json:"type"`
	Resource  string       `json:"resource"`
	Before    scim.Version `json:"before"` // 0: did not exist
	After     scim.Version `json:"after"`  // 0: does not exist any more
	Changed   []string     `json:"changed,omitempty"`
	Joined    int          `json:"joined,omitempty"` // members added
	Left      int          `json:"left,omitempty"`   // members removed
	Effects   []Effect     `json:"effects,omitempty"`
	Refused   []string     `json:"refused,omitempty"` // reason codes, where the change was refused
	Actor     Actor        `json:"actor"`
	RequestID string       `json:"requestId,omitempty"`
}
