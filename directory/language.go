package directory

import "fmt"

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

// FrenchOf is the French of an English sentence, "" when there is none.
func FrenchOf(format string) string { return french[format] }
