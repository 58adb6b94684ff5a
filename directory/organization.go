package directory

import (
	"context"
	"time"
)

// OrgID names an organization: the unit of isolation. Every query, key and
// index starts with it.
type OrgID string

// Organization is one customer of the server. Nothing is shared between two.
type Organization struct {
	ID      OrgID     `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// Organizations keeps the organizations of the server.
type Organizations interface {
	// Organization returns ErrNotFound when there is none of that id.
	Organization(ctx context.Context, id OrgID) (Organization, error)
	// Organizations lists them all, ordered by id.
	Organizations(ctx context.Context) ([]Organization, error)
	// AddOrganization fails with ErrExists when the id is taken.
	AddOrganization(ctx context.Context, o Organization) error
}
