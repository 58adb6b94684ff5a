package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/usher-scim/usher/directory"
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
		Decision
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
func (a *API) passwords() {
	const tag = "Passwords"
	add(a, place{"forgot-password", http.MethodPost, "/password-resets", tag, "Ask for a new password", Public, http.StatusAccepted}, a.forgot)
	add(a, place{"complete-reset", http.MethodPost, "/password-resets/complete", tag, "Choose a new password with the token of the mail", Public, http.StatusNoContent}, a.completeReset)
	add(a, place{"reset-password", http.MethodPost, "/users/{id}/password-reset", tag, "Reset the password of a confirmed member at home", Passwords, 0}, func(ctx context.Context, in *VerbInput) (*secret[resetAsked], error) {
		err := a.person(ctx, in.ID, func(_ directory.Reader, p *scim.Resource) error {
			if directory.IsExternal(p) {
				return nil // the rule says it better
			}
			return confirmed(p)
		})
		if err != nil {
			return nil, err
		}
		token := "usher_pwd_" + rand.Text()
		p, err := a.do(ctx, directory.RequestReset(a.typed(ctx, "User"), in.ID, directory.SecretHash(token)), in.IfMatch)
		if err != nil {
			return nil, err
		}
		out := resetAsked{decisionOf(p, true, a.language(ctx)), token}
		return &secret[resetAsked]{p.After.Version.ETag(), "token", out}, nil
	})
	add(a, place{"check-password", http.MethodPost, "/passwords/check", tag, "Check a password at sign-in", Passwords, 0}, a.checkPassword)
}

// forgot notes the wish of whoever has the address. The answer is the same for
// everybody, and so is the work up to it (S3-30).
func (a *API) forgot(ctx context.Context, in *forgotInput) (*accepted, error) {
	out := &accepted{}
	out.Body.Detail = "If this address belongs to an account, a mail with a link is on its way to it."
	rt := a.typed(ctx, "User")
	id, err := a.byAddress(ctx, rt, in.Body.Organization, in.Body.Email)
	if err != nil || id == "" {
		return out, err
	}
	_, err = a.Service.Execute(ctx, directory.Request{Org: in.Body.Organization, RequestID: requestID(ctx), Actor: directory.Actor{Kind: directory.BySelf, User: id}, Change: directory.RequestReset(rt, id, "")})
	var refused *directory.Refusal
	if errors.As(err, &refused) {
		err = nil
	}
	return out, err
}

// byAddress finds the one person with an address as userName or else as e-mail.
func (a *API) byAddress(ctx context.Context, rt *scim.ResourceType, org directory.OrgID, address string) (id string, err error) {
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

func (a *API) completeReset(ctx context.Context, in *resetInput) (*empty, error) {
	if n := utf8.RuneCountInString(in.Body.Password); n < directory.PasswordLeast || n > directory.PasswordMost {
		return nil, badRequest("A password has 12 to 256 characters; choose another one.")
	}
	hash, user := directory.SecretHash(in.Body.Token), ""
	rt, org := a.typed(ctx, "User"), in.Body.Organization
	err := a.Service.Read(ctx, func(r directory.Reader) error {
		for v, err := range directory.Each[directory.Reset](ctx, r, directory.DocumentQuery{Org: org, Key: "hash:" + hash, Limit: 1}) {
			user = v.ID
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	over := &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: string(directory.RuleReset), Detail: "This link is not valid any more; ask for a new one."}
	if user == "" {
		return nil, over
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	_, err = a.Service.Execute(ctx, directory.Request{Org: org, RequestID: requestID(ctx), Actor: directory.Actor{Kind: directory.BySelf, User: user},
		Change: directory.CompleteReset(rt, user, hash, directory.HashPassword(in.Body.Password, salt))})
	if errors.Is(err, directory.ErrNotFound) { // who was removed is not told of either
		return nil, over
	}
	return nil, err
}

// checkPassword tells a sign-in page whether a password is right and its person may
// be in. It says nothing else.
func (a *API) checkPassword(ctx context.Context, in *checkInput) (*single[passwordChecked], error) {
	var account directory.Account
	out := &single[passwordChecked]{}
	org := callerOf(ctx).org
	err := a.read(ctx, func(r directory.Reader, _ directory.OrgID) (err error) {
		account, err = directory.AccountOf(ctx, r, in.Body.Email)
		if errors.Is(err, directory.ErrNotFound) {
			err = nil
		}
		return err
	})
	if fits := directory.PasswordFits(in.Body.Password, account.Password); err != nil || !fits || account.State != directory.Open {
		return out, err
	}
	id, err := a.byAddress(ctx, a.typed(ctx, "User"), org, in.Body.Email)
	if err != nil || id == "" {
		return out, err
	}
	err = a.person(ctx, id, func(r directory.Reader, p *scim.Resource) error {
		err := directory.Admit(ctx, r, p, now())
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
