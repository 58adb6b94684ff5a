package index

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/scim"
)

// What the index holds follows from the configuration, which may mark other
// attributes than when resources were written. The table listing says what it held
// when the file was last opened. What it is to hold no longer leaves the tables, so
// that they never say too much; what it lacks is made from all the records before the
// store is used. Both go on where they were after a crash: a listing is whole with the
// last transaction, and is not used before.

// forms of what the index holds of an attribute.
const (
	formKeys   = "keys"   // in uniq
	formExact  = "exact"  // in term
	formFolded = "folded" // in term and gram
)

// listing is an attribute in one form.
type listing struct {
	attr int64
	form string
}

func keysOf(c dictionary.Column) listing { return listing{c.Num, formKeys} }

func termsOf(c dictionary.Column) listing {
	if c.Attr.CaseExact {
		return listing{c.Num, formExact}
	}
	return listing{c.Num, formFolded}
}

// listings are those of a type.
func listings(k *dictionary.Kind) (all []listing) {
	for _, c := range k.Unique {
		all = append(all, keysOf(c))
	}
	for _, c := range k.Indexed {
		all = append(all, termsOf(c))
	}
	return all
}

// relisting brings the index in line with the configuration.
type relisting struct {
	conn     *sqlite.Conn
	names    *dictionary.Names
	exact    map[int64]bool // see caseExact
	building func(string)
	have     map[listing]int64          // up to which row
	lacks    map[int64]*dictionary.Kind // what is to be added, by the number of the type
	upto     int64                      // of everything in lacks
	twice    directory.Duplicates
}

func relist(ctx context.Context, conn *sqlite.Conn, n *dictionary.Names, exact map[int64]bool, building func(string)) error {
	r := &relisting{conn: conn, names: n, exact: exact, building: building, have: map[listing]int64{}, lacks: map[int64]*dictionary.Kind{}, upto: math.MaxInt64}
	err := db.Each(conn, func(stmt *sqlite.Stmt) error {
		r.have[listing{stmt.ColumnInt64(0), stmt.ColumnText(1)}] = stmt.ColumnInt64(2)
		return nil
	}, "SELECT attr, form, coalesce(upto, ?) FROM listing", allRows)
	if err == nil {
		err = r.shrink(ctx)
	}
	if err == nil {
		err = r.begin()
	}
	if err != nil {
		return err
	}
	what := r.survey()
	if len(what) == 0 {
		return nil
	}
	return r.grow(ctx, what)
}

// allRows is the last row of a listing that has all of them.
const allRows = int64(math.MaxInt64)

