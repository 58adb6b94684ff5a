// Package schemas holds the schemas of RFC 7643 (core User and Group, enterprise
// User), handles to their attributes, the reader for custom schemas and resource
// types, and the form in which all of them are published.
package schemas

import (
	_ "embed"

	"github.com/usher-scim/usher/scim"
)

//go:embed user.json
var userJSON []byte

//go:embed group.json
var groupJSON []byte

//go:embed enterprise.json
var enterpriseJSON []byte

//go:embed usheruser.json
var usherUserJSON []byte

//go:embed ushergroup.json
var usherGroupJSON []byte

//go:embed application.json
var applicationJSON []byte

//go:embed appassignment.json
var appAssignmentJSON []byte

//go:embed licencepool.json
var licencePoolJSON []byte

//go:embed integration.json
var integrationJSON []byte

// The schemas of RFC 7643 sections 4.1 to 4.3, Usher's own extensions, and those
// of what clients can only read.
var (
	UserSchema       = must(userJSON)
	GroupSchema      = must(groupJSON)
	EnterpriseSchema = must(enterpriseJSON)
	UsherUserSchema  = must(usherUserJSON)
	UsherGroupSchema = must(usherGroupJSON)

	ApplicationSchema   = must(applicationJSON)
	AppAssignmentSchema = must(appAssignmentJSON)
	LicencePoolSchema   = must(licencePoolJSON)
	IntegrationSchema   = must(integrationJSON)
)

// Default is the registry of a server without custom types.
var Default = mustRegistry()

func must(data []byte) *scim.Schema {
	s, err := ParseSchema(data)
	if err != nil {
		panic(err) // the documents are embedded constants
	}
	return s
}

func mustRegistry() *Registry {
	r, err := NewRegistry(nil, nil)
	if err != nil {
		panic(err) // as above
	}
	return r
}

func attr(s *scim.Schema, path ...string) *scim.Attribute {
	a, ok := s.Lookup(path[0])
	for _, name := range path[1:] {
		if ok {
			a, ok = a.Lookup(name)
		}
	}
	if !ok {
		panic("schemas: no attribute " + path[0])
	}
	return a
}

// edge marks an attribute as a relation and returns it.
func edge(a *scim.Attribute) *scim.Attribute {
	a.Edge = true
	return a
}

// indexed marks an attribute for the store's index and returns it.
func indexed(a *scim.Attribute) *scim.Attribute {
	a.Indexed = true
	return a
}

// unkept marks an attribute that is asked for or computed, and returns it.
func unkept(a *scim.Attribute) *scim.Attribute {
	a.Unkept = true
	return a
}

// User are handles to the attributes of users that the directory works with.
var User = struct {
	UserName, DisplayName, Active, UserType, FamilyName, GivenName, Emails, EmailValue, EmailPrimary, Groups, Password *scim.Attribute
	Roles, RoleValue, RoleType, Entitlements, EntitlementValue, EntitlementType                                        *scim.Attribute
}{
	UserName:     indexed(attr(UserSchema, "userName")),
	DisplayName:  indexed(attr(UserSchema, "displayName")),
	Active:       attr(UserSchema, "active"),
	UserType:     attr(UserSchema, "userType"),
	FamilyName:   indexed(attr(UserSchema, "name", "familyName")),
	GivenName:    indexed(attr(UserSchema, "name", "givenName")),
	Emails:       attr(UserSchema, "emails"),
	EmailValue:   indexed(attr(UserSchema, "emails", "value")),
	EmailPrimary: attr(UserSchema, "emails", "primary"),
	Groups:       edge(attr(UserSchema, "groups")),
	Password:     attr(UserSchema, "password"),

	Roles:            attr(UserSchema, "roles"),
	RoleValue:        attr(UserSchema, "roles", "value"),
	RoleType:         attr(UserSchema, "roles", "type"),
	Entitlements:     attr(UserSchema, "entitlements"),
	EntitlementValue: attr(UserSchema, "entitlements", "value"),
	EntitlementType:  attr(UserSchema, "entitlements", "type"),
}

// Group are handles to the attributes of groups.
var Group = struct{ DisplayName, Members *scim.Attribute }{
	DisplayName: indexed(attr(GroupSchema, "displayName")),
	Members:     edge(attr(GroupSchema, "members")),
}

// Enterprise are handles to the attributes of the enterprise extension.
var Enterprise = struct{ EmployeeNumber, Department, Organization, Manager, ManagerValue *scim.Attribute }{
	EmployeeNumber: attr(EnterpriseSchema, "employeeNumber"),
	Department:     indexed(attr(EnterpriseSchema, "department")),
	Organization:   attr(EnterpriseSchema, "organization"),
	Manager:        attr(EnterpriseSchema, "manager"),
	ManagerValue:   indexed(attr(EnterpriseSchema, "manager", "value")),
}

// Usher are handles to the attributes of Usher's extension of users.
var Usher = struct {
	ReactivateOnPurchase, TransferRecordsTo, TerminationDate, ContractEndDate, SendInvitation                                                *scim.Attribute
	Classification, InvitationState, Status, SeatState, HomeOrganizationID, DeactivatedAt, DeactivatedBy, CredentialsValidAfter, BlockListed *scim.Attribute
	LegalHold, Blockers, PendingEffects                                                                                                      *scim.Attribute
}{
	ReactivateOnPurchase:  attr(UsherUserSchema, "reactivateOnPurchase"),
	TransferRecordsTo:     attr(UsherUserSchema, "transferRecordsTo"),
	TerminationDate:       attr(UsherUserSchema, "terminationDate"),
	ContractEndDate:       attr(UsherUserSchema, "contractEndDate"),
	SendInvitation:        unkept(attr(UsherUserSchema, "sendInvitation")),
	Classification:        attr(UsherUserSchema, "classification"),
	InvitationState:       attr(UsherUserSchema, "invitationState"),
	Status:                indexed(attr(UsherUserSchema, "status")),
	SeatState:             attr(UsherUserSchema, "seatState"),
	HomeOrganizationID:    attr(UsherUserSchema, "homeOrganizationId"),
	DeactivatedAt:         attr(UsherUserSchema, "deactivatedAt"),
	DeactivatedBy:         attr(UsherUserSchema, "deactivatedBy"),
	CredentialsValidAfter: attr(UsherUserSchema, "credentialsValidAfter"),
	BlockListed:           attr(UsherUserSchema, "blockListed"),
	LegalHold:             attr(UsherUserSchema, "legalHold"),
	Blockers:              unkept(attr(UsherUserSchema, "blockers")),
	PendingEffects:        unkept(attr(UsherUserSchema, "pendingEffects")),
}

// UsherGroup are handles to the attributes of Usher's extension of groups.
var UsherGroup = struct{ Kind, Leader, Rank *scim.Attribute }{
	Kind:   attr(UsherGroupSchema, "kind"),
	Leader: attr(UsherGroupSchema, "leader"),
	Rank:   attr(UsherGroupSchema, "rank"),
}
