package admin

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
)

type newPurchase struct {
	Body struct {
		ID      string `json:"id" required:"true" minLength:"1" maxLength:"128" doc:"The seller's own; told twice, nothing happens twice."`
		Email   string `json:"email" required:"true" maxLength:"254"`
		Channel string `json:"channel,omitempty" maxLength:"64" doc:"web, guest, phone …"`
	}
}

type blockInput struct {
	Body struct {
		Email  string `json:"email" required:"true" maxLength:"254"`
		Reason string `json:"reason,omitempty" maxLength:"256"`
	}
}

// commerce registers what people buy, and the addresses that may not.
func (a *API) commerce() {
	const tag = "Commerce"
	keep(a, nouns[directory.Subscription]{path: "/subscriptions", tag: tag, view: ViewPeople, change: Commerce, of: byUser,
		check: func(ctx context.Context, r directory.Reader, d *directory.Draft, before, v *directory.Subscription) ([]directory.Finding, error) {
			if _, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: typeNamed(r, "User"), ID: v.User}); err != nil || !v.Active {
				return nil, unknownUser(err, "user")
			}
			return nil, activeUser(ctx, r, d, v.User, "user")
		}})
	keep(a, nouns[directory.Purchase]{path: "/purchases", tag: tag, view: ViewPeople})
	add(a, place{"tell-purchase", http.MethodPost, "/purchases", tag, "Tell of a purchase, or ask whether it may be", Commerce, http.StatusCreated}, func(ctx context.Context, in *newPurchase) (out *single[directory.Purchase], err error) {
		if _, err := address(in.Body.Email); err != nil {
			return nil, err
		}
		if _, err := a.do(ctx, directory.Sale{Type: a.typed(ctx, "User"), ID: in.Body.ID, Email: in.Body.Email, Channel: in.Body.Channel}, ""); err != nil {
			return nil, err
		}
		err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
			p, err := directory.Load[directory.Purchase](ctx, r, org, in.Body.ID)
			out = one(p, p.Version)
			return err
		})
		return out, err
	})
	keep(a, nouns[directory.Address]{path: "/addresses", tag: tag, view: ViewBlocks, find: func(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (directory.Address, error) {
		return directory.FindAddress(ctx, r, typeNamed(r, "User"), org, id) // in any spelling
	}})
	add(a, place{"block-address", http.MethodPost, "/addresses/block", tag, "Block an address", BlockList, 0}, a.block)
	add(a, place{"lift-address", http.MethodPost, "/addresses/lift", tag, "Lift a block", BlockList, 0}, a.lift)
}

// block puts an address on the block list by hand.
func (a *API) block(ctx context.Context, in *blockInput) (*single[directory.Address], error) {
	if _, err := address(in.Body.Email); err != nil {
		return nil, err
	}
	var v directory.Address
	_, err := a.command(ctx, "block.add", func(ctx context.Context, r directory.Reader, d *directory.Draft) (_ []directory.Finding, err error) {
		d.Subject = directory.SecretHash(directory.MailKey(in.Body.Email)) // the audit holds no address
		v, err = directory.Block(ctx, r, d, in.Body.Email, in.Body.Reason)
		return nil, err
	})
	return one(v, v.Version), err
}

// lift ends a block by hand.
func (a *API) lift(ctx context.Context, in *blockInput) (*single[directory.Address], error) {
	var v directory.Address
	_, err := a.command(ctx, "block.lift", func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
		rt := typeNamed(r, "User")
		if v, err = blocked(ctx, r, rt, d, in.Body.Email); err != nil {
			return nil, err
		}
		if found, err = policy.MayLift(ctx, r, d, v); err != nil {
			return nil, err
		}
		return found, directory.Lift(ctx, r, d, rt, &v)
	})
	return one(v, v.Version), err
}

// blocked finds a block by an address in whatever spelling, and makes it what the draft
// is about.
func blocked(ctx context.Context, r directory.Reader, rt *scim.ResourceType, d *directory.Draft, email string) (directory.Address, error) {
	v, err := directory.FindAddress(ctx, r, rt, d.Org, email)
	if err == nil && !v.Blocked {
		err = directory.ErrNotFound
	}
	d.Subject = directory.SecretHash(v.ID) // the audit holds no address
	return v, err
}
