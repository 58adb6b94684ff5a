package server

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// params are the query parameters that SCIM knows (RFC 7644 section 3.4.2), also
// as members of a SearchRequest.
type params struct {
	filter, sortBy, sortOrder string
	attributes, excluded      []string
	start, count              int
	counted                   bool // count was given
	cursor                    string
	cursored                  bool // cursor was given, if only empty
}

const maxParams = 100

// parse reads a query string. Unknown parameters are ignored; one that cannot
// be decoded is refused, for a lost filter would mean everybody.
func (p *params) parse(raw string) error {
	p.start = 1
	if raw == "" {
		return nil
	}
	if strings.Count(raw, "&") > maxParams {
		return scim.Errorf(scim.InvalidSyntax, "The query has more than %d parameters.", maxParams)
	}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return scim.Errorf(scim.InvalidFilter, "The query string is not correctly encoded; percent-encode its values.")
		}
		if err := p.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *params) set(name, value string) (err error) {
	switch strings.ToLower(name) {
	case "filter":
		if p.filter = value; value == "" {
			return scim.Errorf(scim.InvalidFilter, "The filter is empty; leave it away to list everything.")
		}
	case "sortby":
		p.sortBy = value
	case "sortorder":
		p.sortOrder = value
	case "attributes":
		p.attributes = appendNames(p.attributes, value)
	case "excludedattributes":
		p.excluded = appendNames(p.excluded, value)
	case "startindex":
		p.start, err = number("startIndex", value)
		p.start = max(1, p.start)
	case "count":
		p.count, err = number("count", value)
		p.count, p.counted = max(0, p.count), true
	case "cursor":
		p.cursor, p.cursored = value, true
	}
	return err
}

// appendNames adds the attributes of a list; one without any is as good as none.
func appendNames(names []string, list string) []string {
	if strings.TrimSpace(list) == "" {
		return names
	}
	return append(names, splitList(list)...)
}

// splitList cuts at commas that are not inside brackets or quotes.
func splitList(s string) []string {
	var list []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				list = append(list, s[from:i])
				from = i + 1
			}
		}
	}
	return append(list, s[from:])
}

// number reads a whole number of any size, saturating.
func number(name, s string) (int, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil && strings.Contains(err.Error(), "range") {
		return int(n), nil
	}
	if err != nil {
		return 0, scim.Errorf(scim.InvalidValue, "The parameter %s must be a whole number.", name)
	}
	return int(n), nil
}

// projection compiles attributes and excludedAttributes.
func (p *params) projection(rt *scim.ResourceType) *scim.Projection {
	if len(p.attributes) == 0 && len(p.excluded) == 0 {
		return nil
	}
	return scim.NewProjection(rt, p.attributes, p.excluded)
}

// versions reads a list of entity tags, as in If-Match. A tag that this server
// never made matches nothing. Places of the list that are empty are passed over (RFC
// 9110 section 5.6.1), but not all of them: that is no condition.
func versions(header string) (list []scim.Version, any bool, err error) {
	for one := range strings.SplitSeq(header, ",") {
		tag := strings.TrimSpace(one)
		switch tag {
		case "*":
			return nil, true, nil
		case "":
			continue
		}
		tag = strings.TrimPrefix(tag, "W/")
		if len(tag) < 2 || tag[0] != '"' || strings.IndexByte(tag[1:], '"') != len(tag)-2 {
			return nil, false, errTag
		}
		v, err := strconv.ParseUint(tag[1:len(tag)-1], 10, 63)
		if err != nil {
			v = 1<<63 - 1
		}
		list = append(list, scim.Version(v))
	}
	if list == nil {
		return nil, false, errTag
	}
	return list, false, nil
}

var errTag = &httpError{status: http.StatusBadRequest, scimType: scim.InvalidValue, detail: `An entity tag must look like W/"3", or be *.`}
