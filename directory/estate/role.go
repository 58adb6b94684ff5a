package estate

import (
	"github.com/usher-scim/usher/directory"
	"time"
)

// Standing is what the organization knows of a member beside the SCIM record.
// Its id is the member's; who has no Standing has no role and rank 0.
type Standing struct {
	directory.Head
	Role directory.Role `json:"role,omitempty"`
	// Rank is the place in the order of the organization, 0 to 899; more is higher.
	Rank int `json:"rank"`
	// PrimaryTeam is the team whose leader receives what the member leaves.
	PrimaryTeam string `json:"primaryTeam,omitempty"`
	// Account is the id of the account that joined.
	Account string `json:"account,omitempty"`
	// Exported is when the person's data was last exported, which closing asks for.
	Exported time.Time `json:"exportedAt,omitzero"`
}

// Kind is "standing".
func (*Standing) Kind() directory.Kind { return "standing" }

// Keys are the role and the account.
func (s *Standing) Keys() []string {
	var keys []string
	if s.Role != "" {
		keys = append(keys, "role:"+string(s.Role))
	}
	if s.Account != "" {
		keys = append(keys, "account:"+s.Account)
	}
	return keys
}

// Height is the rank that counts in comparisons.
func (s Standing) Height() int {
	if s.Role == directory.Owner {
		return directory.OwnerRank
	}
	return s.Rank
}
