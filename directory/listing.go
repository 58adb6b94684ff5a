package directory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// listing makes the page of a query out of all the resources of a type, for those
// that no store has an index for.
type listing struct {
	q   Query
	all []listed
	err error
}

// PageOf makes the page of a query out of all the resources that its filter accepts.
func PageOf(q Query, all []*scim.Resource) (Page, error) {
	q.Filter = nil
	l := listing{q: q}
	for _, r := range all {
		l.add(r.ID, func() (*scim.Resource, error) { return r, nil })
	}
	return l.page()
}

// listed is a resource with its place: the sort key, then the id.
type listed struct {
	key, id string
	read    func() (*scim.Resource, error)
}

// add takes a resource that the filter accepts. It is read only if filter, order
// or page need it.
func (l *listing) add(id string, read func() (*scim.Resource, error)) {
	one := listed{id: id, read: read}
	if l.err == nil && (l.q.Filter != nil || l.q.SortBy != nil) {
		var res *scim.Resource
		if res, l.err = read(); l.err != nil || l.q.Filter != nil && !l.q.Filter.Match(res) {
			return
		}
		one.read = func() (*scim.Resource, error) { return res, nil }
		if l.q.SortBy != nil {
			one.key = res.SortKey(l.q.SortBy)
		}
	}
	l.all = append(l.all, one)
}

func (l *listing) page() (p Page, err error) {
	if l.err != nil {
		return p, l.err
	}
	slices.SortFunc(l.all, l.compare)
	from, to := l.window()
	p.Total, p.Prior, p.More = len(l.all), from > 0 && len(l.all) > 0, to < len(l.all) && from < to
	for _, one := range l.all[from:to] {
		res, err := one.read()
		if err != nil {
			return p, err
		}
		p.Resources = append(p.Resources, res)
	}
	if from < to {
		p.First, p.Last = l.all[from].position(), l.all[to-1].position()
	}
	return p, nil
}

func (l *listing) compare(a, b listed) int {
	return cmp.Or(scim.CompareSortKeys(a.key, b.key, l.q.Descending), strings.Compare(a.id, b.id))
}

// window is the part of the list that the page shows.
func (l *listing) window() (from, to int) {
	place := func(p Position) (int, bool) {
		id, key, _ := strings.Cut(string(p), "\x00")
		return slices.BinarySearchFunc(l.all, listed{key: key, id: id}, l.compare)
	}
	switch {
	case l.q.Before != nil:
		to, _ = place(l.q.Before)
		return max(0, to-l.q.Count), to
	case l.q.After != nil:
		at, found := place(l.q.After)
		if from = at; found {
			from++
		}
	default:
		from = max(0, l.q.Start-1)
	}
	from = min(from, len(l.all))
	return from, min(from+l.q.Count, len(l.all))
}

func (o listed) position() Position { return Position(o.id + "\x00" + o.key) }
