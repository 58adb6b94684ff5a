package admin

import (
	"encoding/base64"

	"github.com/usher-scim/usher/directory"
)

// Cursors of lists of people name a place in the caller's own organization and
// hold nothing that the caller may not see.
func encodeCursor(p directory.Position) string { return base64.RawURLEncoding.EncodeToString(p) }

func decodeCursor(s string) (directory.Position, error) {
	p, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(p) < 8 || len(p) > 1024 {
		return nil, badRequest("The cursor is not one of an earlier page.")
	}
	return p, nil
}
