package sqlite

import (
	"context"
	"encoding/json"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// Trail reads events in the order in which they were committed.
func (s *Store) Trail(ctx context.Context, q directory.TrailQuery) (list []directory.Entry, err error) {
	query := "SELECT seq, data FROM audit WHERE org=?1 AND seq>?2"
	args := []any{s.names.Org(q.Org), q.After}
	if q.Resource != "" {
		query += " AND json_extract(data, '$.resource')=?3"
		args = append(args, q.Resource)
	} else {
		args = append(args, "")
	}
	if q.Action != "" {
		query += " AND json_extract(data, '$.action')=?4"
	}
	args = append(args, q.Action, q.About)
	if q.About != "" {
		query += ` AND (json_extract(data, '$.resource')=?5 OR json_extract(data, '$.actor.user')=?5 OR
			EXISTS (SELECT 1 FROM json_each(data, '$.effects') AS e WHERE json_extract(e.value, '$.value')=?5))`
	}
	if q.Client != "" {
		query += " AND json_extract(data, '$.actor.kind')='client' AND json_extract(data, '$.actor.connection')=?6 AND json_extract(data, '$.actor.user') IS NULL"
	}
	if q.Waiting {
		query += " AND (seq > " + relayed + " OR seq IN (SELECT seq FROM outbox))"
	}
	query += " AND ?3 IS NOT NULL AND ?4 IS NOT NULL AND ?5 IS NOT NULL AND ?6 IS NOT NULL ORDER BY seq LIMIT ?7"
	args = append(args, string(q.Client), q.Limit)
	err = s.apart(ctx, &s.audits, func(conn *sqlite.Conn) error {
		return db.Each(conn, func(stmt *sqlite.Stmt) error {
			e := directory.Entry{Seq: stmt.ColumnInt64(0)}
			if err := json.Unmarshal([]byte(stmt.ColumnText(1)), &e.Event); err != nil {
				return err
			}
			list = append(list, e)
			return nil
		}, query, args...)
	})
	return list, err
}

// Event finds one event. It is looked for from the newest, since who asks has
// usually just been refused.
func (s *Store) Event(ctx context.Context, org directory.OrgID, id string) (e directory.Event, err error) {
	err = s.apart(ctx, &s.audits, func(conn *sqlite.Conn) error {
		var data string
		found, err := db.One(conn, func(stmt *sqlite.Stmt) { data = stmt.ColumnText(0) },
			"SELECT data FROM audit WHERE org=? AND json_extract(data, '$.id')=? ORDER BY seq DESC LIMIT 1", s.names.Org(org), id)
		if err == nil && !found {
			err = directory.ErrNotFound
		}
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(data), &e)
	})
	return e, err
}
