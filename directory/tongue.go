package directory

import (
	"context"
	"strings"
)

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
