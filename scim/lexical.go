package scim

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseBool reads "true" and "false" in any letter case.
func ParseBool(s string) (value, ok bool) {
	switch {
	case EqualName(s, "true"):
		return true, true
	case EqualName(s, "false"):
		return false, true
	}
	return false, false
}

// number makes a value of digits. Those of a decimal are shown as they were written,
// unless they come from a text such as "1." or ".5", which is no number in JSON.
func number(a *Attribute, s string) (Value, error) {
	if a.Type == Integer {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return Value{}, Errorf(InvalidValue, "The value of %s is not a whole number of at most 64 bits.", a.path)
		}
		return IntValue(n), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(s, "xX_pPiInN") {
		return Value{}, Errorf(InvalidValue, "The value of %s is not a decimal number in range.", a.path)
	}
	if !jsontext.Value(s).IsValid() {
		s = strconv.FormatFloat(f, 'g', -1, 64)
	}
	return DecimalValue(f, s), nil
}

// lexicalTime reports whether a text that ParseTime reads is a dateTime: Go also
// takes one digit for the hour, a comma before the fraction, and offsets beyond those
// of XML Schema (RFC 7643 section 2.3.5).
func lexicalTime(s string) bool {
	if s[13] != ':' || strings.Contains(s, ",") {
		return false
	}
	if len(s) < 25 || s[len(s)-1] == 'Z' {
		return true
	}
	offset := s[len(s)-6:]
	return offset[0] != '+' && offset[0] != '-' || offset[1:] <= "14:00" && offset[4:] < "60"
}

// isBase64 reports whether a text is base64 of either alphabet, padded or not.
func isBase64(s string) bool {
	if _, err := base64.StdEncoding.DecodeString(s); err == nil {
		return true
	}
	_, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	return err == nil
}
