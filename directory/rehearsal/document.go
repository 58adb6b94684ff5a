package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/usher-scim/usher/directory"
)

// Document reads one document.
func (r *reader) Document(ctx context.Context, org directory.OrgID, kind directory.Kind, id string) (directory.Document, error) {
	switch d, written := r.made.documents[noun{sort{org, string(kind)}, id}]; {
	case !written:
		return r.Reader.Document(ctx, org, kind, id)
	case d == nil:
		return directory.Document{}, directory.ErrNotFound
	default:
		return *d, nil
	}
}

// Documents walks the documents that a query asks for.
func (r *reader) Documents(ctx context.Context, q directory.DocumentQuery) iter.Seq2[directory.Document, error] {
	s := sort{q.Org, string(q.Kind)}
	if len(r.made.kinds[s]) == 0 {
		return r.Reader.Documents(ctx, q)
	}
	return func(yield func(directory.Document, error) bool) {
		all, err := r.asked(ctx, q, s)
		if err != nil {
			yield(directory.Document{}, err)
			return
		}
		slices.SortFunc(all, func(a, b found) int { return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.ID, b.ID)) })
		if q.Limit > 0 && len(all) > q.Limit {
			all = all[:q.Limit]
		}
		for _, d := range all {
			if !yield(d.Document, nil) {
				return
			}
		}
	}
}

// found is a document with the key that it was found by; "" where its id decides.
type found struct {
	directory.Document
	by string
}

// asked are the documents that a query asks for, in no order.
func (r *reader) asked(ctx context.Context, q directory.DocumentQuery, s sort) (all []found, err error) {
	below := q
	below.Limit = 0 // some of them may not be there any more
	for d, err := range r.Reader.Documents(ctx, below) {
		if err != nil {
			return nil, err
		}
		if _, written := r.made.documents[noun{s, d.ID}]; !written {
			all = append(all, fits(q, d)...)
		}
	}
	seen := map[string]bool{}
	for _, id := range r.candidates(q, s) {
		if d := r.made.documents[noun{s, id}]; d != nil && !seen[id] {
			all = append(all, fits(q, *d)...)
		}
		seen[id] = true
	}
	if q.Below != "" { // who was found by two keys below came twice
		slices.SortFunc(all, func(a, b found) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.by, b.by)) })
		all = slices.CompactFunc(all, func(a, b found) bool { return a.ID == b.ID && a.by == b.by })
	}
	return all, nil
}

// candidates are the ids of the documents above that a query may ask for.
func (r *reader) candidates(q directory.DocumentQuery, s sort) []string {
	if q.Below != "" || q.Key == "" {
		return r.made.kinds[s]
	}
	ids := r.made.keys[key{s, q.Key}]
	if q.Or != "" {
		ids = slices.Concat(ids, r.made.keys[key{s, q.Or}])
	}
	return ids
}

// fits is a document once for each key in a range that it has, or once if it is asked for.
func fits(q directory.DocumentQuery, d directory.Document) (all []found) {
	if q.Below != "" {
		for _, k := range d.Keys {
			if k >= q.From && k < q.Below {
				all = append(all, found{d, k})
			}
		}
		return all
	}
	if d.ID > q.After && (q.Key == "" || slices.Contains(d.Keys, q.Key) || q.Or != "" && slices.Contains(d.Keys, q.Or)) {
		all = append(all, found{d, ""})
	}
	return all
}

// Tally is a running total.
func (r *reader) Tally(ctx context.Context, org directory.OrgID, name string) (int64, error) {
	n, err := r.Reader.Tally(ctx, org, name)
	return n + r.made.tallies[place{org, name}], err
}

// Count changes a running total.
func (t *tx) Count(ctx context.Context, org directory.OrgID, name string, by, most int64) error {
	n, err := t.Tally(ctx, org, name)
	if err != nil {
		return err
	}
	if most >= 0 && by > 0 && n+by > most {
		return directory.ErrLimit
	}
	at := place{org, name}
	set(t, t.made.tallies, at, t.made.tallies[at]+by)
	return nil
}

// stands fails with directory.ErrVersion unless a document is as it was read.
func (t *tx) stands(ctx context.Context, before directory.Document) error {
	is, err := t.Document(ctx, before.Org, before.Kind, before.ID)
	switch {
	case errors.Is(err, directory.ErrNotFound) && before.Version == 0:
		return nil
	case err == nil && before.Version != 0 && is.Version == before.Version:
		return nil
	case err == nil || errors.Is(err, directory.ErrNotFound):
		return directory.ErrVersion
	}
	return err
}

// PutDocument writes a document.
func (t *tx) PutDocument(ctx context.Context, d, before directory.Document) error {
	before.Org, before.Kind, before.ID = d.Org, d.Kind, d.ID
	if err := t.stands(ctx, before); err != nil {
		return err
	}
	s := sort{d.Org, string(d.Kind)}
	if _, known := t.made.documents[noun{s, d.ID}]; !known {
		t.made.kinds[s] = append(t.made.kinds[s], d.ID)
	}
	for _, text := range d.Keys {
		k := key{s, text}
		t.made.keys[k] = append(t.made.keys[k], d.ID)
	}
	t.made.bytes += weight + len(d.Data)
	set(t, t.made.documents, noun{s, d.ID}, &d)
	return nil
}

// DeleteDocument removes a document that was read.
func (t *tx) DeleteDocument(ctx context.Context, before directory.Document) error {
	if err := t.stands(ctx, before); err != nil {
		return err
	}
	s := sort{before.Org, string(before.Kind)}
	if _, known := t.made.documents[noun{s, before.ID}]; !known {
		t.made.kinds[s] = append(t.made.kinds[s], before.ID)
	}
	set(t, t.made.documents, noun{s, before.ID}, nil)
	return nil
}
