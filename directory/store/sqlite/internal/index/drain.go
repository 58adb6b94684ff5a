package index

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// gramBlock is the number of rows whose places in a list of trigrams lie in one
// blob: two bytes a row, 16 KiB at most.
const gramBlock = 1 << 13

// drain is a generation on its way into the index, list by list. It is the
// writer's, but for the sorting, which goes on ahead of it.
type drain struct {
	gone  map[entry]struct{}
	parts chan *part // closed after the last
	quit  chan struct{}
	now   *part   // what is left of it
	done  []int64 // rows to take off pending
	top   int64   // the mark when all is written
	ended bool    // all is written, in the transaction under way
}

// part is one list, sorted. A posting has a trigram in its upper bits and a row
// in the lower 40.
type part struct {
	List
	terms    []pair
	postings []uint64
}

const rowBits = 40

func newDrain(g *generation, exact map[int64]bool, indexed, top int64) *drain {
	d := &drain{gone: g.gone, parts: make(chan *part), quit: make(chan struct{}), top: top}
	for row := range g.rows {
		if row <= indexed {
			d.done = append(d.done, row)
		}
	}
	go func() {
		defer close(d.parts)
		for l, v := range g.values {
			select {
			case d.parts <- newPart(l, v, exact):
			case <-d.quit:
				return
			}
		}
	}()
	return d
}

// newPart sorts a list. Values that are compared byte by byte are identifiers,
// which nobody searches for by a part: they get no trigrams.
func newPart(l List, v *values, exact map[int64]bool) *part {
	p := &part{List: l, terms: slices.Clone(v.pairs)}
	slices.SortFunc(p.terms, func(a, b pair) int { return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.row, b.row)) })
	if l.Attr < 0 || exact[l.Attr] {
		return p
	}
	size := 0
	for _, e := range v.pairs {
		size += max(0, len(e.value)-2)
	}
	all := make([]uint64, 0, size)
	for _, e := range v.pairs {
		all = appendGrams(all, e.value, e.row)
	}
	p.postings = slices.Compact(sortGrams(all))
	return p
}

// sortGrams sorts by trigram and leaves the rows of each in the order they came:
// two passes over twelve bits each.
func sortGrams(all []uint64) []uint64 {
	const digit = 1 << 12
	other := make([]uint64, len(all))
	for shift := rowBits; shift < 64; shift += 12 {
		var start [digit + 1]int
		for _, p := range all {
			start[p>>shift%digit+1]++
		}
		for i := range digit {
			start[i+1] += start[i]
		}
		for _, p := range all {
			at := &start[p>>shift%digit]
			other[*at] = p
			*at++
		}
		all, other = other, all
	}
	return all
}

// appendGrams lists the trigrams (of bytes) of a value with its row.
func appendGrams(all []uint64, value string, row int64) []uint64 {
	for i := 0; i+2 < len(value); i++ {
		gram := uint64(value[i])<<16 | uint64(value[i+1])<<8 | uint64(value[i+2])
		all = append(all, gram<<rowBits|uint64(row))
	}
	return all
}

// grams lists the different trigrams of a text.
func grams(text string) []int64 {
	var all []int64
	for _, p := range appendGrams(nil, text, 0) {
		all = append(all, int64(p>>rowBits))
	}
	return sortedSet(all)
}

// write does up to n of the steps that are left, in the transaction under way.
func (d *drain) write(conn *sqlite.Conn, x *Index, n int) error {
	for ; n > 0 && !d.ended; n-- {
		if d.now == nil {
			select {
			case d.now = <-d.parts:
			default:
				return nil // it is still being sorted
			}
			if d.now == nil {
				return d.finish(conn, x, n)
			}
		}
		if err := d.step(conn); err != nil {
			return err
		}
	}
	return nil
}

