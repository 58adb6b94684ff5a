package operation

import (
	"encoding/base64"
	"strings"
)

// ErrCursor refuses a cursor that is none.
const ErrCursor = BadRequest("The cursor is not one of an earlier page.")

// EncodeCursor names the place where a page ended, in the caller's own organization, and
// the list: a cursor of another list is none. It holds nothing that the caller may not see.
func EncodeCursor(list, at string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + " " + at))
}

// DecodeCursor is the place of a cursor; "" where there is none.
func DecodeCursor(list, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	p, err := base64.RawURLEncoding.DecodeString(cursor)
	at, ok := strings.CutPrefix(string(p), list+" ")
	if err != nil || !ok || at == "" {
		return "", ErrCursor
	}
	return at, nil
}

// Position is that of a cursor of a list of resources; nil where there is none.
func Position(list, cursor string) ([]byte, error) {
	at, err := DecodeCursor(list, cursor)
	if err != nil || at == "" {
		return nil, err
	}
	return []byte(at), nil
}
