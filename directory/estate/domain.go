package estate

import (
	"context"
	"errors"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// RuleDomainTaken refuses a domain that another organization has verified.
const RuleDomainTaken directory.RuleID = "domain.taken"

// VerifyDomain makes a domain the organization's own. The outcome is put into out.
func VerifyDomain(name, by string, out *Domain) func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	return func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		have, err := directory.LoadOr[Domain](ctx, r, "", name)
		if err != nil {
			return nil, err
		}
		if have.Version > 0 && have.Org != d.Org {
			return directory.Firmly(RuleDomainTaken, directory.State, "The domain %s is verified by another organization of this server; it must give it up first.", name), nil
		}
		d.Subject = name
		have.Org, have.Verified, have.By = d.Org, d.Now, by
		err = directory.Save(d, "", &have)
		*out = have
		return nil, err
	}
}

// ReleaseDomain gives a domain or the claim to one up.
func ReleaseDomain(name string) func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	return func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		d.Subject = name
		claim, err := directory.Load[Claim](ctx, r, d.Org, name)
		claimed := err == nil
		if claimed {
			directory.Drop(d, d.Org, &claim)
		} else if !errors.Is(err, directory.ErrNotFound) {
			return nil, err
		}
		have, err := directory.Load[Domain](ctx, r, "", name)
		switch {
		case errors.Is(err, directory.ErrNotFound) || err == nil && have.Org != d.Org:
			if !claimed {
				return nil, directory.ErrNotFound
			}
			return nil, nil
		case err != nil:
			return nil, err
		}
		directory.Drop(d, "", &have)
		return nil, nil
	}
}

// PeopleOf lists the people of an organization with an address of a domain, and
// the resource type of people.
func PeopleOf(ctx context.Context, s *directory.Service, org directory.OrgID, domain string) (ids []string, rt *scim.ResourceType, err error) {
	err = s.Read(ctx, func(r directory.Reader) error {
		if rt, err = r.Type("User"); err != nil {
			return err
		}
		ends := ` ew "@` + domain + `"`
		f, _, err := filter.Compile(schemas.User.UserName.Path()+ends+" or emails.value"+ends, rt, scim.Strict)
		if err != nil {
			return err
		}
		q := directory.Query{Org: org, Type: rt, Filter: f, Start: 1, Count: 1000}
		for {
			page, err := r.Find(ctx, q)
			if err != nil {
				return err
			}
			for _, p := range page.Resources {
				ids = append(ids, p.ID)
			}
			if !page.More {
				return nil
			}
			q.After = page.Last
		}
	})
	return ids, rt, err
}
