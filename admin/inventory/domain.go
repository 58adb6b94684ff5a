package inventory

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
)

// Resolver looks up TXT records; net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// domainView is a domain that the organization claims or has verified.
type domainView struct {
	Domain     string `json:"domain"`
	Verified   bool   `json:"verified"`
	VerifiedAt string `json:"verifiedAt,omitempty"`
	By         string `json:"verifiedBy,omitempty"`
	Record     string `json:"txtRecord,omitempty" doc:"TXT record at the domain that proves it."`
}

// challengePrefix is what the TXT record begins with.
const challengePrefix = "usher-domain-verification="

type (
	newDomain struct {
		Body struct {
			Domain string `json:"domain" required:"true" maxLength:"253"`
		}
	}
	domainInput struct {
		Domain string `path:"domain"`
	}
)

// domains registers the operations on verified domains (S2-1).
func (a handlers) domains() {
	const tag = "Domains"
	operation.Add(a.API, operation.Place{ID: "list-domains", Method: http.MethodGet, Path: "/domains", Tag: tag, Summary: "List domains", Action: permission.Domains}, func(ctx context.Context, _ *operation.Empty) (out *operation.List[domainView], err error) {
		out = &operation.List[domainView]{}
		out.Body.Items = []domainView{}
		err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
			verified, err := directory.All[estate.Domain](ctx, r, directory.DocumentQuery{Key: "org:" + string(org)})
			if err != nil {
				return err
			}
			for _, d := range verified {
				out.Body.Items = append(out.Body.Items, viewDomain(d))
			}
			claims, err := directory.All[estate.Claim](ctx, r, directory.DocumentQuery{Org: org})
			for _, c := range claims {
				if !slices.ContainsFunc(verified, func(d estate.Domain) bool { return d.ID == c.ID }) {
					out.Body.Items = append(out.Body.Items, domainView{Domain: c.ID, Record: challengePrefix + c.Challenge})
				}
			}
			return err
		})
		return out, err
	})
	operation.Add(a.API, operation.Place{ID: "claim-domain", Method: http.MethodPost, Path: "/domains", Tag: tag, Summary: "Claim a domain and get the record that proves it", Action: permission.Domains, Status: http.StatusCreated}, func(ctx context.Context, in *newDomain) (*operation.Single[domainView], error) {
		name := directory.DomainOf("x@" + in.Body.Domain)
		if name == "" {
			return nil, operation.BadRequest("This is not a domain; send one such as example.com.")
		}
		challenge := rand.Text()
		_, err := a.Command(ctx, "domain.claim", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			claim, err := directory.LoadOr[estate.Claim](ctx, r, d.Org, name)
			if err != nil {
				return nil, err
			}
			if claim.Challenge != "" {
				challenge = claim.Challenge // the record that was asked for before still proves it
			}
			claim.Challenge, d.Subject = challenge, name
			return nil, directory.Save(d, d.Org, &claim)
		})
		return operation.One(domainView{Domain: name, Record: challengePrefix + challenge}, 1), err
	})
	operation.Add(a.API, operation.Place{ID: "verify-domain", Method: http.MethodPost, Path: "/domains/{domain}/verify", Tag: tag, Summary: "Look the record up", Action: permission.Domains}, func(ctx context.Context, in *domainInput) (*operation.Single[domainView], error) {
		return a.verify(ctx, in.Domain)
	})
	operation.Add(a.API, operation.Place{ID: "release-domain", Method: http.MethodDelete, Path: "/domains/{domain}", Tag: tag, Summary: "Give a domain up", Action: permission.Domains, Status: http.StatusNoContent}, func(ctx context.Context, in *domainInput) (*operation.Empty, error) {
		name := directory.DomainOf("x@" + in.Domain) // however it is written
		_, err := a.Command(ctx, "domain.release", estate.ReleaseDomain(name))
		if err == nil {
			err = a.reclassify(ctx, operation.CallerOf(ctx), name)
		}
		return nil, err
	})
}

func viewDomain(d estate.Domain) domainView {
	return domainView{Domain: d.ID, Verified: true, VerifiedAt: d.Verified.Format("2006-01-02T15:04:05Z07:00"), By: d.By}
}

// verify looks for the challenge in the domain's TXT records.
func (a handlers) verify(ctx context.Context, name string) (*operation.Single[domainView], error) {
	name = directory.DomainOf("x@" + name)
	var claim estate.Claim
	err := a.Read(ctx, func(r directory.Reader, org directory.OrgID) (err error) {
		claim, err = directory.Load[estate.Claim](ctx, r, org, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	records, err := a.Resolver.LookupTXT(ctx, name)
	if err != nil || !slices.Contains(records, challengePrefix+claim.Challenge) {
		return nil, &operation.Problem{Status: http.StatusConflict, Title: "Conflict", Code: "domain.not_proved",
			Detail: "The TXT record " + challengePrefix + claim.Challenge + " was not found at " + name + "; add it, wait until it is published, and try again."}
	}
	var d estate.Domain
	if _, err := a.Command(ctx, "domain.verify", estate.VerifyDomain(name, "dns", &d)); err != nil {
		return nil, err
	}
	return operation.One(viewDomain(d), d.Version), a.reclassify(ctx, operation.CallerOf(ctx), name)
}

// reclassify works out anew who has not joined, after a domain changed hands
// (S2-26).
func (a handlers) reclassify(ctx context.Context, c operation.Caller, domain string) error {
	return ReclassifyAll(ctx, a.Service, c.Org, c.Actor, domain)
}

// ReclassifyAll goes through the people of a domain who have not joined: to the end, also
// when who asked has gone, for a domain is given up once.
func ReclassifyAll(ctx context.Context, svc *directory.Service, org directory.OrgID, actor directory.Actor, domain string) error {
	ctx = context.WithoutCancel(ctx)
	ids, rt, err := estate.PeopleOf(ctx, svc, org, domain)
	for _, id := range ids {
		if err == nil {
			_, err = svc.Execute(ctx, directory.Request{Org: org, Actor: actor, RequestID: operation.RequestID(ctx), Change: lifecycle.Reclassify(rt, id)})
		}
		if errors.Is(err, directory.ErrNotFound) {
			err = nil
		}
	}
	return err
}
