package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/index"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// reader is a directory.Reader over one snapshot, or over the transaction of
// the writer.
type reader struct {
	store  *Store
	conn   *sqlite.Conn
	pooled *db.Reader // that conn is of, for views
	began  time.Time  // the view
	batch  *batch     // when this is the reader of a transaction
	alone  []string   // ids that were read and are members of nothing
}

// slowAfter is how long a view takes that counts as slow.
const slowAfter = 20 * time.Millisecond

// pause is called now and then by what looks at many things. It ends with the context,
// and gives way where the view takes its time.
func (r *reader) pause(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return tooLong(ctx)
	case r.pooled != nil && time.Since(r.began) > slowAfter:
		return r.store.readers.Slow(ctx, r.pooled)
	}
	return nil
}

// The columns of a resource, with and without a look at whether it is a member of
// anything, which the first argument spares; see known.
const (
	columns = bare + ", CASE WHEN ? THEN -1 ELSE EXISTS (SELECT 1 FROM edge WHERE member=row) END"
	bare    = "row, id, version, created, modified, body"
)

// known is 1 when it is known who was ever a member of anything: the others need not
// be looked up.
func (r *reader) known() int {
	if r.store.joined.full.Load() {
		return 1
	}
	return 0
}

// record reads the bare columns.
func record(k *dictionary.Kind, s *sqlite.Stmt) (int64, *scim.Resource) {
	return s.ColumnInt64(0), scim.Stored(k.Type, db.ID(s, 1), scim.Version(s.ColumnInt64(2)),
		time.UnixMilli(s.ColumnInt64(3)).UTC(), time.UnixMilli(s.ColumnInt64(4)).UTC(), db.Blob(s, 5))
}

// record reads all the columns, and remembers what spares a look at the edges.
func (r *reader) record(k *dictionary.Kind, s *sqlite.Stmt) (int64, *scim.Resource) {
	row, res := record(k, s)
	if is := s.ColumnInt64(6); is == 0 || is < 0 && !r.store.joined.has(row) {
		r.alone = append(r.alone, res.ID)
	}
	return row, res
}

// Type is the resource type of that name.
func (r *reader) Type(name string) (*scim.ResourceType, error) {
	rt, ok := r.store.opts.Registry.Type(name)
	if !ok {
		return nil, fmt.Errorf("the store was opened without the resource type %s", name)
	}
	return rt, nil
}

// Get reads one resource.
func (r *reader) Get(_ context.Context, ref directory.Ref) (*scim.Resource, error) {
	k, err := r.store.names.Kind(ref.Type)
	if err != nil {
		return nil, err
	}
	id, ok := db.ParseID(ref.ID)
	if !ok {
		return nil, directory.ErrNotFound
	}
	var found *scim.Resource
	_, err = db.One(r.conn, func(s *sqlite.Stmt) {
		if s.ColumnInt64(7) == k.Num {
			_, found = r.record(k, s)
		}
	}, "SELECT "+columns+", kind FROM resource WHERE org=? AND id=?", r.known(), r.store.names.Org(ref.Org), id)
	if err == nil && found == nil {
		err = directory.ErrNotFound
	}
	return found, err
}

// Owner finds who holds a unique value.
func (r *reader) Owner(_ context.Context, u directory.UniqueKey) (string, error) {
	k, err := r.store.names.Kind(u.Type)
	if err != nil {
		return "", err
	}
	attr, _ := r.store.names.Attribute(u.Type, u.Attr)
	return r.owner(k, index.Key{Org: r.store.names.Org(u.Org), Attr: attr, Value: u.Key})
}

// owner is the id of the resource that holds a unique key.
func (r *reader) owner(k *dictionary.Kind, key index.Key) (string, error) {
	row, err := index.Holder(r.conn, key)
	if err != nil {
		return "", err
	}
	if row != 0 {
		id := ""
		_, err := db.One(r.conn, func(s *sqlite.Stmt) { id = db.ID(s, 0) }, "SELECT id FROM resource WHERE row=?", row)
		return id, err
	}
	for _, row := range r.recent(key.List(), filter.Equal, key.Value) {
		res, err := r.at(k, key.Org, row)
		if err != nil {
			return "", err
		}
		has := func(c dictionary.Column) bool { return index.KeyOf(key.Org, c, res) == key }
		if res != nil && slices.ContainsFunc(k.Unique, has) {
			return res.ID, nil
		}
	}
	if r.batch != nil {
		r.batch.free = append(r.batch.free, key)
	}
	return "", directory.ErrNotFound
}

// at reads a resource by its row; nil when there is none of that type any more.
func (r *reader) at(k *dictionary.Kind, org, row int64) (res *scim.Resource, err error) {
	_, err = db.One(r.conn, func(s *sqlite.Stmt) {
		if s.ColumnInt64(7) == org && s.ColumnInt64(8) == k.Num {
			_, res = r.record(k, s)
		}
	}, "SELECT "+columns+", org, kind FROM resource WHERE row=?", r.known(), row)
	return res, err
}

