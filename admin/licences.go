package admin

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
)

// licence is a pool with how it stands.
type licence struct {
	directory.Pool
	Seats directory.Seats `json:"seats" readOnly:"true"`
}

type (
	putPool struct {
		ID      string `path:"id" maxLength:"64"`
		IfMatch string `header:"If-Match"`
		Billing bool   `query:"billing" doc:"The number comes from billing: it may fall below the seats in use, and then only additions are refused."`
		Body    struct {
			Purchased      int64 `json:"purchased" required:"true" minimum:"0"`
			CountExternals *bool `json:"countExternals,omitempty" doc:"Whether external people take seats; absent: as it was."`
		}
	}
	newReservation struct {
		IdempotencyKey string `header:"Idempotency-Key"`
		Body           struct {
			SKU     string `json:"sku,omitempty" default:"core"`
			Seats   int64  `json:"seats" required:"true" minimum:"1" maximum:"10000000"`
			Minutes int    `json:"minutes,omitempty" minimum:"1" maximum:"525600" default:"60" doc:"After which it expires."`
			Purpose string `json:"purpose,omitempty" maxLength:"256"`
		}
	}
)

// licences registers the operations on licences and reservations.
func (a *API) licences() {
	const tag = "Licences"
	add(a, place{"get-licence", http.MethodGet, "/licences/{id}", tag, "How a licence stands; an application's is the one of its key, which its administrators see too", OwnLicence, 0}, func(ctx context.Context, in *byID) (out *single[licence], err error) {
		if c := callerOf(ctx); c.role == AsSelf {
			if err := a.administers(ctx, c, in.ID, OwnLicence); err != nil {
				return nil, err
			}
		}
		err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
			out, err = readLicence(ctx, r, org, in.ID)
			return err
		})
		return out, err
	})
	add(a, place{"list-licences", http.MethodGet, "/licences", tag, "List licences", Licences, 0}, func(ctx context.Context, in *Page) (out *list[licence], err error) {
		after, err := decodePlace("pool", in.After)
		if err != nil {
			return nil, err
		}
		err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
			pools, err := directory.All[directory.Pool](ctx, r, directory.DocumentQuery{Org: org, After: after, Limit: in.Limit + 1})
			if err != nil {
				return err
			}
			var all []licence
			for _, p := range pools {
				seats, err := directory.SeatsOf(ctx, r, org, p.ID, now())
				if err != nil {
					return err
				}
				all = append(all, licence{p, seats})
			}
			out = pageOf("pool", all, in.Limit, func(l licence) string { return l.ID })
			return nil
		})
		return out, err
	})
	add(a, place{"put-licence", http.MethodPut, "/licences/{id}", tag, "Say how many seats are bought", Buy, 0}, a.putPool)
	add(a, place{"delete-licence", http.MethodDelete, "/licences/{id}", tag, "Lift the limit", Buy, http.StatusNoContent}, func(ctx context.Context, in *nounDrop) (*empty, error) {
		_, err := a.command(ctx, "pool.delete", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			p, err := directory.Load[directory.Pool](ctx, r, d.Org, in.ID)
			if err == nil {
				err = matches(in.IfMatch, p.Version)
			}
			if err == nil {
				d.Subject = in.ID
				directory.Drop(d, d.Org, &p)
			}
			return nil, err
		})
		return nil, err
	})
	keep(a, nouns[directory.Reservation]{path: "/reservations", tag: tag, view: Licences})
	add(a, place{"create-reservation", http.MethodPost, "/reservations", tag, "Reserve seats", AddPeople, http.StatusCreated}, a.reserve)
	add(a, place{"release-reservation", http.MethodDelete, "/reservations/{id}", tag, "Give reserved seats back", AddPeople, http.StatusNoContent}, func(ctx context.Context, in *nounDrop) (*empty, error) {
		_, err := a.command(ctx, "seat.release", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			v, err := directory.Load[directory.Reservation](ctx, r, d.Org, in.ID)
			if err == nil {
				err = matches(in.IfMatch, v.Version)
			}
			if err == nil {
				d.Subject = in.ID
				directory.Drop(d, d.Org, &v)
			}
			return nil, err
		})
		return nil, err
	})
	keep(a, nouns[directory.Grant]{path: "/extension-grants", tag: tag, view: Licences, change: Buy, of: byUser, check: grantExtension, drop: func(ctx context.Context, r directory.Reader, d *directory.Draft, g *directory.Grant) ([]directory.Finding, error) {
		directory.FreeSeat(d, g.Extension)
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: g.User})
		if err != nil {
			return nil, err
		}
		d.Rewrite(p, func(next *scim.Resource) {
			directory.Extensions.Put(next, func(value string) bool { return value == g.Extension })
		})
		return nil, nil
	}})
}

