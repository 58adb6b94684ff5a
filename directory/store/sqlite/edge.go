package sqlite

import (
	"context"
	"encoding/json"
	"iter"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// Members walks the members of a group in the order they were created.
func (r *reader) Members(ctx context.Context, group directory.Ref) iter.Seq2[directory.Member, error] {
	return func(yield func(directory.Member, error) bool) {
		row, err := r.groupRow(group)
		if err == nil && row != 0 {
			n := 0
			err = db.Each(r.conn, func(s *sqlite.Stmt) error {
				if n++; n%1024 == 0 && r.pooled != nil { // a change under way goes on
					if err := r.pause(ctx); err != nil {
						return err
					}
				}
				kind := r.store.names.Kinds()[s.ColumnInt64(1)]
				if kind != nil && !yield(directory.Member{ID: db.ID(s, 0), Type: kind.Type.Name}, nil) {
					return db.ErrStop
				}
				return nil
			}, "SELECT id, kind FROM edge WHERE grp=? ORDER BY member", row)
		}
		if err != nil {
			yield(directory.Member{}, err)
		}
	}
}

func (r *reader) groupRow(group directory.Ref) (int64, error) {
	id, ok := db.ParseID(group.ID)
	if !ok {
		return 0, directory.ErrNotFound
	}
	row, _, err := r.row(r.store.names.Org(group.Org), id)
	return row, err
}

// Linked tells which ids are members of a group.
func (r *reader) Linked(_ context.Context, group directory.Ref, ids []string) (map[string]bool, error) {
	row, err := r.groupRow(group)
	if err != nil {
		return nil, err
	}
	linked := make(map[string]bool, len(ids))
	org := r.store.names.Org(group.Org)
	for _, text := range ids {
		id, ok := db.ParseID(text)
		if !ok {
			continue
		}
		n, err := db.Integer(r.conn, "SELECT 1 FROM edge WHERE grp=? AND member=(SELECT row FROM resource WHERE org=? AND id=?)", row, org, id)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			linked[text] = true
		}
	}
	return linked, nil
}

// Groups lists the groups that each id is a direct member of.
func (r *reader) Groups(ctx context.Context, org directory.OrgID, ids []string) (map[string][]directory.Membership, error) {
	if r.pooled != nil {
		if err := r.pause(ctx); err != nil {
			return nil, err
		}
	}
	var found map[string][]directory.Membership
	num := r.store.names.Org(org)
	alone := r.alone
	for _, text := range ids {
		if len(alone) > 0 && alone[0] == text { // ids are asked for in the order they were read
			alone = alone[1:]
			continue
		}
		id, ok := db.ParseID(text)
		if !ok {
			continue
		}
		err := db.Each(r.conn, func(s *sqlite.Stmt) error {
			var group struct {
				DisplayName string `json:"displayName"`
			}
			if err := json.Unmarshal(db.Blob(s, 1), &group); err != nil {
				return err
			}
			if found == nil {
				found = map[string][]directory.Membership{}
			}
			found[text] = append(found[text], directory.Membership{Group: db.ID(s, 0), Display: group.DisplayName, Direct: true})
			return nil
		}, `SELECT g.id, g.body FROM resource m CROSS JOIN edge e ON e.member = m.row CROSS JOIN resource g ON g.row = e.grp
			WHERE m.org=? AND m.id=? ORDER BY e.grp`, num, id)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Link changes the members of a group.
func (t *tx) Link(_ context.Context, group directory.Ref, d directory.EdgeDelta) error {
	t.wrote, t.alone = true, nil
	row, err := t.groupRow(group)
	if err != nil {
		return err
	}
	if d.Clear {
		if err := db.Run(t.conn, "DELETE FROM edge WHERE grp=?", row); err != nil {
			return err
		}
	}
	org := t.store.names.Org(group.Org)
	for _, text := range d.Remove {
		id, _ := db.ParseID(text)
		if err := db.Run(t.conn, "DELETE FROM edge WHERE grp=? AND member=(SELECT row FROM resource WHERE org=? AND id=?)", row, org, id); err != nil {
			return err
		}
	}
	for _, m := range d.Add {
		id, _ := db.ParseID(m.ID)
		joins := func(s *sqlite.Stmt) error { t.store.joined.add(s.ColumnInt64(0)); return nil }
		if err := db.Each(t.conn, joins, `INSERT OR IGNORE INTO edge (grp, member, kind, id)
			SELECT ?, row, kind, id FROM resource WHERE org=? AND id=? RETURNING member`, row, org, id); err != nil {
			return err
		}
	}
	return nil
}

// unlinkAll ends the memberships of a row on both sides; groups that lose it as
// a member are at a new version.
func (t *tx) unlinkAll(row int64) error {
	if err := db.Run(t.conn, "UPDATE resource SET version=version+1 WHERE row IN (SELECT grp FROM edge WHERE member=?)", row); err != nil {
		return err
	}
	if err := db.Run(t.conn, "DELETE FROM edge WHERE member=?", row); err != nil {
		return err
	}
	return db.Run(t.conn, "DELETE FROM edge WHERE grp=?", row)
}

// Alone does nothing: no change runs beside another.
func (t *tx) Alone(context.Context, directory.OrgID) error { return nil }

// Emit appends events to the audit log and the outbox.
func (t *tx) Emit(_ context.Context, events ...directory.Event) error {
	t.wrote = true
	for _, e := range events {
		data := string(e.AppendJSON(make([]byte, 0, 512)))
		if err := db.Run(t.conn, "INSERT INTO audit (org, at, data) VALUES (?, ?, ?)", t.store.names.Org(e.Org), e.Time.UnixMilli(), data); err != nil {
			return err
		}
	}
	return nil
}

// Record appends events to the audit log. Those before them that still wait enter
// the outbox, so that the mark can pass over these.
func (t *tx) Record(ctx context.Context, events ...directory.Event) error {
	if err := db.Run(t.conn, "INSERT INTO outbox (seq) SELECT seq FROM audit WHERE seq > "+relayed); err != nil {
		return err
	}
	if err := t.Emit(ctx, events...); err != nil {
		return err
	}
	return db.Run(t.conn, "UPDATE mark SET n=(SELECT max(seq) FROM audit) WHERE name='relayed'")
}
