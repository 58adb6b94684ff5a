package lifecycle

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Reset is a wish for a new password (S3-22 to S3-25). Its id is the person's: a
// new one takes the place of the old, whose token is then void (S3-30).
type Reset struct {
	directory.Head
	Hash    string    `json:"hash,omitempty"`  // of the token; empty until it is sent
	Email   string    `json:"email,omitempty"` // SHA-256 of the MailKey of the address that it is for
	Expires time.Time `json:"expiresAt"`
	Used    time.Time `json:"usedAt,omitzero"`
}

// Kind is "reset".
func (*Reset) Kind() directory.Kind { return "reset" }

// Keys is the hash of the token while it can be used.
func (r *Reset) Keys() []string {
	if r.Hash == "" || !r.Used.IsZero() {
		return nil
	}
	return []string{"hash:" + r.Hash}
}

// The bounds of a password and of the wish for a new one.
const (
	ResetLife     = 30 * time.Minute
	PasswordLeast = 12
	PasswordMost  = 256
)

// RuleReset refuses a reset.
const RuleReset directory.RuleID = "password.reset"

// opens reports whether the token of a hash resets the password: the last one, in
// time, of an active member at home whose address it went to, and like every credential
// younger than the end of their access, so that none revives with its person (K59).
func (r *Reset) opens(d *directory.Draft, tokenHash string) bool {
	return r.Email == mailHash(d.Before) && r.Hash == tokenHash && r.Used.IsZero() && d.Now.Before(r.Expires) && d.Was == directory.Active && !directory.IsExternal(d.Before) && r.Modified.After(directory.ValidAfter(d.Before))
}

// mailHash is the SHA-256 of the MailKey of a person's address.
func mailHash(p *scim.Resource) string {
	return directory.SecretHash(directory.MailKey(directory.PrimaryAddress(p)))
}

// RequestReset notes that somebody wants a new password. With a hash the token is
// given to who asks; without one it is made when the mail is sent.
func RequestReset(rt *scim.ResourceType, id, hash string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "password.reset.request", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		switch {
		case directory.IsExternal(d.Before):
			return directory.Firmly(RuleReset, directory.Authority, "The account belongs to the organization %s; the password is reset there.", d.Before.Text(schemas.Usher.HomeOrganizationID)), nil
		case d.Was != directory.Active:
			return directory.Firmly(RuleReset, directory.State, "%s is not active and has no password to reset.", directory.DisplayOf(d.Before)), nil
		}
		ok, err := proved(ctx, r, d)
		if err != nil {
			return nil, err
		}
		if !ok {
			return directory.Firmly(RuleReset, directory.State, "Nobody has shown that the address of %s is theirs, so no link goes to it; verify its domain first.", directory.DisplayOf(d.Before)), nil
		}
		v, err := directory.LoadOr[Reset](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		if hash == "" && v.Version > 0 && v.Email == mailHash(d.Before) && d.Now.Sub(v.Modified) < time.Minute {
			return nil, nil // nobody fills a mailbox by asking again and again
		}
		d.HandsKey = hash != ""
		v.Hash, v.Email, v.Expires, v.Used = hash, mailHash(d.Before), d.Now.Add(ResetLife), time.Time{}
		d.Do("password.reset.sent", id, 1)
		return nil, directory.Save(d, d.Org, &v)
	}}
}

// proved reports whether the address of a person is known to be theirs: its domain
// is the organization's own, or its account is the one that joined. An address that
// was only written into the record is not, and no reset goes to it (K26).
func proved(ctx context.Context, r directory.Reader, d *directory.Draft) (bool, error) {
	address := directory.PrimaryAddress(d.Before)
	home, err := estate.HomeOf(ctx, r, d.Type, d.Org, address)
	if err != nil || home.Verified || home.External || home.Elsewhere(d.Org) {
		return home.Verified, err
	}
	a, err := estate.AccountOf(ctx, r, address)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, d.Before.ID)
	return a.ID == standing.Account, err
}

// CompleteReset puts a new password in place of the old one, at once and for all
// services, and ends every session in every organization (S3-25, S3-30). The password
// is hashed before.
func CompleteReset(rt *scim.ResourceType, id, tokenHash, passwordHash string) directory.SetState {
	return directory.SetState{Type: rt, ID: id, Verb: "password.reset", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		v, err := directory.Load[Reset](ctx, r, d.Org, id)
		if errors.Is(err, directory.ErrNotFound) || err == nil && !v.opens(d, tokenHash) {
			return directory.Firmly(RuleReset, directory.Authority, "This link is not valid any more; ask for a new one."), nil
		}
		if err != nil {
			return nil, err
		}
		if ok, err := proved(ctx, r, d); err != nil {
			return nil, err
		} else if !ok {
			return directory.Firmly(RuleReset, directory.Authority, "This link is not valid any more; ask for a new one."), nil
		}
		address := directory.PrimaryAddress(d.Before)
		a, err := estate.AccountOf(ctx, r, address)
		if errors.Is(err, directory.ErrNotFound) {
			a, err = estate.Account{Head: directory.Head{ID: d.NewID("account")}, Email: address, State: estate.Open}, nil
		}
		if err != nil {
			return nil, err
		}
		if a.State != estate.Open {
			return directory.Firmly(RuleReset, directory.Authority, "This link is not valid any more; ask for a new one."), nil
		}
		a.Home, a.Password, a.ValidAfter = d.Org, passwordHash, d.Now // proved here, so it is at home here
		v.Used, v.Hash = d.Now, ""
		d.After.SetPath(schemas.Usher.CredentialsValidAfter, scim.TimeValue(d.Now, scim.FormatTime(d.Now)))
		d.Do("credentials.revoked", id, 1)
		return nil, errors.Join(directory.Save(d, "", &a), directory.Save(d, d.Org, &v))
	}}
}

// The cost of a password's hash (RFC 9106 section 4, second choice, with less
// memory so that a burst of sign-ins does not exhaust a small machine).
const (
	argonTime    = 3
	argonKiB     = 19 << 10
	argonThreads = 1
	argonLength  = 32
)

// hashing has as many places as passwords are hashed at once. Each takes memory, and a
// processor for as long, so that more of them would make nobody's sign-in any faster.
var hashing = make(chan struct{}, max(2, runtime.NumCPU()))

// HashPassword makes the hash that is kept of a password, with a salt of 16 bytes.
func HashPassword(password string, salt []byte) string {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonKiB, argonThreads, argonLength)
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonKiB, argonTime, argonThreads, enc(salt), enc(sum))
}

// PasswordFits reports whether a password is the one of a hash. It takes as long
// for a hash that is none.
func PasswordFits(password, hash string) bool {
	salt := make([]byte, 16)
	if parts := strings.Split(hash, "$"); len(parts) == 6 {
		if s, err := base64.RawStdEncoding.DecodeString(parts[4]); err == nil {
			salt = s
		}
	}
	return subtle.ConstantTimeCompare([]byte(HashPassword(password, salt)), []byte(hash)) == 1
}
