package credential

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

type (
	forgotInput struct {
		Body struct {
			Organization directory.OrgID `json:"organization" required:"true"`
			Email        string          `json:"email" required:"true" maxLength:"254"`
		}
	}
	resetInput struct {
		Body struct {
			Organization directory.OrgID `json:"organization" required:"true"`
			Token        string          `json:"token" required:"true" maxLength:"256"`
			Password     string          `json:"password" required:"true" doc:"12 to 256 characters."`
		}
	}
	checkInput struct {
		Body struct {
			Email    string `json:"email" required:"true" maxLength:"254"`
			Password string `json:"password" required:"true" maxLength:"1024"`
		}
	}
	resetAsked struct {
		operation.Decision
		Token string `json:"token,omitempty" doc:"Shown this once; it goes to the person."`
	}
	passwordChecked struct {
		OK   bool   `json:"ok"`
		User string `json:"user,omitempty"`
	}
	accepted struct {
		Body struct {
			Detail string `json:"detail"`
		}
	}
)

// passwords registers what a sign-in page needs (S3-22 to S3-25, S3-30). The image
// of S3-23 is the page's; what is asked here is the same for every address.
func (a handlers) passwords() {
	const tag = "Passwords"
	operation.Add(a.API, operation.Place{ID: "forgot-password", Method: http.MethodPost, Path: "/password-resets", Tag: tag, Summary: "Ask for a new password", Action: permission.Public, Status: http.StatusAccepted}, a.forgot)
	operation.Add(a.API, operation.Place{ID: "complete-reset", Method: http.MethodPost, Path: "/password-resets/complete", Tag: tag, Summary: "Choose a new password with the token of the mail", Action: permission.Public, Status: http.StatusNoContent}, a.completeReset)
	operation.Add(a.API, operation.Place{ID: "reset-password", Method: http.MethodPost, Path: "/users/{id}/password-reset", Tag: tag, Summary: "Reset the password of a confirmed member at home", Action: permission.Passwords}, func(ctx context.Context, in *operation.VerbInput) (*operation.Secret[resetAsked], error) {
		err := a.Person(ctx, in.ID, func(_ directory.Reader, p *scim.Resource) error {
			if directory.IsExternal(p) {
				return nil // the rule says it better
			}
			return operation.Confirmed(p)
		})
		if err != nil {
			return nil, err
		}
		token := "usher_pwd_" + rand.Text()
		p, err := a.Do(ctx, lifecycle.RequestReset(a.Typed(ctx, "User"), in.ID, directory.SecretHash(token)), in.IfMatch)
		if err != nil {
			return nil, err
		}
		out := resetAsked{operation.DecisionOf(p, true, a.Language(ctx)), token}
		return &operation.Secret[resetAsked]{ETag: p.After.Version.ETag(), Shown: "token", Body: out}, nil
	})
	operation.Add(a.API, operation.Place{ID: "check-password", Method: http.MethodPost, Path: "/passwords/check", Tag: tag, Summary: "Check a password at sign-in", Action: permission.Passwords}, a.checkPassword)
}

// alike is how long the answer takes to who has forgotten a password. A wish is written
// down for people who are there alone, which takes a few milliseconds.
const alike = 100 * time.Millisecond

// forgot notes the wish of whoever has the address. The answer is the same for
// everybody, and comes after the same time (S3-30, K76).
func (a handlers) forgot(ctx context.Context, in *forgotInput) (*accepted, error) {
	ready := time.NewTimer(alike)
	defer func() {
		select {
		case <-ready.C:
		case <-ctx.Done():
			ready.Stop()
		}
	}()
	out := &accepted{}
	out.Body.Detail = "If this address belongs to an account, a mail with a link is on its way to it."
	rt := a.Typed(ctx, "User")
	id, err := a.byAddress(ctx, rt, in.Body.Organization, in.Body.Email)
	if err != nil || id == "" {
		return out, err
	}
	_, err = a.Service.Execute(ctx, directory.Request{Org: in.Body.Organization, RequestID: operation.RequestID(ctx), Actor: directory.Actor{Kind: directory.BySelf, User: id}, Change: lifecycle.RequestReset(rt, id, "")})
	var refused *directory.Refusal
	if errors.As(err, &refused) {
		err = nil
	}
	return out, err
}

// byAddress finds the one person with an address as userName or else as e-mail.
func (a handlers) byAddress(ctx context.Context, rt *scim.ResourceType, org directory.OrgID, address string) (id string, err error) {
	for _, path := range []string{"userName", "emails.value"} {
		f, _, err := filter.Compile(path+" eq "+string(scim.AppendString(nil, address)), rt, scim.Strict)
		if err != nil {
			return "", err
		}
		err = a.Service.Read(ctx, func(r directory.Reader) error {
			page, err := r.Find(ctx, directory.Query{Org: org, Type: rt, Filter: f, Start: 1, Count: 2})
			if err == nil && len(page.Resources) == 1 {
				id = page.Resources[0].ID
			}
			return err
		})
		if err != nil || id != "" {
			return id, err
		}
	}
	return "", nil
}

func (a handlers) completeReset(ctx context.Context, in *resetInput) (*operation.Empty, error) {
	if n := utf8.RuneCountInString(in.Body.Password); n < lifecycle.PasswordLeast || n > lifecycle.PasswordMost {
		return nil, operation.BadRequest("A password has 12 to 256 characters; choose another one.")
	}
	hash, user := directory.SecretHash(in.Body.Token), ""
	rt, org := a.Typed(ctx, "User"), in.Body.Organization
	err := a.Service.Read(ctx, func(r directory.Reader) error {
		for v, err := range directory.Each[lifecycle.Reset](ctx, r, directory.DocumentQuery{Org: org, Key: "hash:" + hash, Limit: 1}) {
			user = v.ID
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	over := &operation.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: string(lifecycle.RuleReset), Detail: "This link is not valid any more; ask for a new one."}
	if user == "" {
		return nil, over
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	_, err = a.Service.Execute(ctx, directory.Request{Org: org, RequestID: operation.RequestID(ctx), Actor: directory.Actor{Kind: directory.BySelf, User: user},
		Change: lifecycle.CompleteReset(rt, user, hash, lifecycle.HashPassword(in.Body.Password, salt))})
	if errors.Is(err, directory.ErrNotFound) { // who was removed is not told of either
		return nil, over
	}
	return nil, err
}

// checkPassword tells a sign-in page whether a password is right and its person may
// be in. It says nothing else.
func (a handlers) checkPassword(ctx context.Context, in *checkInput) (*operation.Single[passwordChecked], error) {
	var account estate.Account
	out := &operation.Single[passwordChecked]{}
	org := operation.CallerOf(ctx).Org
	err := a.Read(ctx, func(r directory.Reader, _ directory.OrgID) (err error) {
		account, err = estate.AccountOf(ctx, r, in.Body.Email)
		if errors.Is(err, directory.ErrNotFound) {
			err = nil
		}
		return err
	})
	if fits := lifecycle.PasswordFits(in.Body.Password, account.Password); err != nil || !fits || account.State != estate.Open {
		return out, err
	}
	id, err := a.byAddress(ctx, a.Typed(ctx, "User"), org, in.Body.Email)
	if err != nil || id == "" {
		return out, err
	}
	err = a.Person(ctx, id, func(r directory.Reader, p *scim.Resource) error {
		err := lifecycle.Admit(ctx, r, p, scim.Now(time.Now))
		if errors.Is(err, directory.ErrNotAdmitted) {
			return nil
		}
		if err == nil {
			out.Body = passwordChecked{true, id}
		}
		return err
	})
	return out, err
}
