package sqlite

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// view reads on a connection of its own.
func (s *Store) view(ctx context.Context, fn func(*sqlite.Conn) error) error {
	return s.View(ctx, func(r directory.Reader) error { return fn(r.(*reader).conn) })
}

// look reads what operators set up, each time as it is now. It has connections of its
// own: who asks is known also while searches have all others (R12), and the rules may
// ask who hold one of those.
func (s *Store) look(ctx context.Context, fn func(*sqlite.Conn) error) error {
	return s.apart(ctx, &s.desk, fn)
}

// apart reads on a connection of a pool that views do not take from.
func (s *Store) apart(ctx context.Context, p *db.Pool, fn func(*sqlite.Conn) error) error {
	conn, err := p.Take(ctx, s.stopped)
	if err != nil {
		return err
	}
	defer p.Put(conn)
	return fn(conn.Conn)
}

// change writes through the writer.
func (s *Store) change(ctx context.Context, fn func(*sqlite.Conn) error) error {
	return s.Update(ctx, func(dt directory.Tx) error {
		t := dt.(*tx)
		t.wrote = true
		return fn(t.conn)
	})
}

// documents reads rows whose first column is a JSON document.
func documents[T any](conn *sqlite.Conn, query string, args ...any) (all []T, err error) {
	err = db.Each(conn, func(s *sqlite.Stmt) error {
		var v T
		if err := json.Unmarshal([]byte(s.ColumnText(0)), &v); err != nil {
			return err
		}
		all = append(all, v)
		return nil
	}, query, args...)
	return all, err
}

func document[T any](ctx context.Context, s *Store, query string, args ...any) (v T, err error) {
	var found []T
	err = s.look(ctx, func(conn *sqlite.Conn) error {
		found, err = documents[T](conn, query, args...)
		return err
	})
	if err == nil && len(found) == 0 {
		return v, directory.ErrNotFound
	}
	if err != nil {
		return v, err
	}
	return found[0], nil
}

// Organization reads one organization.
func (s *Store) Organization(ctx context.Context, id directory.OrgID) (directory.Organization, error) {
	return document[directory.Organization](ctx, s, "SELECT data FROM organization WHERE id=?", string(id))
}

// Organizations lists all of them.
func (s *Store) Organizations(ctx context.Context) (all []directory.Organization, err error) {
	err = s.look(ctx, func(conn *sqlite.Conn) error {
		all, err = documents[directory.Organization](conn, "SELECT data FROM organization ORDER BY id")
		return err
	})
	return all, err
}

// AddOrganization makes a new one.
func (s *Store) AddOrganization(ctx context.Context, o directory.Organization) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	num := int64(0)
	err = s.change(ctx, func(conn *sqlite.Conn) error {
		err := db.Run(conn, "INSERT INTO organization (id, data) VALUES (?, ?)", string(o.ID), string(data))
		if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
			return directory.ErrExists
		}
		num = conn.LastInsertRowID()
		return err
	})
	if err == nil {
		s.names.SetOrg(o.ID, num)
	}
	return err
}

// Connection reads one connection.
func (s *Store) Connection(ctx context.Context, id directory.ConnectionID) (directory.Connection, error) {
	return document[directory.Connection](ctx, s, "SELECT data FROM connection WHERE id=?", string(id))
}

// Connections lists those of an organization, or all.
func (s *Store) Connections(ctx context.Context, org directory.OrgID) (all []directory.Connection, err error) {
	err = s.look(ctx, func(conn *sqlite.Conn) error {
		all, err = documents[directory.Connection](conn, "SELECT data FROM connection WHERE ?1='' OR org=?1 ORDER BY org, id", string(org))
		return err
	})
	return all, err
}

// PutConnection adds or replaces a connection.
func (s *Store) PutConnection(ctx context.Context, c directory.Connection) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return s.change(ctx, func(conn *sqlite.Conn) error {
		return db.Run(conn, "INSERT OR REPLACE INTO connection (id, org, data) VALUES (?, ?, ?)", string(c.ID), string(c.Org), string(data))
	})
}

