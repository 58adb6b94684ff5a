package admin

import (
	"context"
	"sync"
	"time"

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

const permissionDenied = "permission.denied"

// denied audits that a caller may not use an operation: refusals are audited too.
func (a *API) denied(ctx context.Context, c caller, operation string) {
	if c.org == "" || !a.denials.first(denial{c.org, c.actor, operation}, now()) {
		return
	}
	req := directory.Request{Org: c.org, Actor: c.actor, RequestID: requestID(ctx), Change: directory.Command{Action: "permission",
		Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			d.Subject = operation
			return []directory.Finding{{Rule: permissionDenied, Verdict: directory.Refuse, Class: directory.Authority, Reason: "denied"}}, nil
		}}}
	if _, err := a.Service.Execute(ctx, req); err != nil && problemOf(err, "").refusal == nil {
		a.Logger.Error("a refused permission was not audited", "request_id", requestID(ctx), "error", err.Error())
	}
}