// shrink takes out of the index what the configuration does not want any more.
func (r *relisting) shrink(ctx context.Context) error {
	wanted := map[listing]bool{}
	for _, k := range r.names.Kinds() {
		for _, l := range listings(k) {
			wanted[l] = true
		}
	}
	for l := range r.have {
		if !wanted[l] {
			if err := r.remove(ctx, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// The statements that take values of an attribute of an organization out of the
// tables, so few at a time that no transaction is long.
var (
	removeKeys  = []string{"DELETE FROM uniq WHERE org=?1 AND attr=?2 AND value IN (SELECT value FROM uniq WHERE org=?1 AND attr=?2 LIMIT 20000)"}
	removeTerms = []string{"DELETE FROM term WHERE org=?1 AND attr=?2 AND (value, row) IN (SELECT value, row FROM term WHERE org=?1 AND attr=?2 LIMIT 20000)",
		"DELETE FROM gram WHERE org=?1 AND attr=?2 AND (gram, block) IN (SELECT gram, block FROM gram WHERE org=?1 AND attr=?2 LIMIT 2000)"}
)

func (r *relisting) remove(ctx context.Context, l listing) error {
	what := ""
	if _, err := db.One(r.conn, func(s *sqlite.Stmt) { what = s.ColumnText(0) + " of " + s.ColumnText(1) },
		"SELECT a.path, k.name FROM attribute a JOIN kind k ON k.num = a.kind WHERE a.num=?", l.attr); err != nil {
		return err
	}
	r.building("taking " + what + " out of the index")
	if err := db.Run(r.conn, "UPDATE listing SET upto=0 WHERE attr=? AND form=?", l.attr, l.form); err != nil {
		return err
	}
	queries := removeTerms
	if l.form == formKeys {
		queries = removeKeys
	}
	for org := range r.names.Orgs() {
		for _, query := range queries {
			for gone := 1; gone > 0; gone = r.conn.Changes() {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := db.Run(r.conn, query, org, l.attr); err != nil {
					return err
				}
			}
		}
	}
	return db.Run(r.conn, "DELETE FROM listing WHERE attr=? AND form=?", l.attr, l.form)
}

// begin writes down that the index has all values of what no program before this one
// could have kept, so that nobody looks for them in a file of an earlier version.
func (r *relisting) begin() error {
	for _, k := range r.names.Kinds() {
		for _, c := range k.Indexed {
			if !c.Fresh || c.Root != scim.ExternalIDs {
				continue
			}
			l := termsOf(c)
			if err := db.Run(r.conn, "INSERT OR REPLACE INTO listing (attr, form, upto) VALUES (?, ?, NULL)", l.attr, l.form); err != nil {
				return err
			}
			r.have[l] = allRows
		}
	}
	return nil
}

// survey finds what the index lacks, and from which row on.
func (r *relisting) survey() (what []string) {
	lacking := func(k *dictionary.Kind, all []dictionary.Column, listed func(dictionary.Column) listing) (some []dictionary.Column) {
		for _, c := range all {
			if upto := r.have[listed(c)]; upto != allRows {
				r.upto = min(r.upto, upto)
				some = append(some, c)
				what = append(what, c.Attr.Path()+" of "+k.Type.Name)
			}
		}
		return some
	}
	for num, k := range r.names.Kinds() {
		part := &dictionary.Kind{Num: num, Type: k.Type, Unique: lacking(k, k.Unique, keysOf), Indexed: lacking(k, k.Indexed, termsOf)}
		if len(part.Unique)+len(part.Indexed) > 0 {
			r.lacks[num] = part
		}
	}
	slices.Sort(what)
	return slices.Compact(what)
}

// grow adds to the index what it lacks, in one walk over the records.
func (r *relisting) grow(ctx context.Context, what []string) error {
	records := int64(0)
	for num := range r.lacks {
		n, err := db.Integer(r.conn, "SELECT sum(n) FROM block WHERE kind=?", num)
		if err != nil {
			return err
		}
		records += n
	}
	if records > 0 {
		r.building(fmt.Sprintf("building the index of %s, for %d records", strings.Join(what, ", "), records))
	}
	for from := r.upto; records > 0; {
		first, err := db.Integer(r.conn, "SELECT min(row) FROM resource WHERE row > ?", from)
		if err != nil {
			return err
		}
		if first == 0 {
			break
		}
		to := (first/gramBlock+1)*gramBlock - 1
		if err := r.transact(ctx, func() error { return r.add(from, to) }); err != nil {
			return err
		}
		from = to
	}
	if err := r.twice.Err(); err != nil {
		return err
	}
	return r.transact(ctx, func() error { return r.mark(allRows) })
}

func (r *relisting) transact(ctx context.Context, fn func() error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.Run(r.conn, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err = fn(); err == nil {
		err = db.Run(r.conn, "COMMIT")
	}
	if err != nil && !r.conn.AutocommitEnabled() {
		_ = db.Run(r.conn, "ROLLBACK") // the first error is the one to tell
	}
	return err
}

// add writes what is lacking of some rows. Once a value was found that should be
// unique and is not, the mark stays, so that it is found again the next time.
func (r *relisting) add(from, to int64) error {
	g, err := gather(r.conn, r.lacks, "SELECT row, org, kind, body FROM resource WHERE row > ? AND row <= ?", from, to)
	if err != nil {
		return err
	}
	for l, v := range g.values {
		p := newPart(l, v, r.exact)
		if l.Attr < 0 {
			err = r.addKeys(p)
		}
		for l.Attr > 0 && err == nil && len(p.terms) > 0 {
			err = p.writeTerms(r.conn, nil)
		}
		for err == nil && len(p.postings) > 0 {
			err = p.writeGram(r.conn)
		}
		if err != nil {
			return err
		}
	}
	if !r.twice.Any() {
		r.upto = to
	}
	return r.mark(r.upto)
}

// addKeys writes unique keys, unless another row has them.
func (r *relisting) addKeys(p *part) error {
	for _, e := range p.terms {
		if err := db.Run(r.conn, "INSERT OR IGNORE INTO uniq (org, attr, value, row) VALUES (?, ?, ?, ?)", p.Org, -p.Attr, e.value, e.row); err != nil {
			return err
		}
		if r.conn.Changes() == 1 {
			continue
		}
		holder, err := db.Integer(r.conn, "SELECT row FROM uniq WHERE org=? AND attr=? AND value=?", p.Org, -p.Attr, e.value)
		if err == nil && holder != e.row {
			err = r.tell(p.List, holder, e.row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tell notes that two rows have the same key.
func (r *relisting) tell(l List, rows ...int64) error {
	var kindNum int64
	ids := make([]string, len(rows))
	for i, row := range rows {
		if _, err := db.One(r.conn, func(s *sqlite.Stmt) {
			ids[i], kindNum = db.ID(s, 0), s.ColumnInt64(1)
		}, "SELECT id, kind FROM resource WHERE row=?", row); err != nil {
			return err
		}
	}
	k := r.lacks[kindNum]
	i := slices.IndexFunc(k.Unique, func(c dictionary.Column) bool { return c.Num == -l.Attr })
	r.twice.Add(r.names.Orgs()[l.Org], k.Type, k.Unique[i].Attr, ids[0], ids[1])
	return nil
}

// mark writes down up to which row the index has what it lacked.
func (r *relisting) mark(upto int64) error {
	for _, k := range r.lacks {
		for _, l := range listings(k) {
			if err := db.Run(r.conn, "INSERT OR REPLACE INTO listing (attr, form, upto) VALUES (?1, ?2, nullif(?3, ?4))", l.attr, l.form, upto, allRows); err != nil {
				return err
			}
		}
	}
	return nil
}
