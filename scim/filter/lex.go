package filter

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/usher-scim/usher/scim"
)

// tokenKind is a kind of lexical element.
type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokWord
	tokString
	tokNumber
	tokOpen       // (
	tokClose      // )
	tokOpenElem   // [
	tokCloseElem  // ]
	tokSubElement // .name directly after ]
)

type token struct {
	kind tokenKind
	text string // words and numbers as written, strings decoded
	at   int    // byte offset
}

// lexer cuts a filter into tokens.
type lexer struct {
	src string
	at  int
}

func isWordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_-.:$@+%#/&~!*=?'|{}^,;", c) >= 0 || c >= utf8.RuneSelf
}

func (l *lexer) next() (token, error) {
	for l.at < len(l.src) && (l.src[l.at] == ' ' || l.src[l.at] == '\t') {
		l.at++
	}
	t := token{at: l.at}
	if l.at == len(l.src) {
		return t, nil
	}
	switch c := l.src[l.at]; {
	case c == '(':
		t.kind = tokOpen
	case c == ')':
		t.kind = tokClose
	case c == '[':
		t.kind = tokOpenElem
	case c == ']':
		t.kind = tokCloseElem
	case c == '"':
		return l.quoted()
	case isWordByte(c):
		return l.word(), nil
	default:
		return t, l.fail(l.at, "an unexpected character")
	}
	l.at++
	return t, nil
}

func (l *lexer) word() token {
	from := l.at
	for l.at < len(l.src) && isWordByte(l.src[l.at]) {
		l.at++
	}
	t := token{kind: tokWord, text: l.src[from:l.at], at: from}
	if _, err := strconv.ParseFloat(t.text, 64); err == nil && strings.IndexByte("-0123456789", t.text[0]) >= 0 {
		t.kind = tokNumber
	}
	if t.text[0] == '.' && from > 0 && l.src[from-1] == ']' {
		t.kind = tokSubElement
	}
	return t
}

// quoted reads a JSON string.
func (l *lexer) quoted() (token, error) {
	from := l.at
	l.at++
	if end := strings.IndexAny(l.src[l.at:], `"\`); end >= 0 && l.src[l.at+end] == '"' {
		t := token{kind: tokString, text: l.src[l.at : l.at+end], at: from}
		l.at += end + 1
		return t, l.check(t)
	}
	var b strings.Builder
	for l.at < len(l.src) {
		switch c := l.src[l.at]; c {
		case '"':
			l.at++
			t := token{kind: tokString, text: b.String(), at: from}
			return t, l.check(t)
		case '\\':
			if !l.escape(&b) {
				return token{}, l.fail(l.at, "an escape that JSON does not have")
			}
		default:
			b.WriteByte(c)
			l.at++
		}
	}
	return token{}, l.fail(from, "a text without its closing quotation mark")
}

func (l *lexer) check(t token) error {
	if !utf8.ValidString(t.text) {
		return l.fail(t.at, "a text that is not valid UTF-8")
	}
	return nil
}

// escape reads one escape sequence.
func (l *lexer) escape(b *strings.Builder) bool {
	rest := l.src[l.at+1:]
	if rest == "" {
		return false
	}
	if i := strings.IndexByte(`"\/bfnrt`, rest[0]); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		l.at += 2
		return true
	}
	r, ok := hex4(rest)
	if !ok {
		return false
	}
	l.at += 6
	if utf16.IsSurrogate(r) {
		low, ok := rune(0), false
		if strings.HasPrefix(l.src[l.at:], `\`) {
			low, ok = hex4(l.src[l.at+1:])
		}
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return false
		}
		l.at += 6
	}
	b.WriteRune(r)
	return true
}

func hex4(s string) (rune, bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:5], 16, 16)
	return rune(n), err == nil
}

func (l *lexer) fail(at int, what string) error {
	return scim.Errorf(scim.InvalidFilter, "The filter has %s at position %d.", what, at+1)
}
