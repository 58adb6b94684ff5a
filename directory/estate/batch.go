package estate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"github.com/usher-scim/usher/directory"
	"slices"
	"time"
)

// Batch is a plan for many people that is kept until it is committed (domain 3.5):
// what would happen to each, and afterwards what did.
type Batch struct {
	directory.Head
	Verb       string          `json:"verb"` // deactivate, activate, suspend, resume, convert
	Items      []BatchItem     `json:"items"`
	By         directory.Actor `json:"by"`
	Expires    time.Time       `json:"expiresAt"`
	Committed  time.Time       `json:"committedAt,omitzero"`
	Options    BatchOptions    `json:"options"`
	SeatsDelta int             `json:"seatsDelta"` // seats taken, or freed when below 0
}

// BatchOptions are those of the verb, for everybody.
type BatchOptions struct {
	ReactivateOnPurchase *bool  `json:"reactivateOnPurchase,omitempty"`
	TransferTo           string `json:"transferTo,omitempty"`
	SendInvitation       *bool  `json:"sendInvitation,omitempty"`
}

// BatchItem is one person of a batch.
type BatchItem struct {
	ID       string              `json:"id"`
	Name     string              `json:"name,omitempty"`
	Allowed  bool                `json:"allowed"`
	Code     string              `json:"code,omitempty"`
	Detail   string              `json:"detail,omitempty"`
	Blockers []directory.Blocker `json:"blockers,omitempty"`
	Effects  []directory.Effect  `json:"effects,omitempty"`
	Digest   string              `json:"digest"`            // of all the above, in whatever language
	Outcome  string              `json:"outcome,omitempty"` // done, unchanged, refused, skipped
}

// BatchLife is how long a plan can be committed.
const BatchLife = 30 * time.Minute

// Kind is "plan".
func (*Batch) Kind() directory.Kind { return "plan" }

// Keys are whom it is about, and when it is forgotten, if nobody committed it.
func (b *Batch) Keys() (keys []string) {
	if b.Committed.IsZero() {
		keys = append(keys, DueKey(b.Expires))
	}
	for i := range b.Items {
		keys = append(keys, "user:"+b.Items[i].ID)
	}
	return keys
}

// Forget leaves of a person in the plan the id and the outcome alone.
func (b *Batch) Forget(user string) {
	for i := range b.Items {
		if item := &b.Items[i]; item.ID == user {
			item.Name, item.Detail, item.Blockers = "", "", nil
		}
	}
}

// Seal sets the digest of an item, by which a later look tells whether anything
// moved.
func (i *BatchItem) Seal() {
	plain := *i
	plain.Digest, plain.Detail, plain.Blockers = "", "", slices.Clone(i.Blockers)
	for n := range plain.Blockers {
		plain.Blockers[n].Detail = ""
	}
	data, err := json.Marshal(plain)
	if err != nil {
		return // nothing in it can fail
	}
	sum := sha256.Sum256(data)
	i.Digest = hex.EncodeToString(sum[:8])
}

// Seats is how many seats the effects take.
func (i *BatchItem) Seats() (n int) {
	for _, e := range i.Effects {
		switch e.Code {
		case "seat.taken":
			n += e.Count
		case "seat.freed":
			n -= e.Count
		}
	}
	return n
}
