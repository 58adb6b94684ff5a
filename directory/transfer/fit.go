package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
)

// fits fails when the copy would take something from an organization of the target
// that is not copied, or undo what somebody has done there.
func (c *copying) fits(ctx context.Context, orgs []directory.Organization) error {
	var taken []string
	for _, org := range orgs {
		c.org = org.ID
		more, err := c.takes(ctx)
		if err != nil {
			return err
		}
		taken = append(taken, more...)
	}
	c.org = ""
	more, err := c.takesDomains(ctx)
	if err != nil {
		return err
	}
	if taken = append(taken, more...); len(taken) > 0 {
		return fmt.Errorf("the target has something of the same name that belongs to another organization: %s; nothing was copied; give it another name in one of the two, or copy into a store of its own", strings.Join(taken, ", "))
	}
	for _, org := range orgs {
		c.org = org.ID
		if err := c.untouched(ctx); err != nil {
			return err
		}
	}
	return nil
}

// takes names the connections and tokens of the organization that are another's in
// the target: ids of both are the whole server's.
func (c *copying) takes(ctx context.Context) (taken []string, err error) {
	all, err := c.from.Connections(ctx, c.org)
	if err != nil {
		return nil, err
	}
	for _, conn := range all {
		switch there, err := c.to.Connection(ctx, conn.ID); {
		case err == nil && there.Org != c.org:
			taken = append(taken, fmt.Sprintf("the connection %s of %s (here of %s)", conn.ID, there.Org, c.org))
		case err != nil && !errors.Is(err, directory.ErrNotFound):
			return nil, err
		}
		tokens, err := c.from.Tokens(ctx, conn.ID)
		if err != nil {
			return nil, err
		}
		for _, t := range tokens {
			switch there, err := c.to.Token(ctx, t.ID); {
			case err == nil && there.Org != c.org:
				taken = append(taken, fmt.Sprintf("the token %s of %s (here of %s)", t.ID, there.Org, c.org))
			case err != nil && !errors.Is(err, directory.ErrNotFound):
				return nil, err
			}
		}
	}
	return taken, nil
}

// takesDomains names the domains that are another organization's in the target.
func (c *copying) takesDomains(ctx context.Context) (taken []string, err error) {
	for page, err := range documentPages(ctx, c.from, "", (&estate.Domain{}).Kind()) {
		if err != nil {
			return nil, err
		}
		page, err := c.wanted(ctx, page)
		if err != nil {
			return nil, err
		}
		err = c.to.View(ctx, func(r directory.Reader) error {
			for _, d := range page {
				there, err := directory.Load[estate.Domain](ctx, r, "", d.ID)
				if err != nil && !errors.Is(err, directory.ErrNotFound) {
					return err
				}
				if of := belongs(d).Org; err == nil && there.Org != of {
					taken = append(taken, fmt.Sprintf("the domain %s of %s (here of %s)", d.ID, there.Org, of))
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return taken, nil
}

// untouched fails when the audit of the target tells of changes that the source knows
// nothing of: they, and what they made, would be gone. Both are read once, side by side,
// since the target has the events of the source in about their order.
func (c *copying) untouched(ctx context.Context) error {
	next, stop := iter.Pull2(entries(ctx, c.from, directory.TrailQuery{Org: c.org}))
	defer stop()
	ahead := map[string]bool{} // in the source, and not met in the target so far
	known := func(id string) (bool, error) {
		for !ahead[id] {
			entry, err, more := next()
			if err != nil || !more {
				return false, err
			}
			ahead[entry.Event.ID] = true
		}
		delete(ahead, id)
		return true, nil
	}
	for entry, err := range entries(ctx, c.to, directory.TrailQuery{Org: c.org}) {
		if err != nil {
			return err
		}
		is, err := known(entry.Event.ID)
		if err != nil {
			return err
		}
		if !is {
			return fmt.Errorf("somebody has worked on the organization %s in the target (%s at %s), and the copy would undo it; nothing was copied; copy into an empty store", c.org, entry.Event.Action, entry.Event.Time.UTC().Format("2006-01-02 15:04:05"))
		}
	}
	return nil
}

// concerned is what a document of the whole server says of whom it concerns.
type concerned struct {
	Org   directory.OrgID `json:"organization"`
	Home  directory.OrgID `json:"homeOrganization"`
	Email string          `json:"email"`
}

func belongs(d directory.Document) (o concerned) {
	_ = json.Unmarshal(d.Data, &o) // what has no organization belongs to none
	return o
}

// wanted are the documents that are copied: of those of the whole server only what
// concerns the organizations that are.
func (c *copying) wanted(ctx context.Context, page []directory.Document) (kept []directory.Document, err error) {
	if c.org != "" || len(c.o.Orgs) == 0 {
		return page, nil
	}
	err = c.from.View(ctx, func(r directory.Reader) error {
		for _, d := range page {
			is, err := c.concerns(ctx, r, belongs(d))
			if err != nil {
				return err
			}
			if is {
				kept = append(kept, d)
			}
		}
		return nil
	})
	return kept, err
}

// concerns reports whether a document is of one of the organizations that are copied,
// of nobody, or of an address that somebody there has.
func (c *copying) concerns(ctx context.Context, r directory.Reader, of concerned) (bool, error) {
	if of == (concerned{}) || slices.Contains(c.o.Orgs, of.Org) || slices.Contains(c.o.Orgs, of.Home) {
		return true, nil
	}
	if of.Email == "" {
		return false, nil
	}
	rt, err := r.Type("User")
	if err != nil {
		return false, err
	}
	for _, org := range c.o.Orgs {
		people, err := estate.Holders(ctx, r, rt, org, of.Email)
		if err != nil || len(people) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// count finds out how much there is to do in the organization.
func (c *copying) count(ctx context.Context) error {
	c.total = 0
	if c.o.Progress == nil {
		return nil
	}
	for _, rt := range c.o.Types {
		if rt.ReadOnly {
			continue
		}
		err := c.from.View(ctx, func(r directory.Reader) error {
			p, err := r.Find(ctx, directory.Query{Org: c.org, Type: rt, Start: 1})
			c.total += p.Total
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := c.countDocuments(ctx); err != nil {
		return err
	}
	from, err := c.mark(ctx)
	if err != nil {
		return err
	}
	for _, err := range entries(ctx, c.from, directory.TrailQuery{Org: c.org, After: from}) {
		if err != nil {
			return err
		}
		c.total++
	}
	return nil
}

func (c *copying) countDocuments(ctx context.Context) error {
	have, err := contents(ctx, c.from, c.org)
	if err != nil {
		return err
	}
	for _, kind := range have.Kinds {
		for page, err := range documentPages(ctx, c.from, c.org, kind) {
			if err != nil {
				return err
			}
			c.total += len(page)
		}
	}
	return nil
}
