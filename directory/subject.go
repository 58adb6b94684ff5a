package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// ErrNotAdmitted: the person may not be in, or the credential is older than the
// end of their access.
var ErrNotAdmitted = errors.New("the person may not be in, or the credential is too old")

// ErrAmbiguous: several people have the name, so it stands for none of them.
var ErrAmbiguous = fmt.Errorf("several people have this name: %w", ErrNotFound)

// Subject finds the person that an access token speaks of: whose externalId, as the
// connection that the token acts as knows them, or else userName, is its subject.
// ErrNotFound when there is nobody, ErrAmbiguous, which is one as well, when there are
// several (K29), and ErrFormer, which is an ErrNotAdmitted, when nobody is called that
// any more.
func Subject(ctx context.Context, r Reader, org OrgID, client ConnectionID, subject string) (*scim.Resource, error) {
	rt, err := r.Type("User")
	if err != nil {
		return nil, err
	}
	asked, err := subjectFilters(ctx, r, rt, org, client, subject)
	if err != nil {
		return nil, err
	}
	several := false
	for _, f := range asked {
		page, err := r.Find(ctx, Query{Org: org, Type: rt, Filter: f, Start: 1, Count: 2})
		if err != nil {
			return nil, err
		}
		if len(page.Resources) == 1 {
			return page.Resources[0], page.Resources[0].Load()
		}
		several = several || len(page.Resources) > 1
	}
	if several {
		return nil, ErrAmbiguous
	}
	if _, err = Load[Former](ctx, r, org, FormerID(subject)); err == nil {
		err = ErrFormer
	}
	return nil, err
}

// subjectFilters are what a subject is looked for by, in turn. A connection that knows
// nobody by an externalId of its own, such as one for people alone, takes those of the
// others.
func subjectFilters(ctx context.Context, r Reader, rt *scim.ResourceType, org OrgID, client ConnectionID, subject string) (all []*filter.Filter, err error) {
	quoted := string(scim.AppendString(nil, subject))
	byID, _, err := filter.Compile("externalId eq "+quoted, rt, scim.Strict)
	if err != nil {
		return nil, err
	}
	byName, _, err := filter.Compile("userName eq "+quoted, rt, scim.Strict)
	if err != nil {
		return nil, err
	}
	n, err := namingOf(ctx, r, org, rt, client)
	if err != nil {
		return nil, err
	}
	v := viewpointOf(client, n)
	if v.client != "" && !slices.Contains(n.Others, client) {
		return []*filter.Filter{AnyExternalID(byID), byName}, nil
	}
	return []*filter.Filter{v.ask(byID), byName}, nil
}

// namingOf is the Naming of a type as a reader of the Service knows it.
func namingOf(ctx context.Context, r Reader, org OrgID, rt *scim.ResourceType, client ConnectionID) (Naming, error) {
	if c, ok := r.(catalogue); ok {
		return c.service.naming(ctx, c.Reader, org, rt, true, speaksFor(client))
	}
	return LoadOr[Naming](ctx, r, org, rt.Name)
}
