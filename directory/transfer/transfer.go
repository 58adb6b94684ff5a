// Package transfer copies organizations from one store to another. It may be
// called again and again: each time it carries over what differs, so that a long
// first copy is made while the source is in use and a short last one when it is
// not.
package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Store is what is copied from and to.
type Store interface {
	directory.Store
	directory.Registry
	directory.Settings
	directory.Trail
}

// Options of a copy.
type Options struct {
	Orgs  []directory.OrgID    // empty: all
	Types []*scim.ResourceType // of the resources; those that are read only are left out
	// Progress is told how much of an organization is done and how much there is to
	// do, in resources, documents and events together.
	Progress func(org directory.OrgID, done, total int)
}

// Report is what was carried over, and what the source and the target now agree on.
type Report struct {
	Resources, Members, Documents, Events int
	Digest                                string
}

// batch is how many things are carried over in one transaction.
const batch = 250

// rounds bound how often an organization is gone through: names that people have
// exchanged need a second one.
const rounds = 4

// Copy makes the target hold what the source holds, and compares the two. It refuses,
// before it changes anything, a target that has something which it would take from
// another organization, or in which somebody has worked on one that is copied. What is
// kept for the whole server is copied with its organization (accounts, domains) and
// nothing of it removed; of settings, which are secrets of an installation, only those
// that the target lacks.
func Copy(ctx context.Context, from, to Store, o Options) (Report, error) {
	c := &copying{from: from, to: to, o: o}
	orgs, err := c.organizations(ctx)
	if err != nil {
		return c.report, err
	}
	if err := c.fits(ctx, orgs); err != nil {
		return c.report, err
	}
	if err := c.server(ctx); err != nil {
		return c.report, err
	}
	sum, err := c.compareServer(ctx)
	if err != nil {
		return c.report, err
	}
	for _, org := range orgs {
		if err := c.organization(ctx, org); err != nil {
			return c.report, fmt.Errorf("organization %s: %w", org.ID, err)
		}
		one, err := c.compare(ctx, org.ID)
		if err != nil {
			return c.report, err
		}
		sum.join(one)
	}
	c.report.Digest = sum.String()
	return c.report, nil
}

// copying is a copy under way.
type copying struct {
	from, to Store
	o        Options
	org      directory.OrgID
	changed  bool // something differed in the round under way
	marked   bool // events before the mark were not looked at
	again    bool // the round under way is not the first
	done     int
	total    int // to do
	report   Report
}

func (c *copying) step(n int) {
	c.done += n
	if c.o.Progress != nil {
		c.o.Progress(c.org, c.done, c.total)
	}
}

// organizations are those that are wanted, all of which must exist.
func (c *copying) organizations(ctx context.Context) (list []directory.Organization, err error) {
	if len(c.o.Orgs) == 0 {
		return c.from.Organizations(ctx)
	}
	for _, id := range c.o.Orgs {
		org, err := c.from.Organization(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("organization %s: %w", id, err)
		}
		list = append(list, org)
	}
	return list, nil
}

// server copies settings that the target lacks, and the documents that belong to no
// organization.
func (c *copying) server(ctx context.Context) error {
	c.org = ""
	names, err := c.from.Settings(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if isMark(name) {
			continue
		}
		value, err := c.from.Setting(ctx, name)
		if err == nil {
			_, err = c.to.AddSetting(ctx, name, value)
		}
		if err != nil {
			return err
		}
	}
	return c.documents(ctx, false)
}

// organization copies one of them.
func (c *copying) organization(ctx context.Context, org directory.Organization) error {
	c.org, c.done, c.again = org.ID, 0, false
	if err := c.count(ctx); err != nil {
		return err
	}
	if err := c.to.AddOrganization(ctx, org); err != nil && !errors.Is(err, directory.ErrExists) {
		return err
	}
	if err := c.clients(ctx); err != nil {
		return err
	}
	c.changed = true
	for round := range rounds {
		if !c.changed {
			break
		}
		c.changed, c.again = false, round > 0
		for _, rt := range c.o.Types {
			if rt.ReadOnly {
				continue
			}
			if err := c.resources(ctx, rt); err != nil {
				return err
			}
		}
		if err := c.memberships(ctx); err != nil {
			return err
		}
	}
	if err := c.documents(ctx, true); err != nil {
		return err
	}
	if err := c.totals(ctx); err != nil {
		return err
	}
	return c.events(ctx)
}

// clients copies connections and their tokens, of which only hashes are kept.
func (c *copying) clients(ctx context.Context) error {
	all, err := c.from.Connections(ctx, c.org)
	if err != nil {
		return err
	}
	for _, conn := range all {
		if err := c.to.PutConnection(ctx, conn); err != nil {
			return err
		}
		tokens, err := c.from.Tokens(ctx, conn.ID)
		if err != nil {
			return err
		}
		for _, t := range tokens {
			if err := c.to.PutToken(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare makes the digests of both sides, which must be the same.
func (c *copying) compare(ctx context.Context, org directory.OrgID) (digest, error) {
	is, err := digestOf(ctx, c.from, c.from, org, c.o.Types)
	if err != nil {
		return is, err
	}
	got, err := digestOf(ctx, c.from, c.to, org, c.o.Types)
	if err == nil && is != got && c.marked {
		// An event may have come to the log before the mark: look through all of it.
		c.marked = false
		if err = c.to.PutSetting(ctx, mark+string(org), []byte("0")); err == nil {
			err = c.events(ctx)
		}
		if err == nil {
			got, err = digestOf(ctx, c.from, c.to, org, c.o.Types)
		}
	}
	if err == nil && is != got {
		err = fmt.Errorf("organization %s differs in source and target after the copy; somebody writes to one of them: stop that and copy again", org)
	}
	return is, err
}
