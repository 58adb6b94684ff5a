package directory

import "github.com/usher-scim/usher/scim"

// Ref names one resource of one organization.
type Ref struct {
	Org  OrgID
	Type *scim.ResourceType
	ID   string
}

func (r Ref) String() string { return r.Type.Name + "/" + r.ID }

// UniqueKey names the holder of a unique value: Key is scim.Key of the value.
type UniqueKey struct {
	Org  OrgID
	Type *scim.ResourceType
	Attr *scim.Attribute
	Key  string
}

// ActorKind says through which door a change came.
type ActorKind string

// The kinds of actors.
const (
	Client     ActorKind = "client"   // a connection's credential
	Operator   ActorKind = "operator" // the commands of this program
	ByMember   ActorKind = "member"   // a person of the organization, or an administrator token
	ByPurchase ActorKind = "purchase" // somebody bought something
	BySchedule ActorKind = "schedule" // a date came, a seat became free, a case could be closed
	BySelf     ActorKind = "self"     // the person in question
)

// Actor is who asks for a change.
type Actor struct {
	Kind       ActorKind    `json:"kind"`
	Connection ConnectionID `json:"connection,omitempty"`
	Credential string       `json:"credential,omitempty"`
	Subject    string       `json:"subject,omitempty"`
	// User is the id of the member who acts; empty for anybody else.
	User string `json:"user,omitempty"`
	Role Role   `json:"role,omitempty"`
	// Rank bounds whom the actor may act upon: nobody above it (S1-3).
	Rank int `json:"-"`
	// Ceiling is the rank that was set for a provisioning client; 0 when none was.
	Ceiling int `json:"-"`
	// MayLiftBlock lets the actor add blocked addresses.
	MayLiftBlock bool `json:"-"`
}

// Name tells actors apart in few letters: the kind, a colon, and the person or
// connection.
func (a Actor) Name() string {
	who := a.User
	if who == "" {
		who = string(a.Connection)
	}
	return string(a.Kind) + ":" + who
}

// Signature tells apart whoever must not be the same where two are needed: people,
// or else credentials.
func (a Actor) Signature() string {
	if a.User != "" {
		return a.User
	}
	return string(a.Kind) + ":" + a.Credential
}

// Role is what a member may do in the organization itself (3.6).
type Role string

// The roles. Everybody else has none.
const (
	Owner   Role = "owner"
	Admin   Role = "admin"
	Auditor Role = "auditor"
)

// Ranks that follow from a role. A member's own rank is kept in estate.Standing and
// lies between.
const (
	OwnerRank  = 1000
	AdminRank  = 900 // of administrator tokens
	ClientRank = 900 // of a provisioning client that states no ceiling
)
