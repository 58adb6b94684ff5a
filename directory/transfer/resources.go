package transfer

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// pages walks the resources of a type in the order of their creation, each page
// from a snapshot of its own.
func pages(ctx context.Context, s Store, org directory.OrgID, rt *scim.ResourceType) iter.Seq2[[]*scim.Resource, error] {
	return func(yield func([]*scim.Resource, error) bool) {
		q := directory.Query{Org: org, Type: rt, Start: 1, Count: batch}
		for {
			var page directory.Page
			err := s.View(ctx, func(r directory.Reader) (err error) {
				page, err = r.Find(ctx, q)
				return err
			})
			if err != nil || len(page.Resources) > 0 {
				if !yield(page.Resources, err) || err != nil {
					return
				}
			}
			if !page.More {
				return
			}
			q.After = page.Last
		}
	}
}

// resources makes the target have the resources of a type, and no others.
func (c *copying) resources(ctx context.Context, rt *scim.ResourceType) error {
	for page, err := range pages(ctx, c.from, c.org, rt) {
		if err != nil {
			return err
		}
		n := 0
		err := c.to.Update(ctx, func(tx directory.Tx) error {
			n = 0 // it may run again
			for _, r := range page {
				wrote, err := c.put(ctx, tx, r)
				if err != nil {
					return err
				}
				if wrote {
					n++
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.report.Resources += n
		c.changed = c.changed || n > 0
		if !c.again {
			c.step(len(page))
		}
	}
	return c.extras(ctx, rt)
}

// put carries one resource over, as it is. Whoever has its name in the target is
// removed first: they have another name in the source, or are gone, and come again.
func (c *copying) put(ctx context.Context, tx directory.Tx, r *scim.Resource) (bool, error) {
	cur, err := tx.Get(ctx, directory.Ref{Org: c.org, Type: r.Type, ID: r.ID})
	switch {
	case errors.Is(err, directory.ErrNotFound):
		cur = nil
	case err != nil:
		return false, err
	case same(cur, r):
		return false, nil
	}
	for _, a := range r.Type.UniqueAttributes() {
		key := scim.Key(r.Text(a))
		if key == "" {
			continue
		}
		owner, err := tx.Owner(ctx, directory.UniqueKey{Org: c.org, Type: r.Type, Attr: a, Key: key})
		if errors.Is(err, directory.ErrNotFound) || err == nil && owner == r.ID {
			continue
		}
		if err != nil {
			return false, err
		}
		other, err := tx.Get(ctx, directory.Ref{Org: c.org, Type: r.Type, ID: owner})
		if err == nil {
			err = tx.Delete(ctx, c.org, other)
		}
		if err != nil {
			return false, err
		}
	}
	return true, tx.Put(ctx, c.org, cur, r)
}

func same(a, b *scim.Resource) bool {
	return a.Version == b.Version && a.Modified.Equal(b.Modified) && a.Created.Equal(b.Created) && bytes.Equal(a.Seal(), b.Seal())
}

// extras removes what the source does not have any more.
func (c *copying) extras(ctx context.Context, rt *scim.ResourceType) error {
	for page, err := range pages(ctx, c.to, c.org, rt) {
		if err != nil {
			return err
		}
		var gone []*scim.Resource
		err := c.from.View(ctx, func(r directory.Reader) error {
			for _, res := range page {
				_, err := r.Get(ctx, directory.Ref{Org: c.org, Type: rt, ID: res.ID})
				if errors.Is(err, directory.ErrNotFound) {
					gone = append(gone, res)
				} else if err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil && len(gone) > 0 {
			c.changed = true
			err = c.to.Update(ctx, func(tx directory.Tx) error {
				for _, res := range gone {
					if err := tx.Delete(ctx, c.org, res); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// memberships makes every group of the target have the members that it has in the
// source.
func (c *copying) memberships(ctx context.Context) error {
	for _, rt := range c.o.Types {
		if !directory.IsGroup(rt) {
			continue
		}
		for page, err := range pages(ctx, c.from, c.org, rt) {
			if err != nil {
				return err
			}
			for _, group := range page {
				if err := c.members(ctx, directory.Ref{Org: c.org, Type: rt, ID: group.ID}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *copying) members(ctx context.Context, group directory.Ref) error {
	want, err := membersOf(ctx, c.from, group)
	if err != nil {
		return err
	}
	have, err := membersOf(ctx, c.to, group)
	if err != nil {
		return err
	}
	var d directory.EdgeDelta
	flush := func(least int) error {
		if len(d.Add)+len(d.Remove) < least {
			return nil
		}
		delta := d
		d = directory.EdgeDelta{}
		c.report.Members += len(delta.Add) + len(delta.Remove)
		c.changed = true
		return c.to.Update(ctx, func(tx directory.Tx) error { return tx.Link(ctx, group, delta) })
	}
	for id, m := range want {
		if _, ok := have[id]; !ok {
			d.Add = append(d.Add, m)
		}
		if err := flush(4 * batch); err != nil {
			return err
		}
	}
	for id := range have {
		if _, ok := want[id]; !ok {
			d.Remove = append(d.Remove, id)
		}
		if err := flush(4 * batch); err != nil {
			return err
		}
	}
	return flush(1)
}

func membersOf(ctx context.Context, s Store, group directory.Ref) (map[string]directory.Member, error) {
	all := map[string]directory.Member{}
	return all, s.View(ctx, func(r directory.Reader) error {
		for m, err := range r.Members(ctx, group) {
			if err != nil {
				return err
			}
			all[m.ID] = m
		}
		return nil
	})
}
