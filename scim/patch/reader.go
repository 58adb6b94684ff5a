package patch

import (
	"bytes"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/usher-scim/usher/scim"
)

// member is one member of a JSON object, its value as it was sent.
type member struct {
	name string
	raw  []byte
}

// depth refuses bodies nested deeper than scim.MaxDepth before they are parsed,
// so that a part which is skipped cannot be deeper either (K46).
func depth(body []byte) error {
	level, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if level++; level > scim.MaxDepth {
				return scim.Errorf(scim.InvalidSyntax, "The JSON is nested more than %d levels deep.", scim.MaxDepth)
			}
		case c == '}' || c == ']':
			level--
		}
	}
	return nil
}

// kind is the first character of a JSON value, 0 if there is none.
func kind(raw []byte) byte {
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) > 0 {
		return raw[0]
	}
	return 0
}

func isNull(raw []byte) bool { return kind(raw) == 'n' }

// values calls fn with each value inside an object or list; name is that of the
// member before it, nil in a list.
func values(raw []byte, fn func(name *string, raw []byte) error) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	open, err := dec.ReadToken()
	if err != nil {
		return scim.Malformed(err)
	}
	object := open.Kind() == '{'
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		var name *string
		if object {
			tok, err := dec.ReadToken()
			if err != nil {
				return scim.Malformed(err)
			}
			s := tok.String()
			name = &s
		}
		v, err := dec.ReadValue()
		if err != nil {
			return scim.Malformed(err)
		}
		end := int(dec.InputOffset())
		if err := fn(name, raw[end-len(v):end]); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return scim.Malformed(err)
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return scim.Errorf(scim.InvalidSyntax, "Something follows the JSON value; send exactly one.")
	}
	return nil
}

// object reads an object, whose names may not come twice in any letter case.
func object(raw []byte) ([]member, error) {
	var members []member
	seen := make(map[string]bool)
	err := values(raw, func(name *string, raw []byte) error {
		if len(*name) > scim.MaxFilter {
			return scim.Errorf(scim.InvalidSyntax, "A member's name is longer than %d bytes.", scim.MaxFilter)
		}
		folded := foldName(*name)
		if seen[folded] {
			return scim.Errorf(scim.InvalidSyntax, "The attribute %q appears twice in one object; send it once.", clip(*name))
		}
		seen[folded] = true
		members = append(members, member{*name, raw})
		return nil
	})
	return members, err
}

// foldName lowers ASCII letters only; other letters cannot name an attribute.
func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// list reads the elements of a list.
func list(raw []byte) ([][]byte, error) {
	var elements [][]byte
	err := values(raw, func(_ *string, raw []byte) error {
		elements = append(elements, raw)
		return nil
	})
	return elements, err
}

// text reads a JSON string.
func text(raw []byte) (string, bool) {
	if kind(raw) != '"' {
		return "", false
	}
	s, err := jsontext.AppendUnquote(nil, bytes.TrimSpace(raw))
	return string(s), err == nil
}

// clip shortens what a client sent before it is shown back to it.
func clip(s string) string {
	if len(s) <= 96 {
		return s
	}
	return strings.ToValidUTF8(s[:96], "") + "…"
}