const tokenColumns = "SELECT json_set(data, '$.hash', hex(hash)) FROM token "

// storedToken is a token with its hash, which is not part of its JSON elsewhere.
type storedToken struct {
	directory.Token
	Hash hexBytes `json:"hash"`
}

func (t storedToken) token() directory.Token {
	t.Token.Hash = t.Hash
	return t.Token
}

// Token reads one token.
func (s *Store) Token(ctx context.Context, id string) (directory.Token, error) {
	t, err := document[storedToken](ctx, s, tokenColumns+"WHERE id=?", id)
	return t.token(), err
}

// Tokens lists those of a connection, or all, oldest first.
func (s *Store) Tokens(ctx context.Context, c directory.ConnectionID) (all []directory.Token, err error) {
	err = s.look(ctx, func(conn *sqlite.Conn) error {
		found, err := documents[storedToken](conn, tokenColumns+"WHERE ?1='' OR connection=?1 ORDER BY id", string(c))
		for _, t := range found {
			all = append(all, t.token())
		}
		return err
	})
	slices.SortStableFunc(all, func(a, b directory.Token) int { return a.Created.Compare(b.Created) })
	return all, err
}

// PutToken adds or replaces a token.
func (s *Store) PutToken(ctx context.Context, t directory.Token) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return s.change(ctx, func(conn *sqlite.Conn) error {
		return db.Run(conn, "INSERT OR REPLACE INTO token (id, connection, created, hash, data) VALUES (?, ?, ?, ?, ?)",
			t.ID, string(t.Connection), t.Created.UnixMilli(), t.Hash, string(data))
	})
}

// TouchTokens records when tokens were last used.
func (s *Store) TouchTokens(ctx context.Context, used map[string]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	return s.change(ctx, func(conn *sqlite.Conn) error {
		for id, at := range used {
			if err := db.Run(conn, "UPDATE token SET data=json_set(data, '$.lastUsed', ?) WHERE id=?", at.UTC().Format(time.RFC3339Nano), id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Setting reads a setting of the server.
func (s *Store) Setting(ctx context.Context, name string) (value []byte, err error) {
	err = s.look(ctx, func(conn *sqlite.Conn) error {
		found, err := db.One(conn, func(stmt *sqlite.Stmt) { value = db.Blob(stmt, 0) }, "SELECT value FROM setting WHERE name=?", name)
		if err == nil && !found {
			err = directory.ErrNotFound
		}
		return err
	})
	return value, err
}

// PutSetting adds or replaces a setting.
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	return s.change(ctx, func(conn *sqlite.Conn) error {
		return db.Run(conn, "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", name, value)
	})
}

// Settings lists the names of the settings.
func (s *Store) Settings(ctx context.Context) (names []string, err error) {
	err = s.look(ctx, func(conn *sqlite.Conn) error {
		return db.Each(conn, func(stmt *sqlite.Stmt) error {
			names = append(names, stmt.ColumnText(0))
			return nil
		}, "SELECT name FROM setting ORDER BY name")
	})
	return names, err
}

// AddSetting keeps a setting unless there is one of that name, and returns the one
// that is kept.
func (s *Store) AddSetting(ctx context.Context, name string, value []byte) (kept []byte, err error) {
	err = s.change(ctx, func(conn *sqlite.Conn) error {
		if err := db.Run(conn, "INSERT OR IGNORE INTO setting (name, value) VALUES (?, ?)", name, value); err != nil {
			return err
		}
		_, err := db.One(conn, func(stmt *sqlite.Stmt) { kept = db.Blob(stmt, 0) }, "SELECT value FROM setting WHERE name=?", name)
		return err
	})
	return kept, err
}

// Hold reports that this process has a duty: one process has the file.
func (s *Store) Hold(context.Context, string, time.Duration) (bool, error) { return true, nil }
