// Package dictionary holds the numbers by which the tables know resource types,
// attributes and organizations: a row names each of them in a byte or two.
package dictionary

import (
	"fmt"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Kind is what the tables know of a resource type.
type Kind struct {
	Num     int64
	Type    *scim.ResourceType
	Unique  []Column
	Indexed []Column // those that are texts
}

// Column is an attribute with the number its index rows carry.
type Column struct {
	Num        int64
	Attr, Root *scim.Attribute
	Fresh      bool // the file had not heard of it
}

// Names maps types, attributes and organizations to numbers. Types and
// attributes are fixed when the store is opened.
type Names struct {
	kinds map[*scim.ResourceType]*Kind
	byNum map[int64]*Kind
	attrs map[*scim.ResourceType]map[*scim.Attribute]int64
	mu    sync.RWMutex
	orgs  map[directory.OrgID]int64
}

// Load reads the numbers, and gives some to types and attributes that have none.
func Load(conn *sqlite.Conn, reg *schemas.Registry) (*Names, error) {
	n := &Names{kinds: map[*scim.ResourceType]*Kind{}, byNum: map[int64]*Kind{},
		attrs: map[*scim.ResourceType]map[*scim.Attribute]int64{}, orgs: map[directory.OrgID]int64{}}
	for _, rt := range reg.Types {
		if rt.ReadOnly {
			continue // not kept as resources
		}
		if err := n.loadKind(conn, rt); err != nil {
			return nil, fmt.Errorf("resource type %s: %w", rt.Name, err)
		}
	}
	return n, db.Each(conn, func(s *sqlite.Stmt) error {
		n.SetOrg(directory.OrgID(s.ColumnText(1)), s.ColumnInt64(0))
		return nil
	}, "SELECT num, id FROM organization")
}

func (n *Names) loadKind(conn *sqlite.Conn, rt *scim.ResourceType) error {
	if err := db.Run(conn, "INSERT OR IGNORE INTO kind (name) VALUES (?)", rt.Name); err != nil {
		return err
	}
	num, err := db.Integer(conn, "SELECT num FROM kind WHERE name=?", rt.Name)
	if err != nil {
		return err
	}
	k := &Kind{Num: num, Type: rt}
	n.kinds[rt], n.byNum[num], n.attrs[rt] = k, k, map[*scim.Attribute]int64{}
	column := func(a *scim.Attribute) (c Column, err error) {
		if err := db.Run(conn, "INSERT OR IGNORE INTO attribute (kind, path) VALUES (?, ?)", num, a.Path()); err != nil {
			return c, err
		}
		c.Attr, c.Root, c.Fresh = a, a, conn.Changes() == 1
		for p := a.Parent(); p != nil && !p.IsExtension(); p = p.Parent() {
			c.Root = p
		}
		c.Num, err = db.Integer(conn, "SELECT num FROM attribute WHERE kind=? AND path=?", num, a.Path())
		n.attrs[rt][a] = c.Num
		return c, err
	}
	for _, a := range rt.UniqueAttributes() {
		c, err := column(a)
		if err != nil {
			return err
		}
		k.Unique = append(k.Unique, c)
	}
	for _, a := range rt.IndexedAttributes() {
		c, err := column(a)
		if err != nil {
			return err
		}
		if a.Type.Textual() {
			k.Indexed = append(k.Indexed, c)
		}
	}
	return nil
}

// Org is the number of an organization; there is none below 1.
func (n *Names) Org(id directory.OrgID) int64 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.orgs[id]
}

// SetOrg takes over the number of a new organization.
func (n *Names) SetOrg(id directory.OrgID, num int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.orgs[id] = num
}

// Orgs are all organizations by their numbers.
func (n *Names) Orgs() map[int64]directory.OrgID {
	n.mu.RLock()
	defer n.mu.RUnlock()
	all := make(map[int64]directory.OrgID, len(n.orgs))
	for id, num := range n.orgs {
		all[num] = id
	}
	return all
}

// Kind is what the tables know of the type; types that are not in the registry
// are a programmer's error.
func (n *Names) Kind(rt *scim.ResourceType) (*Kind, error) {
	if k, ok := n.kinds[rt]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("resource type %s is not one the store was opened with", rt.Name)
}

// Kinds are all types by their numbers; not to be changed.
func (n *Names) Kinds() map[int64]*Kind { return n.byNum }

// Attribute is the number of an attribute of a type; false when it is neither
// unique nor indexed.
func (n *Names) Attribute(rt *scim.ResourceType, a *scim.Attribute) (int64, bool) {
	num, ok := n.attrs[rt][a]
	return num, ok
}
