package sqlite

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
)

// portionSize bounds the rows that are written to the index between two commits,
// so that no change waits long for it.
const portionSize = 256

// gramBlock is the number of rows whose places in a list of trigrams lie in one
// blob: two bytes a row, 16 KiB at most.
const gramBlock = 1 << 13

// gramKey names one list of rows that have a trigram.
type gramKey struct {
	list
	gram  int64
	block int64
}

// drain is a generation on its way into the index.
type drain struct {
	gone  map[entry]struct{}
	terms []entry
	grams []gramKey
	rows  map[gramKey][]byte
	done  []int64 // rows to take off pending
}

func newDrain(g *generation) *drain {
	d := &drain{gone: g.gone, terms: slices.Clone(g.entries), rows: map[gramKey][]byte{}, done: slices.Sorted(maps.Keys(g.rows))}
	slices.SortFunc(d.terms, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.attr, b.attr), cmp.Compare(a.value, b.value), cmp.Compare(a.row, b.row))
	})
	for _, e := range g.entries {
		for _, gram := range grams(e.value) {
			k := gramKey{list{e.org, e.attr}, gram, e.row / gramBlock}
			d.rows[k] = binary.LittleEndian.AppendUint16(d.rows[k], uint16(e.row%gramBlock))
		}
	}
	d.grams = slices.SortedFunc(maps.Keys(d.rows), func(a, b gramKey) int {
		return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.attr, b.attr), cmp.Compare(a.gram, b.gram), cmp.Compare(a.block, b.block))
	})
	return d
}

// grams lists the different trigrams (of bytes) of a value.
func grams(value string) []int64 {
	if len(value) < 3 {
		return nil
	}
	all := make([]int64, 0, len(value)-2)
	for i := range len(value) - 2 {
		all = append(all, int64(value[i])<<16|int64(value[i+1])<<8|int64(value[i+2]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// portion writes the next part in a transaction of its own. Done means that the
// generation is in the index as a whole. Every part may be written twice.
func (d *drain) portion(conn *sqlite.Conn, t *tail, commits *atomic.Uint64) (done bool, err error) {
	if err := run(conn, "BEGIN IMMEDIATE"); err != nil {
		return false, err
	}
	nt, ng, nd := min(portionSize, len(d.terms)), 0, 0
	if nt == 0 {
		ng = min(portionSize, len(d.grams))
	}
	if nt+ng == 0 {
		nd = min(4*portionSize, len(d.done))
	}
	err = d.write(conn, t, d.terms[:nt], d.grams[:ng], d.done[:nd])
	if err == nil {
		err = run(conn, "COMMIT")
	}
	if err != nil {
		if !conn.AutocommitEnabled() {
			_ = run(conn, "ROLLBACK") // the first error is the one to tell
		}
		return false, err
	}
	commits.Add(1)
	d.terms, d.grams, d.done = d.terms[nt:], d.grams[ng:], d.done[nd:]
	return len(d.terms)+len(d.grams)+len(d.done) == 0, nil
}

func (d *drain) write(conn *sqlite.Conn, t *tail, terms []entry, lists []gramKey, rows []int64) error {
	for _, e := range terms {
		if _, gone := d.gone[e]; gone {
			continue
		}
		if err := run(conn, "INSERT OR IGNORE INTO term (org, attr, value, row) VALUES (?, ?, ?, ?)", e.org, e.attr, e.value, e.row); err != nil {
			return err
		}
	}
	for _, k := range lists {
		if err := d.writeGram(conn, k); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if _, again := t.active.rows[row]; again {
			continue
		}
		if err := run(conn, "DELETE FROM pending WHERE row=?", row); err != nil {
			return err
		}
	}
	return nil
}

// writeGram adds rows to one list; the order within it does not matter.
func (d *drain) writeGram(conn *sqlite.Conn, k gramKey) error {
	rows := d.rows[k]
	var have []byte
	if _, err := one(conn, func(s *sqlite.Stmt) { have = blob(s, 0) },
		"SELECT rows FROM gram WHERE org=? AND attr=? AND gram=? AND block=?", k.org, k.attr, k.gram, k.block); err != nil {
		return err
	}
	if len(have) > 0 {
		rows = merge16(have, rows)
	}
	return run(conn, "INSERT OR REPLACE INTO gram (org, attr, gram, block, rows) VALUES (?, ?, ?, ?, ?)", k.org, k.attr, k.gram, k.block, rows)
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
