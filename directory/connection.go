package directory

import (
	"context"
	"time"

	"github.com/usher-scim/usher/scim"
)

// ConnectionID names a connection within the whole server.
type ConnectionID string

// Connection is one provisioning client of one organization: an identity
// provider, an HR tool, an offboarding automation.
type Connection struct {
	ID      ConnectionID `json:"id"`
	Org     OrgID        `json:"organization"`
	Name    string       `json:"name"`
	Created time.Time    `json:"created"`

	// Dialect is the set of departures from the RFCs that are understood.
	Dialect scim.Quirks `json:"dialect"`
	// Scopes bound what any credential of the connection may do.
	Scopes []string `json:"scopes"`
	// IgnoreUnknownMembers drops unknown member ids instead of refusing them.
	IgnoreUnknownMembers bool `json:"ignoreUnknownMembers,omitempty"`
	// RatePerSecond is the sustained limit of requests; 0 is no limit.
	RatePerSecond float64 `json:"ratePerSecond,omitempty"`
	// Burst is the number of requests that may come at once above the rate.
	Burst int `json:"burst,omitempty"`

	// OnBlocked is what a refused deactivation leads to; empty: refuse.
	OnBlocked OnBlocked `json:"onBlocked,omitempty"`
	// OnSeatExhausted is what happens when there is no seat; empty: refuse.
	OnSeatExhausted OnSeatExhausted `json:"onSeatExhausted,omitempty"`
	// MayLiftBlock lets the client add people whose address is blocked.
	MayLiftBlock bool `json:"mayLiftBlock,omitempty"`
	// ErrorExtension adds Usher's own schema to errors.
	ErrorExtension bool `json:"errorExtension,omitempty"`
	// RankCeiling bounds whom the client may act upon; 0: ClientRank. Only where it is
	// set may the client change what people with a role sign in with.
	RankCeiling int `json:"rankCeiling,omitempty"`
}

// Connections keeps the connections of the server.
type Connections interface {
	// Connection returns ErrNotFound when there is none of that id.
	Connection(ctx context.Context, id ConnectionID) (Connection, error)
	// Connections lists those of one organization, or all when org is empty.
	Connections(ctx context.Context, org OrgID) ([]Connection, error)
	// PutConnection adds or replaces.
	PutConnection(ctx context.Context, c Connection) error
}
