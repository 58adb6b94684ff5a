package directory

import (
	"context"
	"time"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// catalogue is a Reader that shows applications, assignments, licences and
// integrations as resources too, which clients can read and not change (domain
// 3.3).
type catalogue struct {
	Reader
	now     time.Time
	service *Service
}

// Shelf is one sort of document that is shown as resources.
type Shelf struct {
	Kind Kind
	Show func(ctx context.Context, r Documents, now time.Time, rt *scim.ResourceType, d Document) (*scim.Resource, error)
	// Key is the one that a filter's comparison of texts asks for; nil when none does.
	Key func(attribute, value string) string
}

// Get reads one resource.
func (c catalogue) Get(ctx context.Context, ref Ref) (*scim.Resource, error) {
	if !ref.Type.ReadOnly {
		return c.Reader.Get(ctx, ref)
	}
	s, some := c.service.shelves[ref.Type.Name]
	if !some {
		return nil, ErrNotFound
	}
	d, err := c.Document(ctx, ref.Org, s.Kind, ref.ID)
	if err != nil {
		return nil, err
	}
	return s.Show(ctx, c, c.now, ref.Type, d)
}

// Find answers a query. Documents that no filter and no order ask about are
// counted unread.
func (c catalogue) Find(ctx context.Context, q Query) (Page, error) {
	if !q.Type.ReadOnly {
		return c.Reader.Find(ctx, q)
	}
	s, some := c.service.shelves[q.Type.Name]
	l := listing{q: q}
	if !some {
		return l.page()
	}
	for d, err := range c.Documents(ctx, DocumentQuery{Org: q.Org, Kind: s.Kind, Key: s.asked(q.Filter)}) {
		if err != nil {
			return Page{}, err
		}
		l.add(d.ID, func() (*scim.Resource, error) { return s.Show(ctx, c, c.now, q.Type, d) })
	}
	return l.page()
}

// asked is the key that every resource has which the filter accepts, if one is
// known.
func (s Shelf) asked(f *filter.Filter) string {
	if f == nil || s.Key == nil {
		return ""
	}
	parts, ok := f.Root.(filter.And)
	if !ok {
		parts = filter.And{f.Root}
	}
	for _, part := range parts {
		if leaf, ok := part.(*filter.Leaf); ok && leaf.Op == filter.Equal {
			if key := s.Key(leaf.Attr.Name, leaf.Key); key != "" {
				return key
			}
		}
	}
	return ""
}
