package transfer

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usher-scim/usher/directory"
)

func contents(ctx context.Context, s Store, org directory.OrgID) (out directory.Contents, err error) {
	err = s.View(ctx, func(r directory.Reader) (err error) {
		out, err = r.Contents(ctx, org)
		return err
	})
	return out, err
}

// documentPages walks the documents of a kind in the order of their ids, each page
// from a snapshot of its own.
func documentPages(ctx context.Context, s Store, org directory.OrgID, kind directory.Kind) iter.Seq2[[]directory.Document, error] {
	return func(yield func([]directory.Document, error) bool) {
		for after := ""; ; {
			var page []directory.Document
			err := s.View(ctx, func(r directory.Reader) error {
				for d, err := range r.Documents(ctx, directory.DocumentQuery{Org: org, Kind: kind, After: after, Limit: batch}) {
					if err != nil {
						return err
					}
					page = append(page, d)
				}
				return nil
			})
			if err != nil || len(page) > 0 {
				if !yield(page, err) || err != nil {
					return
				}
			}
			if len(page) < batch {
				return
			}
			after = page[len(page)-1].ID
		}
	}
}

// documents makes the target have the documents of the organization; others are
// removed if that is wanted.
func (c *copying) documents(ctx context.Context, exactly bool) error {
	have, err := contents(ctx, c.from, c.org)
	if err != nil {
		return err
	}
	for _, kind := range have.Kinds {
		for page, err := range documentPages(ctx, c.from, c.org, kind) {
			if err != nil {
				return err
			}
			wanted, err := c.wanted(ctx, page)
			if err == nil {
				err = c.putDocuments(ctx, wanted)
			}
			if err != nil {
				return err
			}
			c.step(len(page))
		}
	}
	if !exactly {
		return nil
	}
	kept, err := contents(ctx, c.to, c.org)
	if err != nil {
		return err
	}
	for _, kind := range kept.Kinds {
		for page, err := range documentPages(ctx, c.to, c.org, kind) {
			if err != nil {
				return err
			}
			if err := c.dropDocuments(ctx, page); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *copying) putDocuments(ctx context.Context, page []directory.Document) error {
	n := 0
	err := c.to.Update(ctx, func(tx directory.Tx) error {
		n = 0
		for _, d := range page {
			cur, err := tx.Document(ctx, d.Org, d.Kind, d.ID)
			if err != nil && !errors.Is(err, directory.ErrNotFound) {
				return err
			}
			if err == nil && cur.Version == d.Version && bytes.Equal(cur.Data, d.Data) && slices.Equal(cur.Keys, d.Keys) {
				continue
			}
			n++
			if err := tx.PutDocument(ctx, d, cur); err != nil {
				return err
			}
		}
		return nil
	})
	c.report.Documents += n
	return err
}

// dropDocuments removes those that the source does not have.
func (c *copying) dropDocuments(ctx context.Context, page []directory.Document) error {
	var gone []directory.Document
	err := c.from.View(ctx, func(r directory.Reader) error {
		for _, d := range page {
			_, err := r.Document(ctx, d.Org, d.Kind, d.ID)
			if errors.Is(err, directory.ErrNotFound) {
				gone = append(gone, d)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	c.report.Documents += len(gone)
	return c.to.Update(ctx, func(tx directory.Tx) error {
		for _, d := range gone {
			if err := tx.DeleteDocument(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// totals brings the running totals of the target to those of the source.
func (c *copying) totals(ctx context.Context) error {
	want, err := contents(ctx, c.from, c.org)
	if err != nil {
		return err
	}
	have, err := contents(ctx, c.to, c.org)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for name := range maps.Keys(want.Totals) {
		names[name] = true
	}
	for name := range maps.Keys(have.Totals) {
		names[name] = true
	}
	return c.to.Update(ctx, func(tx directory.Tx) error {
		for name := range names {
			if by := want.Totals[name] - have.Totals[name]; by != 0 {
				if err := tx.Count(ctx, c.org, name, by, -1); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// A mark is a setting of the target: up to where the events of an organization are
// copied.
const mark = "copied:"

func isMark(setting string) bool { return strings.HasPrefix(setting, mark) }

// mark reads the one of the organization; 0 is the beginning.
func (c *copying) mark(ctx context.Context) (int64, error) {
	last, err := c.to.Setting(ctx, mark+string(c.org))
	if errors.Is(err, directory.ErrNotFound) {
		return 0, nil
	}
	from, _ := strconv.ParseInt(string(last), 10, 64) // what is no number is no mark
	return from, err
}

// events appends the events that the target lacks. Those that were delivered are
// recorded, the others wait in the target's outbox.
func (c *copying) events(ctx context.Context) error {
	waiting := map[string]bool{}
	for entry, err := range entries(ctx, c.from, directory.TrailQuery{Org: c.org, Waiting: true}) {
		if err != nil {
			return err
		}
		waiting[entry.Event.ID] = true
	}
	from, err := c.mark(ctx)
	if err != nil {
		return err
	}
	c.marked = from > 0
	var page []directory.Entry
	var known map[string]bool // copied already, by a run that broke off
	flush := func() error {
		if len(page) == 0 {
			return nil
		}
		if known == nil {
			var err error
			if known, err = c.since(ctx, page[0].Event.Time); err != nil {
				return err
			}
		}
		if err := c.putEvents(ctx, page, known, waiting); err != nil {
			return err
		}
		seq := page[len(page)-1].Seq
		c.step(len(page))
		page = page[:0]
		return c.to.PutSetting(ctx, mark+string(c.org), strconv.AppendInt(nil, seq, 10))
	}
	for entry, err := range entries(ctx, c.from, directory.TrailQuery{Org: c.org, After: from}) {
		if err != nil {
			return err
		}
		if page = append(page, entry); len(page) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// since lists the events of the target from a time on.
func (c *copying) since(ctx context.Context, t time.Time) (map[string]bool, error) {
	ids := map[string]bool{}
	for entry, err := range entries(ctx, c.to, directory.TrailQuery{Org: c.org}) {
		if err != nil {
			return nil, err
		}
		if !entry.Event.Time.Before(t) {
			ids[entry.Event.ID] = true
		}
	}
	return ids, nil
}

func (c *copying) putEvents(ctx context.Context, page []directory.Entry, known, waiting map[string]bool) error {
	var fresh []directory.Event
	for _, entry := range page {
		if !known[entry.Event.ID] {
			fresh = append(fresh, entry.Event)
		}
	}
	c.report.Events += len(fresh)
	return c.to.Update(ctx, func(tx directory.Tx) error {
		for rest := fresh; len(rest) > 0; {
			n, held := 1, waiting[rest[0].ID]
			for n < len(rest) && waiting[rest[n].ID] == held {
				n++
			}
			put := tx.Record
			if held {
				put = tx.Emit
			}
			if err := put(ctx, rest[:n]...); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
}

// entries walks the audit log.
func entries(ctx context.Context, s Store, q directory.TrailQuery) iter.Seq2[directory.Entry, error] {
	return func(yield func(directory.Entry, error) bool) {
		for q.Limit = batch; ; {
			page, err := s.Trail(ctx, q)
			if err != nil {
				yield(directory.Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < q.Limit {
				return
			}
			q.After = page[len(page)-1].Seq
		}
	}
}
