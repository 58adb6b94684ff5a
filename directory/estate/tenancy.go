package estate

import (
	"context"
	"errors"
	"github.com/usher-scim/usher/directory"
	"time"
)

// Profile is how an organization wants its rules; its id is always "profile".
type Profile struct {
	directory.Head
	// SupportContact is named where a refusal cannot be cleared alone (S0-7, S2-10).
	SupportContact string `json:"supportContact,omitempty"`
	Language       string `json:"language,omitempty" enum:"en,fr"`
	// Brake holds a client that deactivates too many (K62).
	Brake Brake `json:"brake"`
	// TwoPeople asks for a second person's approval before an administrator or an
	// auditor is deactivated (G9), and before an administrator other than the owner lifts
	// a block, sets or lifts a legal hold, changes Safeguards, or makes somebody the owner
	// where there is none (3.6).
	TwoPeople bool `json:"twoPeople,omitempty" doc:"Whether a second person must allow that somebody with a role is deactivated, and that an administrator other than the owner lifts a blocked address, sets or lifts a legal hold, changes brake or this, or makes somebody the owner where there is none."`
	// UndoMinutes is how long a deactivation can be undone; 0: not at all.
	UndoMinutes int `json:"undoMinutes"`
	// SelfClose lets members at home close their own account (C4).
	SelfClose bool `json:"selfClose"`
	// RetentionDays is how long what a removed person leaves is kept.
	RetentionDays int `json:"retentionDays" doc:"How long what a removed person leaves is kept; 0: it is erased at once."`
}

// Brake is a limit on deactivations by one client.
type Brake struct {
	// Percent of the active people and Count of people; the brake acts when both
	// are passed. Percent 0 turns it off.
	Percent int `json:"percent"`
	Count   int `json:"count"`
	// Minutes is the time looked at.
	Minutes int `json:"minutes"`
	// Revoke ends the sessions and tokens of whose deactivation is held.
	Revoke bool `json:"revoke,omitempty"`
}

// Kind is "profile".
func (*Profile) Kind() directory.Kind { return "profile" }

// Keys are none: there is one.
func (*Profile) Keys() []string { return nil }

// ProfileID is the id of the only Profile of an organization.
const ProfileID = "profile"

// ProfileOf reads the profile, or gives the one that an organization has which
// never said anything.
func ProfileOf(ctx context.Context, r directory.Documents, org directory.OrgID) (Profile, error) {
	p, err := directory.Load[Profile](ctx, r, org, ProfileID)
	if errors.Is(err, directory.ErrNotFound) {
		p = Profile{Head: directory.Head{ID: ProfileID}, Language: "en", UndoMinutes: 30, RetentionDays: 30}
		err = nil
	}
	return p, err
}

// Domain is a mail domain that an organization has shown to be its own (S2-1). It
// is kept for the whole server, since nobody else may claim it; its id is the
// domain itself.
type Domain struct {
	directory.Head
	Org      directory.OrgID `json:"organization"`
	Verified time.Time       `json:"verifiedAt,omitzero"`
	// Challenge is the text of the TXT record that proves the domain.
	Challenge string `json:"challenge"`
	By        string `json:"verifiedBy,omitempty"` // dns or operator
}

// Kind is "domain".
func (*Domain) Kind() directory.Kind { return "domain" }

// Keys is the organization.
func (d *Domain) Keys() []string { return []string{"org:" + string(d.Org)} }

// Claim is an organization's wish for a domain that it has not proved yet; its
// id is the domain. Several may wish for the same one.
type Claim struct {
	directory.Head
	Challenge string `json:"challenge"`
}

// Kind is "claim".
func (*Claim) Kind() directory.Kind { return "claim" }

// Keys are none.
func (*Claim) Keys() []string { return nil }

// AccountState says whether an account can be used at all (3.2).
type AccountState string

// The states. Closed is final.
const (
	Open   AccountState = "open"
	Closed AccountState = "closed"
	Spam   AccountState = "spam"
)

