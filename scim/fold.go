package scim

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold gives the form under which text is compared where case does not matter:
// NFC, full Unicode case folding, NFC again. It is the only such function: check,
// unique index, filter, import and block list all use it, and no store folds by
// itself (K33, K34). Fold(Fold(s)) == Fold(s) (K35).
func Fold(s string) string {
	if isASCII(s) {
		return foldASCII(s)
	}
	folded := norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
	for range 4 { // composing can bring back a letter that folds once more
		again := norm.NFC.String(cases.Fold().String(folded))
		if again == folded {
			break
		}
		folded = again
	}
	return folded
}

// Key gives the canonical key of an identifier such as a userName: compatibility
// forms are unified (NFKC) and case is folded, so that full-width, ligature and
// superscript spellings meet their plain one.
func Key(s string) string {
	if isASCII(s) {
		return foldASCII(s)
	}
	key := s
	for range 8 {
		next := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(key)))
		if next == key {
			break
		}
		key = next
	}
	return key
}

// CheckIdentifier refuses characters that nobody can see or that reorder text:
// controls, format characters, private use, unassigned (K36). The error is a
// clause to follow the attribute's name.
func CheckIdentifier(s string) string {
	if isASCIIPrintable(s) {
		return ""
	}
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Cc, r):
			return "holds a control character"
		case unicode.Is(unicode.Cf, r):
			return "holds an invisible or direction-changing character"
		case unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r), r == utf8.RuneError:
			return "holds a character without an assigned meaning"
		}
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isASCIIPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// foldASCII lowers A-Z and nothing else; names of attributes are ASCII.
func foldASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; c >= 'A' && c <= 'Z' {
					b[i] = c + 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// EqualName compares names of attributes, operations and URNs: ASCII letters in
// any case.
func EqualName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}

// HasPrefixName reports whether s begins with prefix in any letter case.
func HasPrefixName(s, prefix string) bool {
	return len(s) >= len(prefix) && EqualName(s[:len(prefix)], prefix)
}
