package sqlite

import (
	"cmp"
	"encoding/binary"
	"slices"

	"zombiezen.com/go/sqlite"
)

// gramBlock is the number of rows whose places in a list of trigrams lie in one
// blob: two bytes a row, 16 KiB at most.
const gramBlock = 1 << 13

// drain is a generation on its way into the index.
type drain struct {
	gone  map[entry]struct{}
	terms []entry
	grams []postings
	done  []int64 // rows to take off pending
	top   int64   // the mark when all is written

	now, next progress
}

// progress is how far a drain has come: now in what is committed, next in the
// transaction under way. Every part may be written twice.
type progress struct {
	terms, lists, postings, done int
	all                          bool
}

// postings are the trigrams of one list and the rows that have them, sorted by
// trigram: it is in the upper bits, the row in the lower 40.
type postings struct {
	list
	all []uint64
}

const rowBits = 40

// newDrain sorts what is to be written. Values that are compared byte by byte
// are identifiers, which nobody searches for by a part: they get no trigrams.
func newDrain(g *generation, n *names, indexed, top int64) *drain {
	d := &drain{gone: g.gone, top: top}
	for row := range g.rows {
		if row <= indexed {
			d.done = append(d.done, row)
		}
	}
	for _, l := range sortedLists(g.values) {
		pairs := slices.Clone(g.values[l].pairs)
		slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.row, b.row)) })
		size := 0
		for _, p := range pairs {
			d.terms = append(d.terms, entry{l.org, l.attr, p.value, p.row})
			size += max(0, len(p.value)-2)
		}
		if l.attr < 0 || n.caseExact[l.attr] || size == 0 {
			continue
		}
		all := make([]uint64, 0, size)
		for _, p := range g.values[l].pairs {
			all = appendGrams(all, p.value, p.row)
		}
		d.grams = append(d.grams, postings{l, slices.Compact(sortGrams(all))})
	}
	return d
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

func sortedLists(m map[list]*values) []list {
	all := make([]list, 0, len(m))
	for l := range m {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b list) int { return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.attr, b.attr)) })
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

// write does up to n parts of what is left, in the transaction under way; with
// the last of them the mark moves.
func (d *drain) write(conn *sqlite.Conn, t *tail, n int) error {
	p := d.now
	for ; n > 0 && p.terms < len(d.terms); n-- {
		if err := d.writeTerm(conn, d.terms[p.terms]); err != nil {
			return err
		}
		p.terms++
	}
	for ; n > 0 && p.lists < len(d.grams); n-- {
		rest := d.grams[p.lists]
		rest.all = rest.all[p.postings:]
		size, err := writeGram(conn, rest)
		if err != nil {
			return err
		}
		if p.postings += size; size == len(rest.all) {
			p.lists, p.postings = p.lists+1, 0
		}
	}
	for ; n > 0 && p.done < len(d.done); n-- {
		if err := t.unnote(conn, d.done[p.done]); err != nil {
			return err
		}
		p.done++
	}
	if n > 0 {
		if err := run(conn, "UPDATE mark SET n=? WHERE name='indexed'", d.top); err != nil {
			return err
		}
		p.all = true
	}
	d.next = p
	return nil
}

// advance takes note of the commit; true when everything is in the index.
func (d *drain) advance() bool {
	d.now = d.next
	return d.now.all
}

func (d *drain) writeTerm(conn *sqlite.Conn, e entry) error {
	if len(d.gone) > 0 {
		if _, gone := d.gone[e]; gone {
			return nil
		}
	}
	return e.store(conn)
}

// unnote takes a row off pending, unless it has changed again.
func (t *tail) unnote(conn *sqlite.Conn, row int64) error {
	if _, again := t.active.rows[row]; again {
		return nil
	}
	return run(conn, "DELETE FROM pending WHERE row=?", row)
}

// writeGram writes the rows of the first trigram and block, and returns how many
// postings that took; the order within a blob does not matter.
func writeGram(conn *sqlite.Conn, p postings) (size int, err error) {
	const offsets = gramBlock - 1
	gram, block := int64(p.all[0]>>rowBits), int64(p.all[0]&(1<<rowBits-1))/gramBlock
	var rows []byte
	for ; size < len(p.all) && p.all[size]&^offsets == p.all[0]&^offsets; size++ {
		rows = binary.LittleEndian.AppendUint16(rows, uint16(p.all[size]&offsets))
	}
	var have []byte
	if _, err := one(conn, func(s *sqlite.Stmt) { have = blob(s, 0) },
		"SELECT rows FROM gram WHERE org=? AND attr=? AND gram=? AND block=?", p.org, p.attr, gram, block); err != nil {
		return 0, err
	}
	if len(have) > 0 {
		rows = merge16(have, rows)
	}
	return size, run(conn, "INSERT OR REPLACE INTO gram (org, attr, gram, block, rows) VALUES (?, ?, ?, ?, ?)", p.org, p.attr, gram, block, rows)
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
