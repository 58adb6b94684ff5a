package db

import (
	"encoding/hex"

	"zombiezen.com/go/sqlite"
)

// ParseID reads the canonical form of an id and no other.
func ParseID(s string) ([]byte, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil, false
	}
	id := make([]byte, 16)
	at := 0
	for i := 0; i < 36; i += 2 {
		if s[i] == '-' {
			i++
		}
		hi, lo := nibble(s[i]), nibble(s[i+1])
		if hi > 15 || lo > 15 {
			return nil, false
		}
		id[at] = hi<<4 | lo
		at++
	}
	return id, true
}

// nibble is the number of a lower-case hexadecimal digit, 16 for other bytes.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}

// ID reads the id in a column.
func ID(stmt *sqlite.Stmt, col int) string {
	var id [16]byte
	stmt.ColumnBytes(col, id[:])
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:], id[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}
