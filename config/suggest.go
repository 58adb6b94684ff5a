package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// longestName bounds how much of a foreign name is compared and repeated.
const longestName = 64

// didYouMean ends a sentence about an unknown name: with the nearest known
// one, or else with what to do instead.
func didYouMean(name string, known []string, otherwise string) string {
	if near := nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}

// nearest returns the known name most like the given one, or nothing. Letter
// case and separators do not count, and neither does a forgotten section.
func nearest(name string, known []string) string {
	if len(name) > longestName {
		return ""
	}
	want := squeeze(name)
	best, limit := "", (len(want)+2)/4
	for _, k := range known {
		d := distance(want, squeeze(k))
		if _, last, ok := strings.Cut(k, "."); ok && !strings.Contains(name, ".") {
			d = min(d, distance(want, squeeze(last)))
		}
		if related(name, k) {
			d = min(d, 1)
		}
		if d <= limit && want != "" {
			best, limit = k, d-1
		}
	}
	return best
}

// related reports whether one name, in the same section, only says more than
// the other: warning for warn, data_dir for data.
func related(a, b string) bool {
	const meaningful = 4
	if strings.Count(a, ".") != strings.Count(b, ".") || min(len(a), len(b)) < meaningful {
		return false
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// squeeze drops what people get wrong first: letter case and separators.
func squeeze(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '_', '-', '.', ' ':
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// distance is the number of bytes to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// show makes a foreign name safe to print on one line.
func show(name string) string {
	cut := name
	if len(cut) > longestName {
		cut = strings.ToValidUTF8(cut[:longestName], "") + "..."
	}
	if plain := strconv.Quote(cut); plain != `"`+cut+`"` || strings.ContainsRune(cut, ' ') || !utf8.ValidString(cut) || cut == "" {
		return plain
	}
	return cut
}
