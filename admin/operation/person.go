package operation

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Person is a member of the organization as the API shows them.
type Person struct {
	ID                   string    `json:"id"`
	Version              string    `json:"version"`
	UserName             string    `json:"userName"`
	ExternalID           string    `json:"externalId,omitempty" doc:"Of the organization's main connection."`
	ExternalIDs          []NamedID `json:"externalIds,omitempty" doc:"Those of its other connections."`
	DisplayName          string    `json:"displayName,omitempty"`
	GivenName            string    `json:"givenName,omitempty"`
	FamilyName           string    `json:"familyName,omitempty"`
	Email                string    `json:"email,omitempty"`
	UserType             string    `json:"userType,omitempty"`
	Active               bool      `json:"active"`
	Classification       string    `json:"classification"`
	InvitationState      string    `json:"invitationState"`
	Status               string    `json:"status"`
	SeatState            string    `json:"seatState"`
	HomeOrganizationID   string    `json:"homeOrganizationId,omitempty"`
	DeactivatedAt        string    `json:"deactivatedAt,omitempty"`
	BlockListed          bool      `json:"blockListed,omitempty"`
	ReactivateOnPurchase bool      `json:"reactivateOnPurchase,omitempty"`
	LegalHold            bool      `json:"legalHold,omitempty"`
	Created              time.Time `json:"created"`
	Modified             time.Time `json:"modified"`
}

// PersonOf shows a record of the directory.
func PersonOf(r *scim.Resource) Person {
	flag := func(a *scim.Attribute) bool { on, _ := r.Bool(a); return on }
	text := func(a *scim.Attribute) string { return r.Text(a) }
	on, set := r.Bool(schemas.User.Active)
	return Person{ID: r.ID, Version: r.Version.ETag(), UserName: text(schemas.User.UserName), ExternalID: text(scim.ExternalID), ExternalIDs: NamedIDs(r),
		DisplayName: text(schemas.User.DisplayName), GivenName: text(schemas.User.GivenName), FamilyName: text(schemas.User.FamilyName),
		Email: directory.PrimaryAddress(r), UserType: text(schemas.User.UserType), Active: on || !set,
		Classification: text(schemas.Usher.Classification), InvitationState: text(schemas.Usher.InvitationState), Status: string(directory.StatusOf(r)),
		SeatState: text(schemas.Usher.SeatState), HomeOrganizationID: text(schemas.Usher.HomeOrganizationID), DeactivatedAt: text(schemas.Usher.DeactivatedAt),
		BlockListed: flag(schemas.Usher.BlockListed), ReactivateOnPurchase: flag(schemas.Usher.ReactivateOnPurchase), LegalHold: flag(schemas.Usher.LegalHold),
		Created: r.Created, Modified: r.Modified}
}

// NamedID is what one connection knows a person as.
type NamedID struct {
	Connection string `json:"connection"`
	Value      string `json:"value"`
}

// NamedIDs are those that connections have given beside the externalId of the record.
func NamedIDs(r *scim.Resource) (all []NamedID) {
	r.EachExternalID(func(client, id string) { all = append(all, NamedID{client, id}) })
	return all
}

// Person calls fn with a person in a snapshot.
func (a *API) Person(ctx context.Context, id string, fn func(directory.Reader, *scim.Resource) error) error {
	return a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		p, err := r.Get(ctx, directory.Ref{Org: org, Type: TypeNamed(r, "User"), ID: id})
		if err == nil {
			err = p.Load()
		}
		if err != nil {
			return err
		}
		return fn(r, p)
	})
}

// Confirmed refuses what is there only for who has joined, or is under a verified
// domain (S2-5).
func Confirmed(p *scim.Resource) error {
	if f := lifecycle.RequireConfirmed(p); f != nil {
		return &directory.Refusal{Findings: f}
	}
	return nil
}

// ActiveUser refuses to give something to somebody who is not an active person of
// the organization: nothing may be left with who is gone.
func ActiveUser(ctx context.Context, r directory.Reader, d *directory.Draft, id, attribute string) error {
	if id == "" {
		return nil
	}
	p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: TypeNamed(r, "User"), ID: id})
	if err != nil {
		return UnknownUser(err, attribute)
	}
	if directory.StatusOf(p) == directory.Inactive {
		return &Problem{Status: http.StatusConflict, Code: "person.inactive", Detail: fmt.Sprintf("%s is inactive and cannot be %s; name somebody who is active.", directory.DisplayOf(p), attribute)}
	}
	return nil
}

// UnknownUser says that a body names somebody who does not exist here.
func UnknownUser(err error, attribute string) error {
	if err == directory.ErrNotFound {
		return scim.Errorf(scim.InvalidValue, "The value of %s names a user that does not exist here; send the id of one that does.", attribute)
	}
	return err
}

// ByUser asks for the documents that belong to a person.
func ByUser(org directory.OrgID, user string) directory.DocumentQuery {
	return directory.DocumentQuery{Org: org, Key: "user:" + user}
}
