package filter

import (
	"errors"
	"strconv"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// Path is the target of a PATCH operation (RFC 7644 section 3.5.2, figure 1).
type Path struct {
	Attr   string // attribute path, with URN and sub-attribute when Filter is nil
	Filter Expr   // the part in brackets, or nil
	Sub    string // the sub-attribute after the brackets
}

// ParsePath reads the path of a PATCH operation. Errors are *scim.Error of type
// invalidPath.
func ParsePath(src string, dialect scim.Quirks) (Path, scim.Quirks, error) {
	bad := func() (Path, scim.Quirks, error) {
		return Path{}, 0, scim.Errorf(scim.InvalidPath, "The path %s is not an attribute path such as name.givenName or emails[type eq \"work\"].value.", shown(src))
	}
	src = strings.TrimSpace(src)
	if validPath(src) {
		return Path{Attr: src}, 0, nil
	}
	p, err := newParser(src, dialect)
	if err != nil {
		return Path{}, 0, ofPath(src, err)
	}
	if p.tok.kind != tokWord || !validPath(p.tok.text) || !strings.Contains(src, "[") {
		return bad()
	}
	e, err := p.comparison()
	if err != nil {
		return Path{}, 0, ofPath(src, err)
	}
	elem, ok := e.(elemExpr)
	if !ok || elem.rest != nil || p.tok.kind != tokEnd || elem.sub != "" && !validPath(elem.sub) {
		return bad()
	}
	return Path{elem.path, elem.inner, elem.sub}, p.met, nil
}

// shown is the beginning of a path, for whoever sent it.
func shown(src string) string { return strconv.QuoteToASCII(src[:min(len(src), 64)]) }

// ofPath says of a path what is wrong with the filter in it.
func ofPath(src string, err error) error {
	var wrong *scim.Error
	if !errors.As(err, &wrong) {
		return err
	}
	return scim.Errorf(scim.InvalidPath, "%s", strings.Replace(wrong.Detail, "The filter", "The path "+shown(src), 1))
}
