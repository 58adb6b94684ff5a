package mongo

import (
	"net/url"
	"strings"
)

// field writes a name so that it can be the name of a field: letters, digits and a
// few signs stay, everything else is a percent sign and two digits.
func field(name string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == ':' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// unfield reads what field has written.
func unfield(name string) string {
	if text, err := url.PathUnescape(name); err == nil {
		return text
	}
	return name
}
