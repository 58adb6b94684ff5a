package config

import (
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes.
type Size int64

const (
	kibibyte Size = 1 << 10
	mebibyte Size = 1 << 20
	gibibyte Size = 1 << 30
)

// units are the accepted suffixes, largest first.
var units = []struct {
	name string
	size Size
}{{"GiB", gibibyte}, {"MiB", mebibyte}, {"KiB", kibibyte}, {"B", 1}}

// String returns the largest unit that needs no fraction, such as "4MiB".
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && s%u.size == 0 && u.size > 1 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// parseSize accepts bytes, or a whole number of binary units.
func parseSize(text string) (Size, bool) {
	unit := Size(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = strings.TrimRight(n, " "), u.size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit) {
		return 0, false
	}
	return Size(n) * unit, true
}

// formatDuration drops the zero parts that time.Duration prints: 1h, not 1h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// What is wrong with a text, as the rest of a sentence that began with a key.
const (
	notInteger  = "is not a whole number; write digits only, such as 100"
	notSize     = "is not a size; write a number of bytes, or a whole number of KiB, MiB or GiB such as 4MiB"
	notDuration = "is not a duration; write a number with its unit, such as 500ms, 30s or 1h30m"
	notBool     = "is not true or false; write one of the two"
	notScalar   = "is a list or a section; write a single value"
	notText     = "contains a control character; write one plain line"
)

// setText parses text into the place of a single value and returns what is
// wrong with it, or nothing. Choices are checked by the caller.
func setText(place any, text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return notText
	}
	switch p := place.(type) {
	case *string:
		*p = text
	case *Secret:
		*p = Secret{file: text}
	case *slog.Level:
		if p.UnmarshalText([]byte(text)) != nil {
			return "is not a log level; write debug, info, warn or error"
		}
	case *bool:
		return setBool(p, text)
	default:
		return setNumber(place, text)
	}
	return ""
}

func setBool(p *bool, text string) string {
	if text != "true" && text != "false" {
		return notBool
	}
	*p = text == "true"
	return ""
}

func setNumber(place any, text string) string {
	switch p := place.(type) {
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return notInteger
		}
		*p = n
	case *Size:
		n, ok := parseSize(text)
		if !ok {
			return notSize
		}
		*p = n
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return notDuration
		}
		*p = d
	default:
		return notScalar
	}
	return ""
}

// getText is the inverse of setText.
func getText(place any) string {
	switch p := place.(type) {
	case *string:
		return *p
	case *Secret:
		return p.file
	case *slog.Level:
		return strings.ToLower(p.String())
	case *bool:
		return strconv.FormatBool(*p)
	case *int:
		return strconv.Itoa(*p)
	case *Size:
		return p.String()
	case *time.Duration:
		return formatDuration(*p)
	}
	return ""
}

// number returns the value of a place that has a range.
func number(place any) (n int64, ok bool) {
	switch p := place.(type) {
	case *int:
		return int64(*p), true
	case *Size:
		return int64(*p), true
	case *time.Duration:
		return int64(*p), true
	}
	return 0, false
}

// formatNumber prints a bound the way the place itself is written.
func formatNumber(place any, n int64) string {
	switch place.(type) {
	case *Size:
		return Size(n).String()
	case *time.Duration:
		return formatDuration(time.Duration(n))
	}
	return strconv.FormatInt(n, 10)
}
