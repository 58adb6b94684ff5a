package sqlite

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/index"
	"github.com/usher-scim/usher/scim"
)

// order sorts the rows of a query in place and returns their keys: nil in the
// order of creation. A key is "" for rows without a value, which come last when
// ascending and first when descending (RFC 7644 section 3.4.2.3); other keys
// begin with a byte above zero, so that they compare as texts.
func (s *search) order(ctx context.Context, q directory.Query, rows []int64) ([]string, error) {
	if q.SortBy == nil {
		return nil, nil
	}
	keys, err := s.sortKeys(ctx, q.SortBy, rows)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b int64) int {
		if c := scim.CompareSortKeys(keys[a], keys[b], q.Descending); c != 0 {
			return c
		}
		return compareRows(a, b)
	})
	ordered := make([]string, len(rows))
	for i, row := range rows {
		ordered[i] = keys[row]
	}
	return ordered, nil
}

// sortKeys reads the keys: from the table of unique keys where it has them,
// otherwise from the resources.
func (s *search) sortKeys(ctx context.Context, a *scim.Attribute, rows []int64) (map[int64]string, error) {
	keys := make(map[int64]string, len(rows))
	unique := a.Uniqueness != scim.NotUnique
	if num, ok := s.store.names.Attribute(s.k.Type, a); ok && unique && len(rows) > 64 {
		err := index.Keys(s.conn, s.org, num, func(row int64, value string) { keys[row] = "\x01" + value })
		if err != nil {
			return nil, err
		}
	}
	for i, row := range rows {
		if _, known := keys[row]; known {
			continue
		}
		if i%256 == 255 {
			if err := s.pause(ctx); err != nil {
				return nil, err
			}
		}
		res, err := s.resource(row)
		if err != nil {
			return nil, err
		}
		if err := res.Load(); err != nil {
			return nil, err
		}
		keys[row] = res.SortKey(a)
	}
	return keys, nil
}
