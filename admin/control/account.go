package control

import (
	"context"
	"errors"
	"net/http"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
)

// accountChange is an account of which what is not given stays as it is.
type accountChange struct {
	Email string               `json:"email"`
	Home  *directory.OrgID     `json:"homeOrganization"`
	State *estate.AccountState `json:"state"`
}

// putAccount makes an account or replaces its home and state.
func (a api) putAccount(r *http.Request) (any, error) {
	req, err := read[estate.Account](r)
	if err != nil {
		return nil, err
	}
	return req, a.changeAccount(r.Context(), accountChange{req.Email, &req.Home, &req.State})
}

// patchAccount makes an account or changes its home, its state or both.
func (a api) patchAccount(r *http.Request) (any, error) {
	req, err := read[accountChange](r)
	if err != nil {
		return nil, err
	}
	return req, a.changeAccount(r.Context(), req)
}

func (a api) changeAccount(ctx context.Context, req accountChange) error {
	if req.Email == "" || req.State != nil && *req.State != estate.Open && *req.State != estate.Spam {
		return operation.BadRequest("An account needs an email, and the state open or spam; only its owner closes it.")
	}
	_, err := a.Service.Execute(ctx, directory.Request{Org: "default", Actor: directory.Actor{Kind: directory.Operator, Connection: Operator}, Change: directory.Command{Action: "account.update", Plan: func(ctx context.Context, rd directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		have, err := estate.AccountOf(ctx, rd, req.Email)
		switch {
		case errors.Is(err, directory.ErrNotFound):
			have = estate.Account{Head: directory.Head{ID: d.NewID("account")}, Email: req.Email, State: estate.Open}
		case err != nil:
			return nil, err
		case have.State == estate.Closed:
			return nil, operation.BadRequest("The account is closed for good.")
		}
		if req.State != nil {
			have.Become(*req.State, d.Now)
		}
		if req.Home != nil {
			have.Home = *req.Home
		}
		d.Subject = have.ID
		return nil, directory.Save(d, "", &have)
	}}})
	return err
}
