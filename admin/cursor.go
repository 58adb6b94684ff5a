package admin

import (
	"encoding/base64"
	"strings"
)

const errCursor = badRequest("The cursor is not one of an earlier page.")

// Cursors name the place where a page ended, in the caller's own organization, and the
// list: one of another list is none. They hold nothing that the caller may not see.
func encodePlace(list, at string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + " " + at))
}

// decodePlace is the place of a cursor; "" where there is none.
func decodePlace(list, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	p, err := base64.RawURLEncoding.DecodeString(cursor)
	at, ok := strings.CutPrefix(string(p), list+" ")
	if err != nil || !ok || at == "" {
		return "", errCursor
	}
	return at, nil
}

// position is that of a cursor of a list of resources; nil where there is none.
func position(list, cursor string) ([]byte, error) {
	at, err := decodePlace(list, cursor)
	if err != nil || at == "" {
		return nil, err
	}
	return []byte(at), nil
}
