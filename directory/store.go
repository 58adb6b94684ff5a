package directory

import (
	"context"
	"io"
	"iter"

	"github.com/usher-scim/usher/scim"
)

// Reader reads one snapshot of the store.
type Reader interface {
	Resources
	Memberships
	Documents
}

// Resources reads records.
type Resources interface {
	// Type is the resource type of that name that the store was opened with.
	Type(name string) (*scim.ResourceType, error)
	// Get returns ErrNotFound when the organization has no such resource.
	Get(ctx context.Context, ref Ref) (*scim.Resource, error)
	// Find answers a query.
	Find(ctx context.Context, q Query) (Page, error)
	// Owner returns the id of the resource that holds a unique value, or
	// ErrNotFound.
	Owner(ctx context.Context, k UniqueKey) (string, error)
	// Kinds returns the names of the resource types of those ids that exist
	// in the organization.
	Kinds(ctx context.Context, org OrgID, ids []string) (map[string]string, error)
}

// Memberships reads edges.
type Memberships interface {
	// Members walks the direct members of a group in a stable order.
	Members(ctx context.Context, group Ref) iter.Seq2[Member, error]
	// Linked returns which of the ids are direct members of the group.
	Linked(ctx context.Context, group Ref, ids []string) (map[string]bool, error)
	// Groups returns the groups that each id is a direct member of.
	Groups(ctx context.Context, org OrgID, ids []string) (map[string][]Membership, error)
}

// Tx is one atomic change. It reads its own writes.
type Tx interface {
	Reader
	// Put writes after in place of before, which is nil for a new resource. It
	// fails with ErrVersion when before is not what is stored, and with a
	// *UniqueError when a unique value is taken: the index is the last judge.
	Put(ctx context.Context, org OrgID, before, after *scim.Resource) error
	// Delete removes a resource with its memberships on both sides; groups that
	// lose a member get a new version.
	Delete(ctx context.Context, org OrgID, before *scim.Resource) error
	// Link changes the members of a group.
	Link(ctx context.Context, group Ref, d EdgeDelta) error
	// PutDocument writes a document in place of the one that was read, whose
	// version is 0 for a new one. It fails with ErrVersion when that is not what is
	// stored.
	PutDocument(ctx context.Context, d, before Document) error
	// DeleteDocument removes a document that was read. It fails with ErrVersion
	// when that is not what is stored.
	DeleteDocument(ctx context.Context, before Document) error
	// Count adds to a running total. It fails with ErrLimit when the total would
	// rise above most, unless that is negative.
	Count(ctx context.Context, org OrgID, name string, by, most int64) error
	// Alone keeps the change from running beside any other of the organization:
	// what it decided rests on more than it writes, as when it asked whether an
	// administrator remains. A change that writes documents that others' decisions
	// rest on runs alone anyway.
	Alone(ctx context.Context, org OrgID) error
	// Emit appends to the audit log and the outbox.
	Emit(ctx context.Context, events ...Event) error
	// Record appends to the audit log alone: events that were delivered elsewhere.
	Record(ctx context.Context, events ...Event) error
}

// Store keeps everything. View and Update give what the weaker of the stores
// can: snapshot reads, own writes visible, write conflicts detected.
type Store interface {
	// View calls fn with a snapshot.
	View(ctx context.Context, fn func(Reader) error) error
	// Update calls fn with a transaction and returns after the commit is
	// durable. fn may run again, so it must have no effects outside.
	Update(ctx context.Context, fn func(Tx) error) error
	// Ready fails when the store cannot serve.
	Ready(ctx context.Context) error
	io.Closer
}

// Registry keeps what operators set up: organizations, connections and tokens.
type Registry interface {
	Organizations
	Connections
	Tokens
}

// Settings keeps small secrets and facts of the whole server, such as the key
// that signs cursors.
type Settings interface {
	// Setting returns ErrNotFound when there is none of that name.
	Setting(ctx context.Context, name string) ([]byte, error)
	// PutSetting adds or replaces.
	PutSetting(ctx context.Context, name string, value []byte) error
	// Settings lists the names of all.
	Settings(ctx context.Context) ([]string, error)
	// AddSetting keeps a value unless there is one of that name already, and
	// returns the one that is kept: several processes that start at once agree.
	AddSetting(ctx context.Context, name string, value []byte) ([]byte, error)
}
