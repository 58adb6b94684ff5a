package sqlite

import (
	"context"
	"sync/atomic"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// rowset is a set of rows that only grows. The writer adds; anybody may ask.
type rowset struct {
	words atomic.Pointer[[]atomic.Uint64]
}

// has reports whether the row was added. What was committed before the caller's
// snapshot began was added before it.
func (s *rowset) has(row int64) bool {
	words := s.words.Load()
	if words == nil || row>>6 >= int64(len(*words)) {
		return false
	}
	return (*words)[row>>6].Load()>>(row&63)&1 != 0
}

// add adds a row; not to be called by two at once.
func (s *rowset) add(row int64) {
	words := s.words.Load()
	if words == nil || row>>6 >= int64(len(*words)) {
		more := make([]atomic.Uint64, max(1024, 2*(row>>6)))
		if words != nil {
			for i := range *words {
				more[i].Store((*words)[i].Load())
			}
		}
		words = &more
		s.words.Store(words)
	}
	(*words)[row>>6].Or(1 << (row & 63))
}

// joined knows which rows were ever members of a group: most never are, and need
// not be looked up among the memberships. What the file says of it is read after
// the store was opened, which does not wait for it; until then all are looked up.
type joined struct {
	rowset
	full atomic.Bool
	stop context.CancelFunc
	done chan struct{}
}

// readStep is how many members are read at a time.
const readStep = 4096

// begin starts reading.
func (j *joined) begin(s *Store) {
	ctx, stop := context.WithCancel(context.Background())
	j.stop, j.done = stop, make(chan struct{})
	go func() {
		defer close(j.done)
		for last, more := int64(0), true; more; {
			rows, err := members(ctx, s, last)
			if more = len(rows) == readStep; more {
				last = rows[readStep-1]
			}
			if err == nil {
				err = j.take(ctx, s, rows, more)
			}
			if err != nil {
				return // the store is closing or cannot be read: all are looked up as before
			}
		}
	}()
}

// end stops reading, if it still goes on.
func (j *joined) end() {
	j.stop()
	<-j.done
}

// members lists the next rows that are members of any group.
func members(ctx context.Context, s *Store, after int64) (rows []int64, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		return db.Each(conn, func(stmt *sqlite.Stmt) error {
			rows = append(rows, stmt.ColumnInt64(0))
			return nil
		}, `WITH RECURSIVE m (row) AS (SELECT min(member) FROM edge WHERE member > ?1
			UNION ALL SELECT (SELECT min(member) FROM edge WHERE member > m.row) FROM m WHERE m.row IS NOT NULL)
			SELECT row FROM m WHERE row IS NOT NULL LIMIT ?2`, after, int64(readStep))
	})
	return rows, err
}

// take adds rows where alone they may be added: at the writer.
func (j *joined) take(ctx context.Context, s *Store, rows []int64, more bool) error {
	return s.Update(ctx, func(directory.Tx) error {
		for _, row := range rows {
			j.add(row)
		}
		if !more {
			j.full.Store(true)
		}
		return nil
	})
}
