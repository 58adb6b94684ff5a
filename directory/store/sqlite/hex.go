package sqlite

import "encoding/hex"

// hexBytes are bytes that JSON holds as hexadecimal digits.
type hexBytes []byte

// UnmarshalText reads the digits.
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}
