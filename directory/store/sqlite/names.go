package sqlite

import (
	"fmt"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// kind is what the store knows of a resource type.
type kind struct {
	num     int64
	rt      *scim.ResourceType
	unique  []column
	indexed []column
}

// column is an attribute with the number its index rows carry.
type column struct {
	num        int64
	attr, root *scim.Attribute
	form       string // of what the index holds
	fresh      bool   // the file had not heard of it
}

// names maps types, attributes and organizations to numbers. Types and
// attributes are fixed when the store is opened.
type names struct {
	kinds map[*scim.ResourceType]*kind
	byNum map[int64]*kind
	attrs map[*scim.ResourceType]map[*scim.Attribute]int64
	// caseExact tells of each indexed attribute whether letter case counts.
	caseExact map[int64]bool
	mu        sync.RWMutex
	orgs      map[directory.OrgID]int64
	orgIDs    map[int64]directory.OrgID
}

func (n *names) load(conn *sqlite.Conn, reg *schemas.Registry) error {
	n.kinds, n.byNum = map[*scim.ResourceType]*kind{}, map[int64]*kind{}
	n.attrs, n.caseExact = map[*scim.ResourceType]map[*scim.Attribute]int64{}, map[int64]bool{}
	n.orgs, n.orgIDs = map[directory.OrgID]int64{}, map[int64]directory.OrgID{}
	for _, rt := range reg.Types {
		if rt.ReadOnly {
			continue // not kept as resources
		}
		if err := n.loadKind(conn, rt); err != nil {
			return fmt.Errorf("resource type %s: %w", rt.Name, err)
		}
	}
	return db.Each(conn, func(s *sqlite.Stmt) error {
		n.setOrg(directory.OrgID(s.ColumnText(1)), s.ColumnInt64(0))
		return nil
	}, "SELECT num, id FROM organization")
}

func (n *names) loadKind(conn *sqlite.Conn, rt *scim.ResourceType) error {
	if err := db.Run(conn, "INSERT OR IGNORE INTO kind (name) VALUES (?)", rt.Name); err != nil {
		return err
	}
	num, err := db.Integer(conn, "SELECT num FROM kind WHERE name=?", rt.Name)
	if err != nil {
		return err
	}
	k := &kind{num: num, rt: rt}
	n.kinds[rt], n.byNum[num], n.attrs[rt] = k, k, map[*scim.Attribute]int64{}
	column := func(a *scim.Attribute) (c column, err error) {
		if err := db.Run(conn, "INSERT OR IGNORE INTO attribute (kind, path) VALUES (?, ?)", num, a.Path()); err != nil {
			return c, err
		}
		c.attr, c.root, c.fresh = a, a, conn.Changes() == 1
		for p := a.Parent(); p != nil && !p.IsExtension(); p = p.Parent() {
			c.root = p
		}
		c.num, err = db.Integer(conn, "SELECT num FROM attribute WHERE kind=? AND path=?", num, a.Path())
		n.attrs[rt][a] = c.num
		return c, err
	}
	for _, a := range rt.UniqueAttributes() {
		c, err := column(a)
		if err != nil {
			return err
		}
		c.form = formKeys
		k.unique = append(k.unique, c)
	}
	for _, a := range rt.IndexedAttributes() {
		c, err := column(a)
		if err != nil {
			return err
		}
		if a.Type.Textual() {
			if c.form = formFolded; a.CaseExact {
				c.form = formExact
			}
			k.indexed = append(k.indexed, c)
			n.caseExact[c.num] = a.CaseExact
		}
	}
	return nil
}

// org is the number of an organization; there is none below 1.
func (n *names) org(id directory.OrgID) int64 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.orgs[id]
}

func (n *names) setOrg(id directory.OrgID, num int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.orgs[id], n.orgIDs[num] = num, id
}

// kind is what the store knows of the type; types that are not in the registry
// are a programmer's error.
func (n *names) kind(rt *scim.ResourceType) (*kind, error) {
	if k, ok := n.kinds[rt]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("resource type %s is not one the store was opened with", rt.Name)
}

// Type is the resource type of that name.
func (r *reader) Type(name string) (*scim.ResourceType, error) {
	rt, ok := r.store.opts.Registry.Type(name)
	if !ok {
		return nil, fmt.Errorf("the store was opened without the resource type %s", name)
	}
	return rt, nil
}