// step writes a few values, or one list of rows.
func (d *drain) step(conn *sqlite.Conn) error {
	switch p := d.now; {
	case len(p.terms) > 0:
		return p.writeTerms(conn, d.gone)
	case len(p.postings) > 0:
		return p.writeGram(conn)
	}
	d.now = nil
	return nil
}

// atOnce is how many values one statement writes.
const atOnce = 8

// The statements that write 0 to atOnce values of one list.
var (
	insertKeys  = inserts("INSERT OR REPLACE INTO uniq")
	insertTerms = inserts("INSERT OR IGNORE INTO term")
)

func inserts(head string) (all [atOnce + 1]string) {
	for n := range all {
		all[n] = head + " (org, attr, value, row) VALUES " + strings.TrimSuffix(strings.Repeat("(?1, ?2, ?, ?), ", n), ", ")
	}
	return all
}

func (p *part) writeTerms(conn *sqlite.Conn, gone map[entry]struct{}) error {
	list, queries := p.List, &insertTerms
	if list.Attr < 0 {
		list.Attr, queries = -list.Attr, &insertKeys
	}
	args := append(make([]any, 0, 2+2*atOnce), list.Org, list.Attr)
	for ; len(p.terms) > 0 && len(args) < cap(args); p.terms = p.terms[1:] {
		e := p.terms[0]
		if _, is := gone[entry{p.Org, p.Attr, e.value, e.row}]; !is {
			args = append(args, e.value, e.row)
		}
	}
	n := len(args)/2 - 1
	if n == 0 {
		return nil
	}
	return db.Run(conn, queries[n], args...)
}

// finish takes rows off pending, unless they have changed again, and moves the
// mark with the last.
func (d *drain) finish(conn *sqlite.Conn, x *Index, n int) error {
	for ; n > 0 && len(d.done) > 0; n-- {
		row := d.done[0]
		d.done = d.done[1:]
		if _, again := x.active.rows[row]; again {
			continue
		}
		if err := db.Run(conn, "DELETE FROM pending WHERE row=?", row); err != nil {
			return err
		}
	}
	if len(d.done) > 0 {
		return nil
	}
	d.ended = true
	return db.Run(conn, "UPDATE mark SET n=? WHERE name='indexed'", d.top)
}

// writeGram writes the rows of the first trigram and block; their order within a
// blob does not matter.
func (p *part) writeGram(conn *sqlite.Conn) error {
	const offsets = gramBlock - 1
	first, n := p.postings[0], 0
	gram, block := int64(first>>rowBits), int64(first&(1<<rowBits-1))/gramBlock
	var rows []byte
	for ; n < len(p.postings) && p.postings[n]&^offsets == first&^offsets; n++ {
		rows = binary.LittleEndian.AppendUint16(rows, uint16(p.postings[n]&offsets))
	}
	p.postings = p.postings[n:]
	var have []byte
	if _, err := db.One(conn, func(s *sqlite.Stmt) { have = db.Blob(s, 0) },
		"SELECT rows FROM gram WHERE org=? AND attr=? AND gram=? AND block=?", p.Org, p.Attr, gram, block); err != nil {
		return err
	}
	if len(have) > 0 {
		rows = merge16(have, rows)
	}
	return db.Run(conn, "INSERT OR REPLACE INTO gram (org, attr, gram, block, rows) VALUES (?, ?, ?, ?, ?)", p.Org, p.Attr, gram, block, rows)
}

// merge16 appends to a list of places those that it has not.
func merge16(have, more []byte) []byte {
	var set [gramBlock / 8]byte
	for i := 0; i+1 < len(have); i += 2 {
		n := binary.LittleEndian.Uint16(have[i:])
		set[n/8] |= 1 << (n % 8)
	}
	for i := 0; i+1 < len(more); i += 2 {
		n := binary.LittleEndian.Uint16(more[i:])
		if set[n/8]&(1<<(n%8)) == 0 {
			set[n/8] |= 1 << (n % 8)
			have = append(have, more[i], more[i+1])
		}
	}
	return have
}
