package sqlite

import (
	"context"
	"iter"
	"strings"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/scim"
)

// sorts remembers which kinds of documents an organization has ever had. Most
// have few, and what has none need not be looked up.
type sorts struct {
	mu   sync.RWMutex
	have map[sort]bool
}

type sort struct {
	org  int64
	kind directory.Kind
}

func (s *sorts) load(conn *sqlite.Conn) error {
	s.have = map[sort]bool{}
	return db.Each(conn, func(stmt *sqlite.Stmt) error {
		s.have[sort{stmt.ColumnInt64(0), directory.Kind(stmt.ColumnText(1))}] = true
		return nil
	}, "SELECT DISTINCT org, kind FROM document")
}

func (s *sorts) has(org int64, kind directory.Kind) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.have[sort{org, kind}]
}

// note is called before a first document is committed; if it never is, looking
// it up costs a little and finds nothing.
func (s *sorts) note(org int64, kind directory.Kind) {
	if s.has(org, kind) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have[sort{org, kind}] = true
}

const documentColumns = "SELECT d.id, d.version, d.keys, d.data FROM document d "

func readDocument(org directory.OrgID, kind directory.Kind, stmt *sqlite.Stmt) directory.Document {
	d := directory.Document{Org: org, Kind: kind, ID: stmt.ColumnText(0), Version: scim.Version(stmt.ColumnInt64(1)), Data: db.Blob(stmt, 3)}
	d.Keys = splitKeys(stmt.ColumnText(2))
	return d
}

// Keys are kept beside the document as lines.
func joinKeys(keys []string) string { return strings.Join(keys, "\n") }

