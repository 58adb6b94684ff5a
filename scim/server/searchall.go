package server

import (
	"net/http"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// sortedTogether is how far a sorted search over several types can be paged: so many
// resources of each type are read to merge them.
const sortedTogether = 1000

// searchAll answers POST /.search: the types the caller may read, as one list. They
// stand one after another, unless they are sorted.
func (x *exchange) searchAll() error {
	if err := x.searchRequest(); err != nil {
		return err
	}
	if x.params.cursored {
		return scim.Errorf(scim.InvalidCursor, "Cursors belong to one resource type; search its endpoint, or page by startIndex.")
	}
	out := (*x.buf)[:0]
	err := x.s.dir.ReadAs(x.ctx, x.client(), func(r directory.Reader) error {
		types, err := x.offered(r)
		if err != nil {
			return err
		}
		types = slices.DeleteFunc(types, func(rt *scim.ResourceType) bool { return !x.principal.Scopes.Allows(rt.Noun(), "read") })
		if len(types) == 0 {
			return x.authorize("read", "users")
		}
		queries, err := x.queries(types)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(queries, func(q directory.Query) bool { return q.SortBy != nil }) {
			out, err = x.appendMerged(out, r, queries)
		} else {
			out, err = x.appendInTurn(out, r, queries)
		}
		return err
	})
	if err != nil {
		return err
	}
	*x.buf = out
	x.respond(http.StatusOK, out)
	return nil
}

// queries binds the parameters to each of the types; one that can have no part in
// the result is left out.
func (x *exchange) queries(types []*scim.ResourceType) ([]directory.Query, error) {
	var filters []*filter.Filter
	if x.params.filter != "" {
		var met scim.Quirks
		var err error
		if filters, met, err = filter.CompileAll(x.params.filter, types, x.dialect()); err != nil {
			return nil, err
		}
		x.quirks |= met
	}
	var all []directory.Query
	for i, rt := range types {
		q := directory.Query{Org: x.principal.Org, Type: rt}
		if err := x.sorting(&q); err != nil {
			return nil, err
		}
		switch {
		case filters == nil || filters[i].Always():
		case filters[i].Never():
			continue
		default:
			q.Filter = filters[i]
		}
		all = append(all, q)
	}
	return all, nil
}

// appendInTurn writes a page of one type after another, in the order of creation. What
// comes first is known last.
func (x *exchange) appendInTurn(body []byte, r directory.Reader, queries []directory.Query) ([]byte, error) {
	total, items, start := 0, 0, x.params.start
	room := x.pageSize()
	for _, q := range queries {
		q.Start, q.Count = max(1, start-total), room-items
		page, err := r.Find(x.ctx, q)
		if err != nil {
			return body, err
		}
		total += page.Total
		if items > 0 && len(page.Resources) > 0 {
			body = append(body, ',')
		}
		items += len(page.Resources)
		if body, err = x.appendPage(body, r, page.Resources, x.params.projection(q.Type)); err != nil {
			return body, err
		}
	}
	head := appendNumber(appendListHead(nil, total, items), `,"startIndex":`, start)
	x.before = slices.Insert(x.before, 0, passage{text: append(head, `,"Resources":[`...)})
	return append(body, "]}"...), nil
}

// ranked is a resource with what it is sorted by.
type ranked struct {
	*scim.Resource
	key   string
	shown *scim.Projection
}

// appendMerged writes a page of all types together, sorted. Types that do not have
// the attribute are like resources without a value.
func (x *exchange) appendMerged(dst []byte, r directory.Reader, queries []directory.Query) ([]byte, error) {
	from, room := x.params.start-1, x.pageSize()
	var all []ranked
	total, descending := 0, false
	for _, q := range queries {
		if q.Start = 1; room > 0 {
			q.Count = min(from, sortedTogether) + room
		}
		page, err := r.Find(x.ctx, q)
		if err != nil {
			return dst, err
		}
		total, descending = total+page.Total, descending || q.Descending
		shown := x.params.projection(q.Type) // once: a client may name thousands of attributes
		for _, res := range page.Resources {
			one := ranked{Resource: res, shown: shown}
			if q.SortBy != nil {
				one.key = res.SortKey(q.SortBy)
			}
			all = append(all, one)
		}
	}
	if room > 0 && from > sortedTogether && from < total {
		return dst, scim.Errorf(scim.TooMany, "A search over several resource types can be sorted for its first %d results; search the endpoint of one type, or narrow the filter.", sortedTogether)
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return scim.CompareSortKeys(a.key, b.key, descending) })
	all = all[min(from, len(all)):]
	all = all[:min(room, len(all))]
	dst = appendNumber(appendListHead(dst, total, len(all)), `,"startIndex":`, x.params.start)
	dst = append(dst, `,"Resources":[`...)
	for i, one := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = x.render(dst, r, one.Resource, one.shown); err != nil {
			return dst, err
		}
	}
	return append(dst, "]}"...), nil
}
