package directory

import (
	"strconv"
	"strings"
	"time"
)

// LeftTally names the running total of a connection's deactivations in a minute.
func LeftTally(c ConnectionID, minute int64) string {
	return "left:" + string(c) + ":" + strconv.FormatInt(minute, 10)
}

// LongestSpan is the most minutes that a brake looks back.
const LongestSpan = 120

// Lapsed reports whether nobody will ask for a running total any more: one of a
// minute that no brake looks back to.
func Lapsed(tally string, now time.Time) bool {
	rest, ok := strings.CutPrefix(tally, "left:")
	if !ok {
		return false
	}
	minute, err := strconv.ParseInt(rest[strings.LastIndexByte(rest, ':')+1:], 10, 64)
	return err == nil && minute < now.Unix()/60-2*LongestSpan
}
