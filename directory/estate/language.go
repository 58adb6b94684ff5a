package estate

import (
	"context"
	"github.com/usher-scim/usher/directory"
	"strings"
)

// LanguageOf is the language of an answer: what Accept-Language asks for first of
// those there are, or else the organization's.
func LanguageOf(ctx context.Context, r directory.Documents, org directory.OrgID, accept string) (directory.Language, error) {
	for one := range strings.SplitSeq(accept, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(one), ";")
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if l := directory.Language(primary); l == directory.English || l == directory.French {
			return l, nil
		}
	}
	p, err := ProfileOf(ctx, r, org)
	if directory.Language(p.Language) == directory.French {
		return directory.French, err
	}
	return directory.English, err
}