func readLicence(ctx context.Context, r directory.Reader, org directory.OrgID, sku string) (*single[licence], error) {
	pool, err := directory.Load[directory.Pool](ctx, r, org, sku)
	if err != nil {
		return nil, err
	}
	seats, err := directory.SeatsOf(ctx, r, org, sku, now())
	return one(licence{pool, seats}, pool.Version), err
}

func (a *API) putPool(ctx context.Context, in *putPool) (out *single[licence], err error) {
	_, err = a.command(ctx, "pool.update", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		pool, err := loadNoun[directory.Pool](ctx, r, d.Org, in.ID)
		if err != nil {
			return nil, err
		}
		if err := matches(in.IfMatch, pool.Version); err != nil {
			return nil, err
		}
		d.Subject = in.ID
		seats, err := directory.SeatsOf(ctx, r, d.Org, in.ID, d.Now)
		if err != nil {
			return nil, err
		}
		if in.Body.Purchased < seats.Used && !in.Billing {
			f := directory.Refused("licence.in_use", directory.State, "%d seats are in use, so %d cannot be enough; deactivate people first.", seats.Used, in.Body.Purchased)
			f.Seats = &seats
			return []directory.Finding{f}, nil
		}
		pool.Purchased = in.Body.Purchased
		if in.Body.CountExternals != nil {
			pool.CountExternals = *in.Body.CountExternals
		}
		return nil, directory.Save(d, d.Org, &pool)
	})
	if err != nil {
		return nil, err
	}
	err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		out, err = readLicence(ctx, r, org, in.ID)
		return err
	})
	return out, err
}

func (a *API) reserve(ctx context.Context, in *newReservation) (*single[directory.Reservation], error) {
	var v directory.Reservation
	_, err := a.command(ctx, "seat.reserve", func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
		v, found, err = directory.Reserve(ctx, r, d, in.Body.SKU, in.Body.Seats, in.Body.Minutes, in.Body.Purpose)
		return found, err
	})
	return one(v, v.Version), err
}

// grantExtension takes a seat of the extension's own pool (S3-28).
func grantExtension(ctx context.Context, r directory.Reader, d *directory.Draft, before, g *directory.Grant) ([]directory.Finding, error) {
	if before != nil && before.User == g.User && before.Extension == g.Extension {
		return nil, nil
	}
	if before != nil {
		return nil, badRequest("A grant is not moved; remove it and make another one.")
	}
	p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: g.User})
	if err != nil {
		return nil, unknownUser(err, "user")
	}
	for have, err := range directory.Each[directory.Grant](ctx, r, byUser(d.Org, g.User)) {
		if err != nil {
			return nil, err
		}
		if have.Extension == g.Extension {
			return nil, directory.ErrExists // nobody takes two licences of one extension
		}
	}
	found, err := policy.TakeExtension(ctx, r, d, p, g.Extension)
	d.Rewrite(p, func(next *scim.Resource) {
		directory.Extensions.Put(next, func(string) bool { return false }, g.Extension)
	})
	return found, err
}

// unknownUser says that a body names somebody who does not exist here.
func unknownUser(err error, attribute string) error {
	if err == directory.ErrNotFound {
		return scim.Errorf(scim.InvalidValue, "The value of %s names a user that does not exist here; send the id of one that does.", attribute)
	}
	return err
}
