package index

import (
	"cmp"
	"encoding/binary"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/scim/filter"
)

// Holder finds the row with a unique key in the table, which may lack those of recent
// rows; 0 when there is none.
func Holder(conn *sqlite.Conn, k Key) (row int64, err error) {
	return db.Integer(conn, "SELECT row FROM uniq WHERE org=? AND attr=? AND value=?", k.Org, k.Attr, k.Value)
}

// Keys calls fn with all unique keys of a list that are in the table.
func Keys(conn *sqlite.Conn, org, attr int64, fn func(row int64, value string)) error {
	return db.Each(conn, func(stmt *sqlite.Stmt) error {
		fn(stmt.ColumnInt64(0), stmt.ColumnText(1))
		return nil
	}, "SELECT row, value FROM uniq WHERE org=? AND attr=?", org, attr)
}

// Find reads the rows whose values a comparison accepts from the tables, which may
// lack those of recent rows. Where it is not exact each is to be checked; where it is
// not ok the tables are no help.
func Find(conn *sqlite.Conn, l List, n *filter.Leaf) (rows []int64, exact, ok bool, err error) {
	take := func(stmt *sqlite.Stmt) error {
		rows = append(rows, stmt.ColumnInt64(0))
		return nil
	}
	const head = "SELECT row FROM term WHERE org=? AND attr=? "
	switch n.Op {
	case filter.Equal:
		err = db.Each(conn, take, head+"AND value=?", l.Org, l.Attr, n.Key)
	case filter.StartsWith:
		if end := prefixEnd(n.Key); end != "" {
			err = db.Each(conn, take, head+"AND value>=? AND value<?", l.Org, l.Attr, n.Key, end)
		} else {
			err = db.Each(conn, take, head+"AND value>=?", l.Org, l.Attr, n.Key)
		}
	case filter.Greater:
		err = db.Each(conn, take, head+"AND value>?", l.Org, l.Attr, n.Key)
	case filter.GreaterOrEqual:
		err = db.Each(conn, take, head+"AND value>=?", l.Org, l.Attr, n.Key)
	case filter.Less:
		err = db.Each(conn, take, head+"AND value<?", l.Org, l.Attr, n.Key)
	case filter.LessOrEqual:
		err = db.Each(conn, take, head+"AND value<=?", l.Org, l.Attr, n.Key)
	case filter.Present:
		err = db.Each(conn, take, head+"AND value>''", l.Org, l.Attr)
	case filter.Contains, filter.EndsWith:
		rows, err = containing(conn, l, n)
		return rows, false, err == nil, err
	default:
		return nil, false, false, nil
	}
	return rows, true, true, err
}

// prefixEnd is the least text above all that begin with the prefix; "" when
// there is none.
func prefixEnd(prefix string) string {
	end := []byte(prefix)
	for len(end) > 0 {
		if last := len(end) - 1; end[last] < 0xff {
			end[last]++
			return string(end)
		}
		end = end[:len(end)-1]
	}
	return ""
}

// mostGrams is how many trigrams of a text are looked up: the rarest ones leave
// few enough rows.
const mostGrams = 3

// containing finds rows with values in which all trigrams of the text occur.
// Shorter texts have none, nor have identifiers: then every value of the
// attribute is looked at.
func containing(conn *sqlite.Conn, l List, n *filter.Leaf) (rows []int64, err error) {
	if len(n.Key) < 3 || n.Attr.CaseExact {
		err = db.Each(conn, func(stmt *sqlite.Stmt) error {
			if accepts(n.Op, stmt.ColumnText(1), n.Key) {
				rows = append(rows, stmt.ColumnInt64(0))
			}
			return nil
		}, "SELECT row, value FROM term WHERE org=? AND attr=?", l.Org, l.Attr)
		return rows, err
	}
	type rarity struct{ gram, n int64 }
	var all []rarity
	for _, gram := range grams(n.Key) {
		size, err := db.Integer(conn, "SELECT sum(length(rows)) FROM gram WHERE org=? AND attr=? AND gram=?", l.Org, l.Attr, gram)
		if err != nil || size == 0 {
			return nil, err
		}
		all = append(all, rarity{gram, size})
	}
	slices.SortFunc(all, func(a, b rarity) int { return cmp.Compare(a.n, b.n) })
	for i, g := range all[:min(len(all), mostGrams)] {
		have, err := gramRows(conn, l, g.gram)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			rows = sortedSet(have)
		} else {
			rows = intersect(rows, sortedSet(have))
		}
		if len(rows) < 16 {
			break
		}
	}
	return rows, nil
}

// gramRows are the rows of a trigram.
func gramRows(conn *sqlite.Conn, l List, gram int64) (rows []int64, err error) {
	err = db.Each(conn, func(stmt *sqlite.Stmt) error {
		base, list := stmt.ColumnInt64(0)*gramBlock, db.Blob(stmt, 1)
		for i := 0; i+1 < len(list); i += 2 {
			rows = append(rows, base+int64(binary.LittleEndian.Uint16(list[i:])))
		}
		return nil
	}, "SELECT block, rows FROM gram WHERE org=? AND attr=? AND gram=?", l.Org, l.Attr, gram)
	return rows, err
}

func sortedSet(rows []int64) []int64 {
	if !slices.IsSorted(rows) {
		slices.Sort(rows)
	}
	return slices.Compact(rows)
}

func intersect(a, b []int64) []int64 {
	return slices.DeleteFunc(a, func(row int64) bool {
		_, found := slices.BinarySearch(b, row)
		return !found
	})
}
