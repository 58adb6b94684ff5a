package sqlite

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/outbox"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// Lease hands out due envelopes. One process owns the file and one relay reads
// it, so a lease needs no record: what is not acknowledged is due again. The
// events after the mark enter the outbox when they are first asked for.
func (s *Store) Lease(ctx context.Context, n int, _ time.Duration) (batch []outbox.Envelope, err error) {
	if err := s.admit(ctx, n); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		return db.Each(conn, func(stmt *sqlite.Stmt) error {
			e := outbox.Envelope{Key: strconv.FormatInt(stmt.ColumnInt64(0), 10), Tries: int(stmt.ColumnInt64(1))}
			if err := json.Unmarshal([]byte(stmt.ColumnText(2)), &e.Event); err != nil {
				return err
			}
			batch = append(batch, e)
			return nil
		}, "SELECT o.seq, o.tries, a.data FROM outbox o JOIN audit a ON a.seq = o.seq WHERE o.due <= ? ORDER BY o.seq LIMIT ?", time.Now().UnixMilli(), n)
	})
	return batch, err
}

const relayed = "(SELECT n FROM mark WHERE name='relayed')"

// admit moves up to n events into the outbox.
func (s *Store) admit(ctx context.Context, n int) error {
	last := int64(0)
	err := s.view(ctx, func(conn *sqlite.Conn) (err error) {
		last, err = db.Integer(conn, "SELECT max(seq) FROM (SELECT seq FROM audit WHERE seq > "+relayed+" ORDER BY seq LIMIT ?)", n)
		return err
	})
	if err != nil || last == 0 {
		return err
	}
	return s.change(ctx, func(conn *sqlite.Conn) error {
		if err := db.Run(conn, "INSERT INTO outbox (seq) SELECT seq FROM audit WHERE seq > "+relayed+" AND seq <= ?", last); err != nil {
			return err
		}
		return db.Run(conn, "UPDATE mark SET n=? WHERE name='relayed'", last)
	})
}

// Ack forgets delivered envelopes.
func (s *Store) Ack(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.change(ctx, func(conn *sqlite.Conn) error {
		for _, key := range keys {
			seq, err := strconv.ParseInt(key, 10, 64)
			if err == nil {
				err = db.Run(conn, "DELETE FROM outbox WHERE seq=?", seq)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Retry makes an envelope due at a later time.
func (s *Store) Retry(ctx context.Context, key string, at time.Time) error {
	seq, err := strconv.ParseInt(key, 10, 64)
	if err != nil {
		return err
	}
	return s.change(ctx, func(conn *sqlite.Conn) error {
		return db.Run(conn, "UPDATE outbox SET tries=tries+1, due=? WHERE seq=?", at.UnixMilli(), seq)
	})
}

// Lag is the age of the oldest envelope and the number of them.
func (s *Store) Lag(ctx context.Context) (oldest time.Duration, n int, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		_, err := db.One(conn, func(stmt *sqlite.Stmt) {
			if n = int(stmt.ColumnInt64(0)); n > 0 {
				oldest = time.Since(time.UnixMilli(stmt.ColumnInt64(1)))
			}
		}, `SELECT (SELECT count(*) FROM outbox) + (SELECT coalesce(max(seq), 0) FROM audit) - `+relayed+`,
			(SELECT at FROM audit WHERE seq = coalesce((SELECT min(seq) FROM outbox), 1 + `+relayed+`))`)
		return err
	})
	return oldest, n, err
}
