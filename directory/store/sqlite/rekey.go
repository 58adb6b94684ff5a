package sqlite

import (
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// move is one key of a document in place of another.
type move struct {
	org          int64
	kind         directory.Kind
	from, to, id string
}

// moved reports whether o can be moved together with m, which comes right before it.
func (m move) moved(o move) bool {
	return m.org == o.org && m.kind == o.kind && m.from == o.from && m.to == o.to && m.id < o.id
}

// together is how many documents are worth more statements that move them at once.
const together = 8

// rekey removes and adds what differs between two lists of keys. Where one takes the
// place of another it waits for the next document: whoever leaves has hundreds, whose
// keys all change alike.
func (t *tx) rekey(org int64, kind directory.Kind, id string, before, after []string) error {
	if len(before) == 1 && len(after) == 1 {
		if before[0] != after[0] {
			t.batch.moves = append(t.batch.moves, move{org, kind, before[0], after[0], id})
		}
		return nil
	}
	if err := t.batch.writeMoves(); err != nil {
		return err
	}
	for _, key := range before {
		if !slices.Contains(after, key) {
			if err := t.batch.dropKey(org, kind, key, id); err != nil {
				return err
			}
		}
	}
	for _, key := range after {
		if !slices.Contains(before, key) {
			if err := t.batch.addKey(org, kind, key, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *batch) dropKey(org int64, kind directory.Kind, key, id string) error {
	return db.Run(b.conn, "DELETE FROM document_key WHERE org=? AND kind=? AND key=? AND id=?", org, string(kind), key, id)
}

func (b *batch) addKey(org int64, kind directory.Kind, key, id string) error {
	return db.Run(b.conn, "INSERT OR IGNORE INTO document_key (org, kind, key, id) VALUES (?, ?, ?, ?)", org, string(kind), key, id)
}

// writeMoves brings the table of keys up to date.
func (b *batch) writeMoves() error {
	for rest := b.moves; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n-1].moved(rest[n]) {
			n++
		}
		if err := b.writeAlike(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	b.moves = b.moves[:0]
	return nil
}

// writeAlike moves documents from one key to another: all at once where no others lie
// among them, as is the case when somebody's go to somebody else. An update of the
// primary key would cost half as much again as both statements.
func (b *batch) writeAlike(moves []move) error {
	m, last := moves[0], moves[len(moves)-1].id
	if len(moves) >= together {
		const those = "FROM document_key WHERE org=? AND kind=? AND key=? AND id>=? AND id<=?"
		n, err := db.Integer(b.conn, "SELECT count(*) "+those, m.org, string(m.kind), m.from, m.id, last)
		if err != nil {
			return err
		}
		if int(n) == len(moves) {
			if err := db.Run(b.conn, "INSERT OR IGNORE INTO document_key (org, kind, key, id) SELECT org, kind, ?6, id FROM document_key WHERE org=?1 AND kind=?2 AND key=?3 AND id>=?4 AND id<=?5", m.org, string(m.kind), m.from, m.id, last, m.to); err != nil {
				return err
			}
			return db.Run(b.conn, "DELETE "+those, m.org, string(m.kind), m.from, m.id, last)
		}
	}
	for _, m := range moves {
		if err := b.dropKey(m.org, m.kind, m.from, m.id); err != nil {
			return err
		}
		if err := b.addKey(m.org, m.kind, m.to, m.id); err != nil {
			return err
		}
	}
	return nil
}
