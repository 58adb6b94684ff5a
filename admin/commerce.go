package admin

import (
	"context"
	"net/http"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
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
func (a handlers) commerce() {
	const tag = "Commerce"
	operation.Keep(a.API, operation.Nouns[estate.Subscription]{Path: "/subscriptions", Tag: tag, View: permission.ViewPeople, Change: permission.Commerce, Of: operation.ByUser,
		Check: func(ctx context.Context, r directory.Reader, d *directory.Draft, before, v *estate.Subscription) ([]directory.Finding, error) {
			if _, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: operation.TypeNamed(r, "User"), ID: v.User}); err != nil || !v.Active {
				return nil, operation.UnknownUser(err, "user")
			}
			return nil, operation.ActiveUser(ctx, r, d, v.User, "user")
		}})
	operation.Keep(a.API, operation.Nouns[estate.Purchase]{Path: "/purchases", Tag: tag, View: permission.ViewPeople})
	operation.Add(a.API, operation.Place{ID: "tell-purchase", Method: http.MethodPost, Path: "/purchases", Tag: tag, Summary: "Tell of a purchase, or ask whether it may be", Action: permission.Commerce, Status: http.StatusCreated}, func(ctx context.Context, in *newPurchase) (out *operation.Single[estate.Purchase], err error) {
		if _, err := address(in.Body.Email); err != nil {
			return nil, err
		}
		if _, err := a.Do(ctx, lifecycle.Sell(lifecycle.Sale{Type: a.Typed(ctx, "User"), ID: in.Body.ID, Email: in.Body.Email, Channel: in.Body.Channel}), ""); err != nil {
			return nil, err
		}
		err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
			p, err := directory.Load[estate.Purchase](ctx, r, org, in.Body.ID)
			out = operation.One(p, p.Version)
			return err
		})
		return out, err
	})
	operation.Keep(a.API, operation.Nouns[estate.Address]{Path: "/addresses", Tag: tag, View: permission.ViewBlocks, Find: func(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (estate.Address, error) {
		return estate.FindAddress(ctx, r, operation.TypeNamed(r, "User"), org, id) // in any spelling
	}})
	operation.Add(a.API, operation.Place{ID: "block-address", Method: http.MethodPost, Path: "/addresses/block", Tag: tag, Summary: "Block an address", Action: permission.BlockList}, a.block)
	operation.Add(a.API, operation.Place{ID: "lift-address", Method: http.MethodPost, Path: "/addresses/lift", Tag: tag, Summary: "Lift a block", Action: permission.BlockList}, a.lift)
}

// block puts an address on the block list by hand.
func (a handlers) block(ctx context.Context, in *blockInput) (*operation.Single[estate.Address], error) {
	if _, err := address(in.Body.Email); err != nil {
		return nil, err
	}
	var v estate.Address
	_, err := a.Command(ctx, "block.add", func(ctx context.Context, r directory.Reader, d *directory.Draft) (_ []directory.Finding, err error) {
		d.Subject = directory.SecretHash(directory.MailKey(in.Body.Email)) // the audit holds no address
		v, err = estate.Block(ctx, r, d, in.Body.Email, in.Body.Reason)
		return nil, err
	})
	return operation.One(v, v.Version), err
}

// lift ends a block by hand.
func (a handlers) lift(ctx context.Context, in *blockInput) (*operation.Single[estate.Address], error) {
	var v estate.Address
	_, err := a.Command(ctx, "block.lift", func(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
		rt := operation.TypeNamed(r, "User")
		if v, err = blocked(ctx, r, rt, d, in.Body.Email); err != nil {
			return nil, err
		}
		if found, err = policy.MayLift(ctx, r, d, v); err != nil {
			return nil, err
		}
		return found, estate.Lift(ctx, r, d, rt, &v)
	})
	return operation.One(v, v.Version), err
}

// blocked finds a block by an address in whatever spelling, and makes it what the draft
// is about.
func blocked(ctx context.Context, r directory.Reader, rt *scim.ResourceType, d *directory.Draft, email string) (estate.Address, error) {
	v, err := estate.FindAddress(ctx, r, rt, d.Org, email)
	if err == nil && !v.Blocked {
		err = directory.ErrNotFound
	}
	d.Subject = directory.SecretHash(v.ID) // the audit holds no address
	return v, err
}