func splitKeys(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// keeper is the number that an organization's documents carry, 0 for those of
// the server itself; false when there is no such organization.
func (r *reader) keeper(org directory.OrgID) (int64, bool) {
	num := r.store.names.Org(org)
	return num, num != 0 || org == ""
}

// Document reads one document.
func (r *reader) Document(_ context.Context, org directory.OrgID, kind directory.Kind, id string) (d directory.Document, err error) {
	num, ok := r.keeper(org)
	if !ok || !r.store.sorts.has(num, kind) {
		return d, directory.ErrNotFound
	}
	found, err := db.One(r.conn, func(stmt *sqlite.Stmt) { d = readDocument(org, kind, stmt) },
		documentColumns+"WHERE d.org=? AND d.kind=? AND d.id=?", num, string(kind), id)
	if err == nil && !found {
		err = directory.ErrNotFound
	}
	return d, err
}

// Documents walks the documents that a query asks for. They are read before the
// first is handed out, so that the caller may read more meanwhile.
func (r *reader) Documents(_ context.Context, q directory.DocumentQuery) iter.Seq2[directory.Document, error] {
	return func(yield func(directory.Document, error) bool) {
		num, ok := r.keeper(q.Org)
		if !ok || !r.store.sorts.has(num, q.Kind) {
			return
		}
		if r.batch != nil {
			if err := r.batch.writeMoves(); err != nil {
				yield(directory.Document{}, err)
				return
			}
		}
		limit := int64(q.Limit)
		if limit <= 0 {
			limit = -1
		}
		var all []directory.Document
		take := func(stmt *sqlite.Stmt) error {
			all = append(all, readDocument(q.Org, q.Kind, stmt))
			return nil
		}
		const byKey = documentColumns + "JOIN document_key k ON k.org=d.org AND k.kind=d.kind AND k.id=d.id WHERE k.org=? AND k.kind=? "
		var err error
		switch {
		case q.Below != "":
			err = db.Each(r.conn, take, byKey+"AND k.key>=? AND k.key<? ORDER BY k.key, k.id LIMIT ?", num, string(q.Kind), q.From, q.Below, limit)
		case q.Or != "":
			err = db.Each(r.conn, take, byKey+"AND k.key IN (?, ?) AND k.id>? ORDER BY k.id LIMIT ?", num, string(q.Kind), q.Key, q.Or, q.After, limit)
		case q.Key != "":
			err = db.Each(r.conn, take, byKey+"AND k.key=? AND k.id>? ORDER BY k.id LIMIT ?", num, string(q.Kind), q.Key, q.After, limit)
		default:
			err = db.Each(r.conn, take, documentColumns+"WHERE d.org=? AND d.kind=? AND d.id>? ORDER BY d.id LIMIT ?", num, string(q.Kind), q.After, limit)
		}
		if err != nil {
			yield(directory.Document{}, err)
			return
		}
		for _, d := range all {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// Tally reads a running total, with what the transaction under way adds to it.
func (r *reader) Tally(_ context.Context, org directory.OrgID, name string) (int64, error) {
	key := total{r.store.names.Org(org), name}
	if r.batch != nil {
		return r.batch.total(key)
	}
	return db.Integer(r.conn, "SELECT n FROM tally WHERE org=? AND name=?", key.org, name)
}

// Contents lists kinds and totals; those of a transaction under way are not asked
// for.
func (r *reader) Contents(_ context.Context, org directory.OrgID) (c directory.Contents, err error) {
	num, ok := r.keeper(org)
	if !ok {
		return c, directory.ErrNotFound
	}
	c.Totals = map[string]int64{}
	if err := db.Each(r.conn, func(stmt *sqlite.Stmt) error {
		c.Kinds = append(c.Kinds, directory.Kind(stmt.ColumnText(0)))
		return nil
	}, "SELECT DISTINCT kind FROM document WHERE org=? ORDER BY kind", num); err != nil {
		return c, err
	}
	return c, db.Each(r.conn, func(stmt *sqlite.Stmt) error {
		c.Totals[stmt.ColumnText(0)] = stmt.ColumnInt64(1)
		return nil
	}, "SELECT name, n FROM tally WHERE org=? AND n<>0", num)
}

// total names a running total.
type total struct {
	org  int64
	name string
}

// total is a running total as the transaction under way sees it. It is read
// once and written once, however many changes share the commit.
func (b *batch) total(key total) (int64, error) {
	if n, known := b.totals[key]; known {
		return n.now, nil
	}
	n, err := db.Integer(b.conn, "SELECT n FROM tally WHERE org=? AND name=?", key.org, key.name)
	if err == nil {
		b.totals[key] = sum{was: n, now: n}
	}
	return n, err
}

type sum struct{ was, now int64 }

// Count changes a running total.
func (t *tx) Count(_ context.Context, org directory.OrgID, name string, by, most int64) error {
	key := total{t.store.names.Org(org), name}
	n, err := t.batch.total(key)
	if err != nil {
		return err
	}
	if most >= 0 && by > 0 && n+by > most {
		return directory.ErrLimit
	}
	t.wrote = true
	t.batch.totals[key] = sum{was: t.batch.totals[key].was, now: n + by}
	return nil
}

// writeTotals brings the table of running totals up to date.
func (b *batch) writeTotals() error {
	for key, n := range b.totals {
		if n.was == n.now {
			continue
		}
		if err := db.Run(b.conn, "INSERT INTO tally (org, name, n) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n=excluded.n", key.org, key.name, n.now); err != nil {
			return err
		}
	}
	clear(b.totals)
	return nil
}

// PutDocument writes a document and its keys.
func (t *tx) PutDocument(_ context.Context, d, before directory.Document) error {
	num, ok := t.keeper(d.Org)
	if !ok {
		return directory.ErrNotFound
	}
	t.wrote = true
	var err error
	if before.Version == 0 {
		err = db.Run(t.conn, "INSERT INTO document (org, kind, id, version, keys, data) VALUES (?, ?, ?, ?, ?, ?)",
			num, string(d.Kind), d.ID, int64(d.Version), joinKeys(d.Keys), string(d.Data))
		if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
			err = directory.ErrVersion
		}
		t.store.sorts.note(num, d.Kind)
	} else {
		err = t.exactly(db.Run(t.conn, "UPDATE document SET version=?, keys=?, data=? WHERE org=? AND kind=? AND id=? AND version=?",
			int64(d.Version), joinKeys(d.Keys), string(d.Data), num, string(d.Kind), d.ID, int64(before.Version)))
	}
	if err != nil {
		return err
	}
	return t.rekey(num, d.Kind, d.ID, before.Keys, d.Keys)
}

// exactly turns a statement that met no row into directory.ErrVersion.
func (t *tx) exactly(err error) error {
	if err == nil && t.conn.Changes() != 1 {
		return directory.ErrVersion
	}
	return err
}

// DeleteDocument removes a document and its keys.
func (t *tx) DeleteDocument(_ context.Context, before directory.Document) error {
	num, ok := t.keeper(before.Org)
	if !ok {
		return directory.ErrNotFound
	}
	t.wrote = true
	err := t.exactly(db.Run(t.conn, "DELETE FROM document WHERE org=? AND kind=? AND id=? AND version=?", num, string(before.Kind), before.ID, int64(before.Version)))
	if err != nil {
		return err
	}
	return t.rekey(num, before.Kind, before.ID, before.Keys, nil)
}
