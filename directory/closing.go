package directory

import (
	"context"
	"errors"
	"time"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// The rules of closing.
const (
	RuleClose RuleID = "account.close"
	// ExportLife is how long an export counts as done before closing (S3-20).
	ExportLife = 24 * time.Hour
)

// CloseAccount ends an account for good and erases what is kept of the person
// (T11, S3-18 to S3-21). The person types their userName, and has exported their
// data before. Owners, last admins and those under a hold cannot.
func CloseAccount(rt *scim.ResourceType, id, typed string) SetState {
	return SetState{Type: rt, ID: id, Verb: "user.close", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		standing, err := LoadOr[Standing](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		profile, err := ProfileOf(ctx, r, d.Org)
		if err != nil {
			return nil, err
		}
		address := PrimaryAddress(d.Before)
		a, err := AccountOf(ctx, r, address)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		home, err := HomeOf(ctx, r, d.Type, d.Org, address)
		if err != nil {
			return nil, err
		}
		if home.External && !IsExternal(d.Before) {
			return refusal(RuleClose, Authority, "The account belongs to the organization %s; close it there.", string(home.Org)), nil
		}
		managed := a.Home != "" || home.Verified // a verified domain is the organization's, joined or not (C4, C8)
		switch {
		case IsExternal(d.Before):
			return refusal(RuleClose, Authority, "The account belongs to the organization %s; close it there.", d.Before.Text(schemas.Usher.HomeOrganizationID)), nil
		case managed && !profile.SelfClose:
			return refusal(RuleClose, Authority, "The organization manages this account and does not let its people close their own; ask an administrator."), nil
		case scim.Key(typed) != scim.Key(d.Before.Text(schemas.User.UserName)):
			return refusal(RuleClose, Invalid, "Type the user name of the account to confirm that it is to be closed for good."), nil
		case d.Now.Sub(standing.Exported) > ExportLife:
			return refusal(RuleClose, State, "Export the data of the account first; closing erases it at once and for good."), nil
		}
		if a.ID == "" {
			a = Account{Head: Head{ID: d.NewID("account")}, EmailKey: SecretHash(MailKey(address))}
		}
		d.After, d.Is, d.Erase = nil, "", true
		d.Do("account.closed", a.ID, 1)
		if a.State == Closed {
			return nil, nil // from another organization; it never changes again
		}
		a.State, a.Email, a.Members, a.Password = Closed, "", nil, ""
		return nil, Save(d, "", &a)
	}}
}

// EraseMembership ends what a person whose account is closed is in another
// organization, and erases what is kept there.
func EraseMembership(rt *scim.ResourceType, id string) SetState {
	return SetState{Type: rt, ID: id, Verb: "user.close", Plan: func(_ context.Context, _ Reader, d *Draft) ([]Finding, error) {
		d.After, d.Is, d.Erase = nil, "", true
		return nil, nil
	}}
}

// NoteExport remembers that the data of a person was exported.
func NoteExport(rt *scim.ResourceType, id string) SetState {
	return SetState{Type: rt, ID: id, Verb: "export.create", Plan: func(ctx context.Context, r Reader, d *Draft) ([]Finding, error) {
		s, err := LoadOr[Standing](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		s.Exported = d.Now
		return nil, Save(d, d.Org, &s)
	}}
}