// Account is a person's own, whatever organizations they are members of. It is
// kept for the whole server.
type Account struct {
	directory.Head
	Email string `json:"email,omitempty"`
	// EmailKey is the SHA-256 of the address's directory.MailKey; it outlives the address, so
	// that a closed account stays closed.
	EmailKey string          `json:"emailKey,omitempty"`
	Home     directory.OrgID `json:"homeOrganization,omitempty"`
	State    AccountState    `json:"state" enum:"open,closed,spam"`
	// Password is the hash of the password, where Usher keeps one.
	Password string `json:"password,omitempty"`
	// ValidAfter is the moment up to which every credential of the person is dead, in
	// whatever organization: that of the last new password, or of the end of the
	// account.
	ValidAfter time.Time `json:"credentialsValidAfter,omitzero"`
}

// Kind is "account".
func (*Account) Kind() directory.Kind { return "account" }

// Keys is the address.
func (a *Account) Keys() []string {
	if a.EmailKey == "" {
		a.EmailKey = directory.SecretHash(directory.MailKey(a.Email))
	}
	return []string{"email:" + a.EmailKey}
}

// AccountOf finds the account of an address; directory.ErrNotFound when there is none.
func AccountOf(ctx context.Context, r directory.Documents, address string) (Account, error) {
	if address == "" {
		return Account{}, directory.ErrNotFound
	}
	for a, err := range directory.Each[Account](ctx, r, directory.DocumentQuery{Key: "email:" + directory.SecretHash(directory.MailKey(address)), Limit: 1}) {
		return a, err
	}
	return Account{}, directory.ErrNotFound
}

// Invitation asks a person to join. Its id is the member's: a new one takes the
// place of the old, whose token is then void (S2-24).
type Invitation struct {
	directory.Head
	// Hash is the SHA-256 of the token; empty until it is sent.
	Hash    string    `json:"hash,omitempty"`
	Email   string    `json:"email"`
	State   string    `json:"state"` // notJoined, joined, withdrawn
	Sent    int       `json:"sentCount"`
	Expires time.Time `json:"expiresAt,omitzero"`
}

// Kind is "invitation".
func (*Invitation) Kind() directory.Kind { return "invitation" }

// Keys are the hash of the token, and when it expires.
func (i *Invitation) Keys() []string {
	if i.Hash == "" || i.State != directory.NotJoined {
		return nil
	}
	return []string{"hash:" + i.Hash, DueKey(i.Expires)}
}

// Credential is a session or token that another system gave a person and asks
// Usher about. Its id is the SHA-256 of the secret, which is not kept.
type Credential struct {
	directory.Head
	User   string    `json:"user"`
	Sort   string    `json:"kind"` // session, access, refresh, apiKey, reset
	Issued time.Time `json:"issuedAt"`
	// Expires is when it ends by itself; zero: never.
	Expires time.Time `json:"expiresAt,omitzero"`
	Revoked time.Time `json:"revokedAt,omitzero"`
	Client  string    `json:"client,omitempty"`
	Scope   string    `json:"scope,omitempty"`
}

// Kind is "credential".
func (*Credential) Kind() directory.Kind { return "credential" }

// Keys is whose it is.
func (c *Credential) Keys() []string { return []string{"user:" + c.User} }

// Tombstone is what remains of a removed person until the retention is over or,
// under a legal hold, until that is lifted. Its id is the user's.
type Tombstone struct {
	directory.Head
	Record []byte `json:"record"`
	Name   string `json:"name"`
	// AddressKeys are the SHA-256 of the MailKeys of the addresses, so that who is erased later is found
	// here too.
	AddressKeys []string  `json:"addressKeys,omitempty"`
	LegalHold   bool      `json:"legalHold,omitempty"`
	EraseAt     time.Time `json:"eraseAt"`
	// Closed tells that the person closed their account while this was under a hold:
	// what is known by their addresses goes with it.
	Closed bool `json:"closed,omitempty"`
}

// Kind is "tombstone".
func (*Tombstone) Kind() directory.Kind { return "tombstone" }

// Keys put them in the order of erasure, and find them by address.
func (t *Tombstone) Keys() []string {
	keys := []string{"held"}
	if !t.LegalHold {
		keys[0] = DueKey(t.EraseAt)
	}
	for _, key := range t.AddressKeys {
		keys = append(keys, "email:"+key)
	}
	return keys
}

// Span is the time that the brake looks at, in minutes.
func (b Brake) Span() int {
	if b.Minutes <= 0 {
		return 10
	}
	return min(b.Minutes, directory.LongestSpan)
}
