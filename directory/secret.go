package directory

import (
	"crypto/sha256"
	"encoding/hex"
)

// SecretHash is how secrets that others keep are remembered.
func SecretHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
