package server

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// pageSize is the most resources that the answer may hold.
func (x *exchange) pageSize() int {
	if !x.params.counted {
		return x.s.opts.PageSize
	}
	return min(x.params.count, x.s.opts.MaxPageSize)
}

// query binds the parameters to a resource type.
func (x *exchange) query(rt *scim.ResourceType) (directory.Query, error) {
	q := directory.Query{Org: x.principal.Org, Type: rt, Start: x.params.start, Count: x.pageSize()}
	if x.params.filter != "" {
		f, met, err := filter.Compile(x.params.filter, rt, x.dialect())
		if err != nil {
			return q, err
		}
		q.Filter = f
		x.quirks |= met
	}
	if err := x.sorting(&q); err != nil {
		return q, err
	}
	if x.params.cursored {
		return q, x.fromCursor(&q)
	}
	return q, nil
}

// sorting reads sortBy and sortOrder (RFC 7644 section 3.4.2.3). An attribute
// that the type does not have orders nothing; one that may not be seen, or text
// that is no attribute at all, is refused (K04, K41).
func (x *exchange) sorting(q *directory.Query) error {
	by := strings.TrimSpace(x.params.sortBy)
	switch {
	case x.params.sortOrder == "", scim.EqualName(x.params.sortOrder, "ascending"):
	case scim.EqualName(x.params.sortOrder, "descending"):
		q.Descending = true
	default:
		return scim.Errorf(scim.InvalidValue, "The parameter sortOrder must be ascending or descending.")
	}
	if by == "" {
		q.Descending = false
		return nil
	}
	if path, _, err := filter.ParsePath(by, x.dialect()); err != nil || path.Filter != nil {
		return scim.Errorf(scim.InvalidPath, "The parameter sortBy must be an attribute such as userName or name.familyName.")
	}
	a, ok := q.Type.Resolve(by)
	if !ok {
		q.Descending = false
		return nil
	}
	if a.Hidden() || a.MadeOf() != nil || a.Edge || a.Parent() != nil && a.Parent().Edge {
		return scim.Errorf(scim.InvalidPath, "The attribute %s cannot be sorted by.", a.Path())
	}
	if a.Type == scim.Complex {
		if a = a.Value(); a == nil {
			return scim.Errorf(scim.InvalidPath, "The attribute in sortBy is complex; name one of its sub-attributes.")
		}
	}
	q.SortBy = a
	return nil
}

// searchRequest is the body of POST …/.search.
type searchRequest struct {
	Schemas    []string        `json:"schemas"`
	Filter     *string         `json:"filter"`
	SortBy     string          `json:"sortBy"`
	SortOrder  string          `json:"sortOrder"`
	Attributes []string        `json:"attributes"`
	Excluded   []string        `json:"excludedAttributes"`
	StartIndex json.RawMessage `json:"startIndex"` // of any size
	Count      json.RawMessage `json:"count"`
	Cursor     *string         `json:"cursor"`
}

var searchMembers = map[string]string{"schemas": listOfTexts, "filter": text, "sortBy": text, "sortOrder": text,
	"attributes": listOfTexts, "excludedAttributes": listOfTexts, "cursor": text}

const (
	text        = "a string"
	listOfTexts = "a list of strings"
)

// misread says which member of a message is of the wrong type, and what it must be.
func misread(message, section string, members map[string]string, err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		for name, wanted := range members {
			if scim.EqualName(name, wrong.Field) {
				return scim.Errorf(scim.InvalidSyntax, "The member %s of the %s must be %s.", name, message, wanted)
			}
		}
	}
	return scim.Errorf(scim.InvalidSyntax, "The body is not a %s; see RFC 7644 section %s for its members and their types.", message, section)
}

// wholeNumber reads a member that is a whole number, of any size; null is none.
func wholeNumber(name string, raw json.RawMessage) (n int, given bool, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, false, nil
	}
	n, err = number(name, string(raw))
	return n, true, err
}

// searchRequest takes the parameters from the body.
func (x *exchange) searchRequest() error {
	body, err := x.body(x.s.opts.BodyBytes)
	if err != nil {
		return err
	}
	if err := scim.CheckJSON(body); err != nil {
		return err
	}
	var req searchRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return misread("SearchRequest", "3.4.3", searchMembers, err)
	}
	x.params = params{start: 1, sortBy: req.SortBy, sortOrder: req.SortOrder, attributes: req.Attributes, excluded: req.Excluded}
	if req.Filter != nil {
		if err := x.params.set("filter", *req.Filter); err != nil {
			return err
		}
	}
	if n, given, err := wholeNumber("startIndex", req.StartIndex); err != nil {
		return err
	} else if given {
		x.params.start = max(1, n)
	}
	if n, given, err := wholeNumber("count", req.Count); err != nil {
		return err
	} else if given {
		x.params.count, x.params.counted = max(0, n), true
	}
	if req.Cursor != nil {
		x.params.cursor, x.params.cursored = *req.Cursor, true
	}
	return nil
}
