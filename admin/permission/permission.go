// Package permission is the table of the admin API: who may do what (domain 3.6).
package permission

import (
	"slices"

	"github.com/usher-scim/usher/directory"
)

// Action is what the permissions table speaks of (domain 3.6).
type Action string

// The actions.
const (
	Public       Action = ""              // for everybody: the request carries its own proof
	ViewPeople   Action = "people.view"   //
	AddPeople    Action = "people.add"    // add, invite, import, convert
	AccessPeople Action = "people.access" // deactivate, activate, suspend, resume, undo
	EditPeople   Action = "people.edit"   //
	Standings    Action = "people.standing"
	OwnAccount   Action = "account.own" // close, export
	Teams        Action = "teams"
	Apps         Action = "apps"
	Integrations Action = "integrations"
	Records      Action = "records"
	Received     Action = "transfers.own" // records that one received, and whether one keeps them
	Freezes      Action = "freezes.own"   // the freeze of a member of a team that one leads
	Licences     Action = "licences.view"
	OwnLicence   Action = "licences.own" // that of an application one administers
	Buy          Action = "licences.buy"
	Commerce     Action = "commerce"
	BlockList    Action = "blocklist"
	ViewBlocks   Action = "blocklist.view"
	Sessions     Action = "credentials"
	GiveSessions Action = "credentials.give"
	Introspect   Action = "introspect"
	Passwords    Action = "passwords" // check one at sign-in, reset one for somebody
	Domains      Action = "domains"
	Settings     Action = "settings"
	ViewSettings Action = "settings.view"
	Ownership    Action = "ownership"
	Audit        Action = "audit"
	OwnAudit     Action = "audit.own" // what concerns oneself, an application one administers, or a client did
)

// Who is a caller's column in the permissions table. Members without a role are
// AsSelf: they may do what the action itself allows to whom it concerns, as an
// administrator of an application or the leader of a team may.
type Who uint8

// The columns.
const (
	AsNobody Who = iota
	AsOwner
	AsAdmin
	AsAuditor
	AsSelf
	AsClient // a provisioning client with the scope for its own events
)

var whoNames = [...]string{"nobody", "owner", "admin", "auditor", "member", "client"}

// String is the name of the column.
func (w Who) String() string { return whoNames[w] }

// RoleOf is the column of a member with a role, or with none.
func RoleOf(r directory.Role) Who {
	switch r {
	case directory.Owner:
		return AsOwner
	case directory.Admin:
		return AsAdmin
	case directory.Auditor:
		return AsAuditor
	}
	return AsSelf
}

// permissions is the table: who may do what. Who may act upon whom is decided by
// the rules of the directory, by rank; what a member may do as administrator of an
// application or leader of a team is checked where the application or team is
// known.
var permissions = map[Action][]Who{
	ViewPeople:   {AsOwner, AsAdmin, AsAuditor},
	AddPeople:    {AsOwner, AsAdmin},
	AccessPeople: {AsOwner, AsAdmin},
	EditPeople:   {AsOwner, AsAdmin},
	Standings:    {AsOwner, AsAdmin},
	OwnAccount:   {AsOwner, AsAdmin, AsAuditor, AsSelf},
	Teams:        {AsOwner, AsAdmin, AsSelf},
	Apps:         {AsOwner, AsAdmin, AsSelf},
	Integrations: {AsOwner, AsAdmin, AsSelf},
	Records:      {AsOwner, AsAdmin},
	Received:     {AsOwner, AsAdmin, AsAuditor, AsSelf},
	Freezes:      {AsOwner, AsAdmin, AsAuditor, AsSelf},
	Licences:     {AsOwner, AsAdmin, AsAuditor},
	OwnLicence:   {AsOwner, AsAdmin, AsAuditor, AsSelf},
	Buy:          {AsOwner, AsAdmin},
	Commerce:     {AsOwner, AsAdmin},
	BlockList:    {AsOwner, AsAdmin},
	ViewBlocks:   {AsOwner, AsAdmin, AsAuditor},
	Sessions:     {AsOwner, AsAdmin},
	GiveSessions: {AsOwner, AsAdmin},
	Introspect:   {AsOwner, AsAdmin},
	Passwords:    {AsOwner, AsAdmin},
	Domains:      {AsOwner, AsAdmin},
	Settings:     {AsOwner, AsAdmin},
	ViewSettings: {AsOwner, AsAdmin, AsAuditor},
	Ownership:    {AsOwner, AsAdmin}, // an admin only while there is no owner
	Audit:        {AsOwner, AsAdmin, AsAuditor},
	OwnAudit:     {AsOwner, AsAdmin, AsAuditor, AsSelf, AsClient},
}

// Allowed reports whether a caller may do something at all.
func Allowed(a Action, w Who) bool {
	for _, who := range permissions[a] {
		if who == w {
			return true
		}
	}
	return false
}

// fresh are the actions that give somebody a credential or a power over others.
var fresh = []Action{GiveSessions, Passwords, Standings, Ownership}

// Fresh reports whether a member does something only soon after signing in (K17).
func Fresh(a Action) bool { return slices.Contains(fresh, a) }
