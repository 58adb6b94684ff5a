package sqlite

import (
	"context"
	"encoding/binary"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/scim"
)

// Find answers a query. Without filter and order it walks the list; otherwise it
// finds the rows that match, orders them, and reads those of the page.
func (r *reader) Find(ctx context.Context, q directory.Query) (directory.Page, error) {
	k, err := r.store.names.Kind(q.Type)
	if err != nil {
		return directory.Page{}, err
	}
	s := &search{reader: r, k: k, org: r.store.names.Org(q.Org), orgID: q.Org}
	if q.Filter == nil && q.SortBy == nil {
		r.store.opts.OnFind("list")
		return s.list(q)
	}
	rows, err := s.match(ctx, q)
	if err != nil {
		return directory.Page{}, err
	}
	keys, err := s.order(ctx, q, rows)
	if err != nil {
		return directory.Page{}, err
	}
	return s.page(q, rows, keys)
}

// search is one query under way.
type search struct {
	*reader
	k     *dictionary.Kind
	org   int64
	orgID directory.OrgID
	// read holds resources that were read to check them, for the page.
	read map[int64]*scim.Resource
}

// list walks the resources of a type in the order of creation.
func (s *search) list(q directory.Query) (p directory.Page, err error) {
	if s.batch != nil {
		if err := s.batch.flush(); err != nil {
			return p, err
		}
	}
	total, err := db.Integer(s.conn, "SELECT sum(n) FROM block WHERE org=? AND kind=?", s.org, s.k.Num)
	if err != nil {
		return p, err
	}
	p.Total = int(total)
	if q.Count == 0 {
		return p, nil
	}
	from, skip := int64(0), 0
	switch {
	case q.Before != nil:
		return s.listBefore(q, p)
	case q.After != nil:
		from = positionRow(q.After)
	case q.Start > 1:
		if q.Start > p.Total {
			p.Prior = p.Total > 0
			return p, nil
		}
		if from, skip, err = s.skip(q.Start - 1); err != nil {
			return p, err
		}
	}
	rows := make([]int64, 0, q.Count)
	err = db.Each(s.conn, func(stmt *sqlite.Stmt) error {
		if len(rows) == q.Count {
			p.More = true
			return db.ErrStop
		}
		row, res := s.record(s.k, stmt)
		rows = append(rows, row)
		p.Resources = append(p.Resources, res)
		return nil
	}, "SELECT "+columns+" FROM resource WHERE org=? AND kind=? AND row>? ORDER BY row LIMIT ? OFFSET ?", s.known(), s.org, s.k.Num, from, q.Count+1, skip)
	if err != nil || len(rows) == 0 {
		return p, err
	}
	p.First, p.Last = position("", rows[0]), position("", rows[len(rows)-1])
	p.Prior = q.After != nil || q.Start > 1
	return p, nil
}

// listBefore is the page that ends where another began.
func (s *search) listBefore(q directory.Query, p directory.Page) (directory.Page, error) {
	var rows []int64
	err := db.Each(s.conn, func(stmt *sqlite.Stmt) error {
		if len(rows) == q.Count {
			p.Prior = true
			return db.ErrStop
		}
		row, res := s.record(s.k, stmt)
		rows = append(rows, row)
		p.Resources = append(p.Resources, res)
		return nil
	}, "SELECT "+columns+" FROM resource WHERE org=? AND kind=? AND row<? ORDER BY row DESC LIMIT ?", s.known(), s.org, s.k.Num, positionRow(q.Before), q.Count+1)
	slices.Reverse(p.Resources)
	if len(rows) > 0 {
		p.First, p.Last, p.More = position("", rows[len(rows)-1]), position("", rows[0]), true
	}
	return p, err
}

// skip finds where the nth resource lies: a row before it, and how many lie
// between the two. Whole blocks are passed over by their counts.
func (s *search) skip(n int) (from int64, rest int, err error) {
	rest = n
	err = db.Each(s.conn, func(stmt *sqlite.Stmt) error {
		have := int(stmt.ColumnInt64(1))
		if rest < have {
			from = stmt.ColumnInt64(0)*rowsPerBlock - 1
			return db.ErrStop
		}
		rest -= have
		return nil
	}, "SELECT block, n FROM block WHERE org=? AND kind=? ORDER BY block", s.org, s.k.Num)
	return from, rest, err
}

// page reads the resources of one page out of the ordered rows. keys are the
// sort keys of the rows, nil in the order of creation.
func (s *search) page(q directory.Query, rows []int64, keys []string) (p directory.Page, err error) {
	p.Total = len(rows)
	from, to := s.window(q, rows, keys)
	if from >= to {
		p.Prior, p.More = from > 0 && len(rows) > 0, false
		return p, nil
	}
	for _, row := range rows[from:to] {
		res, err := s.resource(row)
		if err != nil {
			return p, err
		}
		p.Resources = append(p.Resources, res)
	}
	key := func(i int) string {
		if keys == nil {
			return ""
		}
		return keys[i]
	}
	p.First, p.Last = position(key(from), rows[from]), position(key(to-1), rows[to-1])
	p.Prior, p.More = from > 0, to < len(rows)
	return p, nil
}

// window is the part of the rows that the page shows.
func (s *search) window(q directory.Query, rows []int64, keys []string) (from, to int) {
	place := func(p directory.Position, after bool) int {
		key, row := positionKey(p), positionRow(p)
		i := 0
		for i < len(rows) {
			c := 0
			if keys != nil {
				c = scim.CompareSortKeys(keys[i], key, q.Descending)
			}
			if c == 0 {
				c = compareRows(rows[i], row)
			}
			if c > 0 || c == 0 && !after {
				break
			}
			i++
		}
		return i
	}
	switch {
	case q.Before != nil:
		to = place(q.Before, false)
		return max(0, to-q.Count), to
	case q.After != nil:
		from = place(q.After, true)
	default:
		from = max(0, q.Start-1)
	}
	from = min(from, len(rows))
	return from, min(from+q.Count, len(rows))
}

func compareRows(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// resource reads a row of the type that is searched; nil when there is none.
func (s *search) resource(row int64) (*scim.Resource, error) {
	if res := s.read[row]; res != nil {
		return res, nil
	}
	return s.at(s.k, s.org, row)
}

// position encodes a place in a list: the row, then the sort key.
func position(key string, row int64) directory.Position {
	return append(binary.BigEndian.AppendUint64(nil, uint64(row)), key...)
}

func positionRow(p directory.Position) int64 {
	if len(p) < 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(p))
}

func positionKey(p directory.Position) string {
	if len(p) < 8 {
		return ""
	}
	return string(p[8:])
}
