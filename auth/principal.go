package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Principal is a caller whose credential was verified. Its slices are shared
// with other requests and must not be changed.
type Principal struct {
	// Org is the organization the caller acts in, and the only one.
	Org directory.OrgID
	// Connection is the provisioning client the caller acts as.
	Connection directory.Connection
	// Credential names what was presented, for logs, limits and the audit: the
	// id of a token, or a fingerprint of issuer and subject. Never a secret.
	Credential string
	// Subject and Issuer are the sub and iss of an access token, and empty for
	// a token of this server. Only the two together identify anybody (K28). Where
	// the binding names another claim for people, Subject is that one.
	Subject string
	Issuer  string
	// Lacks is the claim that the binding names for people, where the token of a
	// machine is without it: then Subject is its sub, and means no person.
	Lacks string
	// Person is the id of the person here whom Subject means, where that is known. It
	// stands for Subject in the audit, which holds no names.
	Person string
	// Issued is when the access token was; zero when nobody knows.
	Issued time.Time
	// SignedIn is when the person behind the access token last signed in, as far as
	// it tells: its auth_time, or else when it was issued.
	SignedIn time.Time
	// Operator tells that this is the operator of the server, at its own door.
	Operator bool
	// For is the connection whose externalIds the operator means; empty: those that are
	// kept in the records themselves.
	For directory.ConnectionID
	// Scopes are those of the credential that the connection has as well.
	Scopes Scopes
	// Inherited tells that an access token stated no scopes and counts as a machine's,
	// so that these are all of its connection. Whoever turns out to be, or to have been,
	// a person of the organization has none of them.
	Inherited bool
	// Unmarked tells that an access token states no scopes and shows neither a person
	// nor a machine, so that it has none.
	Unmarked bool
}

// Resolve finds the person whom an access token is about. Its errors are those of
// directory.Subject.
func (p Principal) Resolve(ctx context.Context, r directory.Reader) (*scim.Resource, error) {
	if p.Lacks != "" {
		return nil, directory.ErrNotFound
	}
	return directory.Subject(ctx, r, p.Org, p.Connection.ID, p.Subject)
}

// Actor is the principal as the directory knows it.
func (p Principal) Actor() directory.Actor {
	a := directory.Actor{Kind: directory.Client, Connection: p.Connection.ID, Credential: p.Credential, Subject: p.Subject,
		Rank: directory.ClientRank, Ceiling: p.Connection.RankCeiling, MayLiftBlock: p.Connection.MayLiftBlock}
	if p.Person != "" {
		a.Subject = p.Person
	}
	if p.Connection.RankCeiling > 0 {
		a.Rank = p.Connection.RankCeiling
	}
	switch {
	case p.Operator:
		a.Kind, a.Rank = directory.Operator, directory.OwnerRank
	case p.Scopes.Admin():
		a.Kind, a.Role, a.Rank = directory.ByMember, directory.Admin, directory.AdminRank
	}
	return a
}

// Authenticator finds out who sent a request. Every error it returns is an
// *Error, ready to be rendered.
type Authenticator interface {
	Authenticate(r *http.Request) (Principal, error)
}

// Verifier finds out whose a bearer credential is. Every error it returns is an
// *Error, and none quotes the credential.
type Verifier interface {
	Verify(ctx context.Context, credential string) (Principal, error)
}