// Kinds tells the types of those ids that exist.
func (r *reader) Kinds(_ context.Context, org directory.OrgID, ids []string) (map[string]string, error) {
	found := make(map[string]string, len(ids))
	num := r.store.names.Org(org)
	for _, text := range ids {
		id, ok := db.ParseID(text)
		if !ok {
			continue
		}
		_, kindNum, err := r.row(num, id)
		if err != nil {
			return nil, err
		}
		if k := r.store.names.Kinds()[kindNum]; k != nil {
			found[text] = k.Type.Name
		}
	}
	return found, nil
}

// row finds the row and kind of an id; 0 when there is none.
func (r *reader) row(org int64, id []byte) (row, kind int64, err error) {
	_, err = db.One(r.conn, func(s *sqlite.Stmt) { row, kind = s.ColumnInt64(0), s.ColumnInt64(1) },
		"SELECT row, kind FROM resource WHERE org=? AND id=?", org, id)
	return row, kind, err
}

// tx is a directory.Tx: one change within a batch.
type tx struct {
	reader
	wrote bool // or tried to
}

const rowsPerBlock = 1024

// Put writes a resource.
func (t *tx) Put(_ context.Context, org directory.OrgID, before, after *scim.Resource) error {
	k, err := t.store.names.Kind(after.Type)
	if err != nil {
		return err
	}
	id, ok := db.ParseID(after.ID)
	num := t.store.names.Org(org)
	if !ok || num == 0 {
		return fmt.Errorf("put %s in organization %q: %w", after.ID, org, directory.ErrNotFound)
	}
	if err := t.judge(k, num, before, after); err != nil {
		return err
	}
	t.wrote = true
	var row int64
	if before == nil {
		row, err = t.insert(k, num, id, after)
	} else {
		row, err = t.update(num, id, before, after)
	}
	if err != nil {
		return err
	}
	return t.index(k, num, row, before, after)
}

func (t *tx) insert(k *dictionary.Kind, org int64, id []byte, r *scim.Resource) (int64, error) {
	err := db.Run(t.conn, "INSERT INTO resource (org, kind, id, version, created, modified, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
		org, k.Num, id, int64(r.Version), r.Created.UnixMilli(), r.Modified.UnixMilli(), r.Seal())
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
		return 0, directory.ErrVersion
	}
	row := t.conn.LastInsertRowID()
	t.batch.counts[block{org, k.Num, row / rowsPerBlock}]++
	return row, err
}

// update is compare-and-set on the version.
func (t *tx) update(org int64, id []byte, before, after *scim.Resource) (row int64, err error) {
	found, err := db.One(t.conn, func(s *sqlite.Stmt) { row = s.ColumnInt64(0) },
		"UPDATE resource SET version=?, modified=?, body=? WHERE org=? AND id=? AND version=? RETURNING row",
		int64(after.Version), after.Modified.UnixMilli(), after.Seal(), org, id, int64(before.Version))
	if err == nil && !found {
		err = directory.ErrVersion
	}
	return row, err
}

// judge refuses a unique key that another resource holds. What the rules have
// just found free is not looked up again.
func (t *tx) judge(k *dictionary.Kind, org int64, before, after *scim.Resource) error {
	free := t.batch.free
	t.batch.free = nil
	for _, c := range k.Unique {
		is := index.KeyOf(org, c, after)
		if is.Value == "" || is == index.KeyOf(org, c, before) || slices.Contains(free, is) {
			continue
		}
		owner, err := t.owner(k, is)
		if err == nil && owner != after.ID {
			return &directory.UniqueError{Path: c.Attr.Path(), Detail: "The " + c.Attr.Path() + " is already in use; choose a different value."}
		}
		if err != nil && !errors.Is(err, directory.ErrNotFound) {
			return err
		}
	}
	return nil
}

// index has the index follow a change.
func (t *tx) index(k *dictionary.Kind, org, row int64, before, after *scim.Resource) (err error) {
	t.batch.indexed, err = t.store.index.Change(t.conn, t.batch.indexed, index.Row{Kind: k, Org: org, Num: row}, before, after)
	return err
}

// Delete removes a resource, its keys and its memberships.
func (t *tx) Delete(_ context.Context, org directory.OrgID, before *scim.Resource) error {
	k, err := t.store.names.Kind(before.Type)
	if err != nil {
		return err
	}
	id, ok := db.ParseID(before.ID)
	if !ok {
		return directory.ErrNotFound
	}
	t.wrote = true
	num, row := t.store.names.Org(org), int64(0)
	found, err := db.One(t.conn, func(s *sqlite.Stmt) { row = s.ColumnInt64(0) },
		"DELETE FROM resource WHERE org=? AND id=? AND version=? RETURNING row", num, id, int64(before.Version))
	if err != nil {
		return err
	}
	if !found {
		return directory.ErrVersion
	}
	t.batch.counts[block{num, k.Num, row / rowsPerBlock}]--
	if err := t.index(k, num, row, before, nil); err != nil {
		return err
	}
	return t.unlinkAll(row)
}
