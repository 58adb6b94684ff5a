package inventory

import (
	"context"
	"net/http"
	"time"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
)

// licence is a pool with how it stands.
type licence struct {
	estate.Pool
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
func (a handlers) licences() {
	const tag = "Licences"
	operation.Add(a.API, operation.Place{ID: "get-licence", Method: http.MethodGet, Path: "/licences/{id}", Tag: tag, Summary: "How a licence stands; an application's is the one of its key, which its administrators see too", Action: permission.OwnLicence}, func(ctx context.Context, in *operation.ByID) (out *operation.Single[licence], err error) {
		if c := operation.CallerOf(ctx); c.Role == permission.AsSelf {
			if err := Administers(ctx, a.API, in.ID, permission.OwnLicence); err != nil {
				return nil, err
			}
		}
		err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
			out, err = readLicence(ctx, r, org, in.ID)
			return err
		})
		return out, err
	})
	operation.Add(a.API, operation.Place{ID: "list-licences", Method: http.MethodGet, Path: "/licences", Tag: tag, Summary: "List licences", Action: permission.Licences}, func(ctx context.Context, in *operation.Page) (out *operation.List[licence], err error) {
		after, err := operation.DecodeCursor("pool", in.After)
		if err != nil {
			return nil, err
		}
		err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
			pools, err := directory.All[estate.Pool](ctx, r, directory.DocumentQuery{Org: org, After: after, Limit: in.Limit + 1})
			if err != nil {
				return err
			}
			var all []licence
			for _, p := range pools {
				seats, err := estate.SeatsOf(ctx, r, org, p.ID, scim.Now(time.Now))
				if err != nil {
					return err
				}
				all = append(all, licence{p, seats})
			}
			out = operation.PageOf("pool", all, in.Limit, func(l licence) string { return l.ID })
			return nil
		})
		return out, err
	})
	operation.Add(a.API, operation.Place{ID: "put-licence", Method: http.MethodPut, Path: "/licences/{id}", Tag: tag, Summary: "Say how many seats are bought", Action: permission.Buy}, a.putPool)
	operation.Add(a.API, operation.Place{ID: "delete-licence", Method: http.MethodDelete, Path: "/licences/{id}", Tag: tag, Summary: "Lift the limit", Action: permission.Buy, Status: http.StatusNoContent}, func(ctx context.Context, in *operation.ByVersion) (*operation.Empty, error) {
		_, err := a.Command(ctx, "pool.delete", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			p, err := directory.Load[estate.Pool](ctx, r, d.Org, in.ID)
			if err == nil {
				err = operation.Matches(in.IfMatch, p.Version)
			}
			if err == nil {
				d.Subject = in.ID
				directory.Drop(d, d.Org, &p)
			}
			return nil, err
		})
		return nil, err
	})
}

// reservations registers the operations on reservations and on what extensions people have.
func (a handlers) reservations() {
	const tag = "Licences"
	operation.Keep(a.API, operation.Nouns[estate.Reservation]{Path: "/reservations", Tag: tag, View: permission.Licences})
	operation.Add(a.API, operation.Place{ID: "create-reservation", Method: http.MethodPost, Path: "/reservations", Tag: tag, Summary: "Reserve seats", Action: permission.AddPeople, Status: http.StatusCreated}, a.reserve)
	operation.Add(a.API, operation.Place{ID: "release-reservation", Method: http.MethodDelete, Path: "/reservations/{id}", Tag: tag, Summary: "Give reserved seats back", Action: permission.AddPeople, Status: http.StatusNoContent}, a.release)
	operation.Keep(a.API, operation.Nouns[estate.Grant]{Path: "/extension-grants", Tag: tag, View: permission.Licences, Change: permission.Buy, Of: operation.ByUser, Check: grantExtension, Drop: dropGrant})
}

// release gives what is left of a reservation back.
func (a handlers) release(ctx context.Context, in *operation.ByVersion) (*operation.Empty, error) {
	_, err := a.Command(ctx, "seat.release", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		v, err := directory.Load[estate.Reservation](ctx, r, d.Org, in.ID)
		if err == nil {
			err = operation.Matches(in.IfMatch, v.Version)
		}
		if err == nil {
			d.Subject = in.ID
			directory.Drop(d, d.Org, &v)
		}
		return nil, err
	})
	return nil, err
}

// dropGrant frees the seat of an extension and takes it out of the record of its person.
func dropGrant(ctx context.Context, r directory.Reader, d *directory.Draft, g *estate.Grant) ([]directory.Finding, error) {
	estate.FreeSeat(d, g.Extension)
	p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: g.User})
	if err != nil {
		return nil, err
	}
	d.Rewrite(p, func(next *scim.Resource) {
		directory.Extensions.Put(next, func(value string) bool { return value == g.Extension })
	})
	return nil, nil
}

func readLicence(ctx context.Context, r directory.Reader, org directory.OrgID, sku string) (*operation.Single[licence], error) {
	pool, err := directory.Load[estate.Pool](ctx, r, org, sku)
	if err != nil {
		return nil, err
	}
	seats, err := estate.SeatsOf(ctx, r, org, sku, scim.Now(time.Now))
	return operation.One(licence{pool, seats}, pool.Version), err
}

func (a handlers) putPool(ctx context.Context, in *putPool) (out *operation.Single[licence], err error) {
	_, err = a.Command(ctx, "pool.update", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		pool, err := operation.LoadNoun[estate.Pool](ctx, r, d.Org, in.ID)
		if err != nil {
			return nil, err
		}
		if err := operation.Matches(in.IfMatch, pool.Version); err != nil {
			return nil, err
		}
		d.Subject = in.ID
		seats, err := estate.SeatsOf(ctx, r, d.Org, in.ID, d.Now)
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
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		out, err = readLicence(ctx, r, org, in.ID)
		return err
	})
	return out, err
}

func (a handlers) reserve(ctx context.Context, in *newReservation) (*operation.Single[estate.Reservation], error) {
	var v estate.Reservation
	_, err := a.Command(ctx, "seat.reserve", func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
		v, found, err = estate.Reserve(ctx, r, d, in.Body.SKU, in.Body.Seats, in.Body.Minutes, in.Body.Purpose)
		return found, err
	})
	return operation.One(v, v.Version), err
}

// grantExtension takes a seat of the extension's own pool (S3-28).
func grantExtension(ctx context.Context, r directory.Reader, d *directory.Draft, before, g *estate.Grant) ([]directory.Finding, error) {
	if before != nil && before.User == g.User && before.Extension == g.Extension {
		return nil, nil
	}
	if before != nil {
		return nil, operation.BadRequest("A grant is not moved; remove it and make another one.")
	}
	p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: g.User})
	if err != nil {
		return nil, operation.UnknownUser(err, "user")
	}
	for have, err := range directory.Each[estate.Grant](ctx, r, operation.ByUser(d.Org, g.User)) {
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
