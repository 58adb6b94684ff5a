package operation

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
)

// How the audit is kept from filling with attempts that are refused for want of a
// permission: one of each kind and caller in a while, and so many callers.
const (
	denialEvery = time.Minute
	denialsMost = 10_000
)

// denials remembers which refusals of a permission were audited lately.
type denials struct {
	mu   sync.Mutex
	last map[denial]time.Time
}

// denial is what of such refusals is the same.
type denial struct {
	org       directory.OrgID
	who       directory.Actor
	operation string
}

// first reports whether a refusal is to be audited, and notes it.
func (d *denials) first(one denial, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.last[one]) < denialEvery {
		return false
	}
	if len(d.last) >= denialsMost {
		for key, at := range d.last {
			if now.Sub(at) >= denialEvery {
				delete(d.last, key)
			}
		}
	}
	if len(d.last) >= denialsMost {
		return false
	}
	if d.last == nil {
		d.last = map[denial]time.Time{}
	}
	d.last[one] = now
	return true
}

// PermissionDenied is the reason code of what a caller may not do; it is audited.
const PermissionDenied = "permission.denied"

// denied audits that a caller may not use an operation: refusals are audited too.
func (a *API) denied(ctx context.Context, c Caller, operation string) {
	if c.Org == "" || !a.denials.first(denial{c.Org, c.Actor, operation}, now()) {
		return
	}
	req := directory.Request{Org: c.Org, Actor: c.Actor, RequestID: RequestID(ctx), Change: directory.Command{Action: "permission",
		Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			d.Subject = operation
			return []directory.Finding{{Rule: PermissionDenied, Verdict: directory.Refuse, Class: directory.Authority, Reason: "denied"}}, nil
		}}}
	if _, err := a.Service.Execute(ctx, req); err != nil && ProblemOf(err, "").refusal == nil {
		a.Logger.Error("a refused permission was not audited", "request_id", RequestID(ctx), "error", err.Error())
	}
}

// freshFor is how long after signing in a member does what gives others power (K17).
const freshFor = 10 * time.Minute

// signInAgain asks a member for a newer sign-in (RFC 9470 section 3).
func signInAgain() *Problem {
	return &Problem{Status: http.StatusUnauthorized, Title: "Unauthorized", Code: "reauthentication.required",
		Detail:    "This needs a sign-in of the last ten minutes; sign in again and repeat the request with the new token.",
		challenge: `Bearer error="insufficient_user_authentication", error_description="sign in again", max_age="600"`}
}

// Forbidden refuses what the table does not allow.
func Forbidden(a permission.Action, w permission.Who) *Problem {
	if w == permission.AsClient {
		return notForClients()
	}
	return &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: PermissionDenied,
		Detail: "Your role (" + w.String() + ") does not allow this; an owner or administrator of the organization can do it, or give you the role."}
}

// notForClients turns a provisioning client away (K17).
func notForClients() *Problem {
	return &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: PermissionDenied,
		Detail: "A provisioning token cannot be used here; make an administrator token with usher token create --admin."}
}
