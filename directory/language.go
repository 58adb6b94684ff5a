package directory

import (
	"context"
	"fmt"
	"strings"
)

// Language is one that refusals are told in (S3-31).
type Language string

// The languages. Reason codes are the same in all.
const (
	English Language = "en"
	French  Language = "fr"
)

// Message is a sentence with what fills its gaps; the English one names it.
type Message struct {
	Format string
	Args   []any
}

// In is the sentence in a language, in English where there is no other.
func (m Message) In(l Language) string {
	format := m.Format
	if other, ok := french[format]; ok && l == French {
		format = other
	}
	return fmt.Sprintf(format, m.Args...)
}

// LanguageOf is the language of an answer: what Accept-Language asks for first of
// those there are, or else the organization's.
func LanguageOf(ctx context.Context, r Documents, org OrgID, accept string) (Language, error) {
	for one := range strings.SplitSeq(accept, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(one), ";")
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if l := Language(primary); l == English || l == French {
			return l, nil
		}
	}
	p, err := ProfileOf(ctx, r, org)
	if Language(p.Language) == French {
		return French, err
	}
	return English, err
}

// FrenchOf is the French of an English sentence, "" when there is none.
func FrenchOf(format string) string { return french[format] }
