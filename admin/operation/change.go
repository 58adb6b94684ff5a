package operation

import (
	"context"
	"strings"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/rehearsal"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

// Request is a change that the caller asks for.
func Request(ctx context.Context, change directory.Change) directory.Request {
	c := CallerOf(ctx)
	return directory.Request{Org: c.Org, Actor: c.Actor, RequestID: RequestID(ctx), Change: change}
}

// Do carries a change out, as Submit does.
func (a *API) Do(ctx context.Context, change directory.Change, ifMatch string) (*directory.Plan, error) {
	req := Request(ctx, change)
	if ifMatch != "" {
		v, err := versions(ifMatch)
		if err != nil {
			return nil, err
		}
		req.If = v
	}
	return a.Submit(ctx, req)
}

// Submit carries a change out. Where a preview is asked for it decides only, and the
// decision comes as an error, which ends the operation.
func (a *API) Submit(ctx context.Context, req directory.Request) (*directory.Plan, error) {
	if !Previewing(ctx) {
		return a.Service.Execute(ctx, req)
	}
	p, err := a.foresee(ctx, req)
	if err != nil {
		return nil, err
	}
	return nil, &Previewed{DecisionOf(p, false, a.Language(ctx))}
}

// foresee decides on a change: as if those before it had been made, where it is one of
// several.
func (a *API) foresee(ctx context.Context, req directory.Request) (*directory.Plan, error) {
	several, ok := ctx.Value(rehearsalKey{}).(*directory.Service)
	if !ok {
		return a.Service.Preview(ctx, req)
	}
	p, err := several.Execute(ctx, req)
	if p != nil && p.Err() != nil {
		err = nil // the plan says it
	}
	return p, err
}

type rehearsalKey struct{}

// InTurn is the context of several changes that are made one after the other. A preview
// of them rehearses each, so that it finds those before it done.
func (a *API) InTurn(ctx context.Context) context.Context {
	if !Previewing(ctx) {
		return ctx
	}
	return context.WithValue(ctx, rehearsalKey{}, rehearsal.Of(a.Service))
}

// Command carries out a change of nouns.
func (a *API) Command(ctx context.Context, action string, plan func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error)) (*directory.Plan, error) {
	return a.Do(ctx, directory.Command{Action: action, Plan: plan}, "")
}

// Read calls fn with a snapshot.
func (a *API) Read(ctx context.Context, fn func(r directory.Reader, org directory.OrgID) error) error {
	return a.Service.Read(ctx, func(r directory.Reader) error { return fn(r, CallerOf(ctx).Org) })
}

// TypeNamed is the resource type User or Group.
func TypeNamed(r directory.Reader, name string) *scim.ResourceType {
	rt, err := r.Type(name)
	if err != nil {
		return nil // both are built in
	}
	return rt
}

// Typed is TypeNamed where there is no snapshot.
func (a *API) Typed(ctx context.Context, name string) (rt *scim.ResourceType) {
	_ = a.Service.Read(ctx, func(r directory.Reader) error { rt = TypeNamed(r, name); return nil })
	return rt
}

// DecodePatch reads operations of a PATCH, so that a change here goes through the same
// door as that of a client.
func DecodePatch(rt *scim.ResourceType, ops []string) (*patch.Patch, error) {
	p, _, err := patch.Decode(rt, []byte(`{"schemas":["`+scim.PatchOpURN+`"],"Operations":[`+strings.Join(ops, ",")+`]}`), scim.Strict)
	return p, err
}

func now() time.Time { return scim.Now(time.Now) }
