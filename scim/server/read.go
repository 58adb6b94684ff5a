package server

import (
	"net/http"
	"strconv"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// get answers GET of one resource (RFC 7644 section 3.4.1).
func (x *exchange) get() error { return x.show(x.route.rt, x.id) }

func (x *exchange) show(rt *scim.ResourceType, id string) error {
	p := x.params.projection(rt)
	notModified := false
	out := (*x.buf)[:0]
	var version scim.Version
	pre, err := x.precondition()
	if err != nil {
		return err
	}
	forecast, err := x.forecast(rt, id, p)
	if err != nil {
		return err
	}
	err = x.s.dir.ReadAs(x.ctx, x.client(), func(r directory.Reader) error {
		res, err := r.Get(x.ctx, directory.Ref{Org: x.principal.Org, Type: rt, ID: id})
		if err != nil {
			return err
		}
		version = res.Version
		if wanted := (directory.Precondition{Versions: pre.Versions}); !wanted.Holds(version) {
			return directory.ErrVersion
		}
		if notModified = !pre.Holds(version); notModified {
			return nil
		}
		out, err = x.render(out, r, forecast.on(res), p)
		return err
	})
	if err != nil {
		return err
	}
	*x.buf = out
	x.w.Header()["Etag"] = x.one(2, version.ETag())
	if notModified {
		x.respond(http.StatusNotModified, nil)
		return nil
	}
	x.respond(http.StatusOK, out)
	return nil
}

// render appends a resource with its memberships, from one snapshot.
func (x *exchange) render(dst []byte, r directory.Reader, res *scim.Resource, p *scim.Projection) ([]byte, error) {
	var groups []directory.Membership
	if a := edge(res.Type); a != nil && a.Mutability == scim.ReadOnly && p.Includes(a) {
		found, err := directory.GroupsOf(x.ctx, r, x.principal.Org, []string{res.ID})
		if err != nil {
			return dst, err
		}
		groups = found[res.ID]
	}
	return x.append(dst, r, res, p, groups)
}

// append writes a resource whose groups are known.
func (x *exchange) append(dst []byte, r directory.Reader, res *scim.Resource, p *scim.Projection, groups []directory.Membership) ([]byte, error) {
	a := edge(res.Type)
	var err error
	var edges scim.Edges
	switch {
	case a == nil:
	case a.Mutability == scim.ReadOnly:
		if len(groups) > 0 {
			edges = func(dst []byte) []byte { return x.appendGroups(dst, groups) }
		}
	default:
		edges = func(dst []byte) []byte {
			dst, err = x.appendMembers(dst, r, directory.Ref{Org: x.principal.Org, Type: res.Type, ID: res.ID})
			return dst
		}
	}
	return res.AppendJSON(dst, p, x.s.opts.BaseURL, edges), err
}

// edge is the relation that a resource type shows, or nil.
func edge(rt *scim.ResourceType) *scim.Attribute {
	for _, a := range rt.Roots() {
		if a.Edge {
			return a
		}
	}
	return nil
}

func (x *exchange) appendGroups(dst []byte, groups []directory.Membership) []byte {
	dst = append(dst, '[')
	for i, g := range groups {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = x.appendRef(dst, g.Group, "/Groups/")
		dst = scim.AppendString(append(dst, `,"display":`...), g.Display)
		dst = append(append(append(dst, `,"type":"`...), g.Kind()...), `"}`...)
	}
	return append(dst, ']')
}

func (x *exchange) appendRef(dst []byte, id, endpoint string) []byte {
	dst = append(append(dst, `{"value":"`...), id...)
	dst = append(append(dst, `","$ref":"`...), x.s.opts.BaseURL...)
	dst = append(append(dst, endpoint...), id...)
	return append(dst, '"')
}

// list answers GET of a resource type (RFC 7644 section 3.4.2).
func (x *exchange) list() error { return x.answerList(x.route.rt) }

// search answers POST of a SearchRequest to a type (RFC 7644 section 3.4.3).
func (x *exchange) search() error {
	if err := x.searchRequest(); err != nil {
		return err
	}
	return x.answerList(x.route.rt)
}

func (x *exchange) answerList(rt *scim.ResourceType) error {
	q, err := x.query(rt)
	if err != nil {
		return err
	}
	out := (*x.buf)[:0]
	err = x.s.dir.ReadAs(x.ctx, x.client(), func(r directory.Reader) error {
		page, err := r.Find(x.ctx, q)
		if err != nil {
			return err
		}
		out = appendListHead(out, page.Total, len(page.Resources))
		if x.params.cursored {
			out = x.appendCursors(out, q, page)
		} else {
			out = appendNumber(out, `,"startIndex":`, q.Start)
		}
		out, err = x.appendPage(append(out, `,"Resources":[`...), r, page.Resources, x.params.projection(rt))
		out = append(out, "]}"...)
		return err
	})
	if err != nil {
		return err
	}
	*x.buf = out
	x.respond(http.StatusOK, out)
	return nil
}

func appendListHead(dst []byte, total, items int) []byte {
	dst = append(dst, `{"schemas":["`+scim.ListResponseURN+`"],"totalResults":`...)
	dst = strconv.AppendInt(dst, int64(total), 10)
	return appendNumber(dst, `,"itemsPerPage":`, items)
}

func appendNumber(dst []byte, name string, n int) []byte {
	return strconv.AppendInt(append(dst, name...), int64(n), 10)
}

// appendPage writes resources; the groups of all are looked up together.
func (x *exchange) appendPage(dst []byte, r directory.Reader, page []*scim.Resource, p *scim.Projection) ([]byte, error) {
	if len(page) == 0 {
		return dst, nil
	}
	var groups map[string][]directory.Membership
	if a := edge(page[0].Type); a != nil && a.Mutability == scim.ReadOnly && p.Includes(a) {
		ids := make([]string, len(page))
		for i, res := range page {
			ids[i] = res.ID
		}
		var err error
		if groups, err = directory.GroupsOf(x.ctx, r, x.principal.Org, ids); err != nil {
			return dst, err
		}
	}
	for i, res := range page {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = x.append(dst, r, res, p, groups[res.ID]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
