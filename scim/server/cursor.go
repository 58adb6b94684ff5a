package server

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// A cursor is a position with its direction and its end of life, signed together
// with what it belongs to: the organization, the type, filter and order, and the
// client where each has an order of its own. It holds nothing of the filter, and fits
// no other query (RFC 9865).

const (
	cursorAfter  = 'a'
	cursorBefore = 'b'
	macLen       = 16
)

// sign makes the mark of a cursor's content for one query.
func (x *exchange) sign(q directory.Query, content []byte) []byte {
	mac := hmac.New(sha256.New, x.s.opts.CursorKey)
	parts := []string{string(q.Org), q.Type.Name, x.params.filter, x.params.sortBy, x.params.sortOrder}
	if q.SortBy == scim.ExternalID {
		parts = append(parts, string(x.client()))
	}
	for _, part := range parts {
		_, _ = mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) // a hash takes everything
		_, _ = mac.Write([]byte(part))
	}
	_, _ = mac.Write(content)
	return mac.Sum(nil)[:macLen]
}

func (x *exchange) makeCursor(q directory.Query, direction byte, at directory.Position) string {
	ends := x.s.opts.Clock().Add(x.s.opts.CursorLifetime).Unix()
	content := append(binary.BigEndian.AppendUint32([]byte{direction}, uint32(ends)), at...)
	return base64.RawURLEncoding.EncodeToString(append(x.sign(q, content), content...))
}

// fromCursor continues a walk; an empty cursor begins one.
func (x *exchange) fromCursor(q *directory.Query) error {
	if x.params.cursor == "" {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(x.params.cursor)
	if err != nil || len(data) < macLen+5 || base64.RawURLEncoding.EncodeToString(data) != x.params.cursor { // there is one way to write it
		return scim.Errorf(scim.InvalidCursor, "The cursor is not one that this server made; begin again with an empty cursor.")
	}
	mark, content := data[:macLen], data[macLen:]
	if !hmac.Equal(mark, x.sign(*q, content)) {
		return scim.Errorf(scim.InvalidCursor, "The cursor does not belong to this query; keep filter and order as they were, or begin again with an empty cursor.")
	}
	if ends := time.Unix(int64(binary.BigEndian.Uint32(content[1:5])), 0); x.s.opts.Clock().After(ends) {
		return scim.Errorf(scim.ExpiredCursor, "The cursor has expired; begin again with an empty cursor.")
	}
	at := directory.Position(bytes.Clone(content[5:]))
	if content[0] == cursorBefore {
		q.Before = at
	} else {
		q.After = at
	}
	return nil
}

// appendCursors writes where the pages around this one begin.
func (x *exchange) appendCursors(dst []byte, q directory.Query, page directory.Page) []byte {
	if page.More {
		dst = scim.AppendString(append(dst, `,"nextCursor":`...), x.makeCursor(q, cursorAfter, page.Last))
	}
	if page.Prior && page.First != nil {
		dst = scim.AppendString(append(dst, `,"previousCursor":`...), x.makeCursor(q, cursorBefore, page.First))
	}
	return dst
}
