package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

type (
	newPlan struct {
		IdempotencyKey string `header:"Idempotency-Key"`
		Body           struct {
			Verb    string                 `json:"verb" required:"true" enum:"deactivate,activate,suspend,resume,convert"`
			IDs     []string               `json:"ids" required:"true" minItems:"1" maxItems:"1000"`
			Options directory.BatchOptions `json:"options,omitempty"`
		}
	}
	commitInput struct {
		ID      string `path:"id"`
		IfMatch string `header:"If-Match" required:"true" doc:"ETag of the plan as it was read."`
		OnStale string `query:"onStale" enum:"refuse,skip" default:"refuse" doc:"What happens to people for whom something has moved since: the whole plan is refused, or they are left out."`
	}
)

// plans registers stored plans: made without changing anybody, looked at, and
// committed once.
func (a *API) plans() {
	const tag = "Plans"
	keep(a, nouns[directory.Batch]{path: "/plans", tag: tag, view: AccessPeople})
	add(a, place{"create-plan", http.MethodPost, "/plans", tag, "Plan a change of many people", AccessPeople, http.StatusCreated}, a.plan)
	add(a, place{"commit-plan", http.MethodPost, "/plans/{id}/commit", tag, "Carry a plan out, once", AccessPeople, 0}, a.commit)
}

// planned is what a plan does to one person.
func planned(b *directory.Batch, rt *scim.ResourceType, id string) directory.Change {
	switch b.Verb {
	case "activate":
		return directory.Activate{Type: rt, ID: id, Invite: b.Options.SendInvitation}
	case "suspend":
		return directory.Suspend{Type: rt, ID: id}
	case "resume":
		return directory.Resume{Type: rt, ID: id}
	case "convert":
		return converted(rt, id, b.Options.SendInvitation)
	}
	return directory.Deactivate{Type: rt, ID: id, ReactivateOnPurchase: b.Options.ReactivateOnPurchase, TransferTo: b.Options.TransferTo}
}

// forecast previews the change of one person.
func (a *API) forecast(ctx context.Context, b *directory.Batch, rt *scim.ResourceType, id string) (directory.BatchItem, error) {
	item := directory.BatchItem{ID: id}
	p, err := a.Service.Preview(ctx, request(ctx, planned(b, rt, id)))
	if err == nil {
		item.Effects, item.Blockers = p.Effects, p.BlockersIn(a.language(ctx))
		if p.Before != nil {
			item.Name = directory.DisplayOf(p.Before)
		}
		err = p.Err()
	}
	if err != nil {
		pr := a.problemFor(ctx, err)
		if pr.Status >= 500 {
			return item, err
		}
		item.Code, item.Detail = pr.Code, pr.Detail
	}
	item.Allowed = err == nil
	item.Seal()
	return item, nil
}

func (a *API) plan(ctx context.Context, in *newPlan) (*single[directory.Batch], error) {
	b, err := a.draw(ctx, in.Body.Verb, in.Body.Options, distinct(in.Body.IDs))
	if err != nil {
		return nil, err
	}
	if previewing(ctx) {
		return nil, foretold(b)
	}
	err = a.keepPlan(ctx, b)
	return one(*b, b.Version), err
}

// draw looks at everybody and makes a plan of it.
func (a *API) draw(ctx context.Context, verb string, options directory.BatchOptions, ids []string) (*directory.Batch, error) {
	b := &directory.Batch{Verb: verb, Options: options, By: callerOf(ctx).actor}
	rt := a.typed(ctx, "User")
	for _, id := range ids {
		item, err := a.forecast(ctx, b, rt, id)
		if err != nil {
			return nil, err
		}
		b.Items = append(b.Items, item)
		if item.Allowed {
			b.SeatsDelta += item.Seats()
		}
	}
	return b, nil
}

// keepPlan stores a new plan.
func (a *API) keepPlan(ctx context.Context, b *directory.Batch) error {
	_, err := a.command(ctx, "plan.create", func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		b.Head, b.Expires = directory.Head{ID: d.NewID("plan")}, d.Now.Add(directory.BatchLife)
		d.Subject = b.ID
		return nil, directory.Save(d, d.Org, b)
	})
	return err
}

// commit carries a plan out. Everybody is looked at again first; for whom something
// has moved, the plan is stale. Committing again gives the same summary.
func (a *API) commit(ctx context.Context, in *commitInput) (*single[directory.Batch], error) {
	var b directory.Batch
	err := a.read(ctx, func(r directory.Reader, org directory.OrgID) (err error) {
		b, err = directory.Load[directory.Batch](ctx, r, org, in.ID)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !b.Committed.IsZero():
		return one(b, b.Version), nil
	case !now().Before(b.Expires):
		return nil, &Problem{Status: http.StatusConflict, Code: "plan.expired", Detail: "The plan has expired; make a new one."}
	}
	if err := matches(in.IfMatch, b.Version); err != nil {
		return nil, err
	}
	if err := a.refresh(ctx, &b, in.OnStale == "skip"); err != nil {
		return nil, err
	}
	if err := a.roomFor(ctx, &b); err != nil {
		return nil, err
	}
	if previewing(ctx) {
		return nil, foretold(&b)
	}
	// The plan is taken first, so that it is carried out by one caller alone.
	if err := a.savePlan(ctx, &b, "plan.commit"); err != nil {
		return nil, err
	}
	rt := a.typed(ctx, "User")
	for i := range b.Items {
		if err := a.carryOut(ctx, &b, rt, &b.Items[i]); err != nil {
			return nil, err
		}
	}
	return one(b, b.Version), a.savePlan(ctx, &b, "")
}

// refresh looks at everybody again. Those for whom something moved are left out, or
// make the plan stale: then a new one is made of what is so now.
func (a *API) refresh(ctx context.Context, b *directory.Batch, skip bool) error {
	ids := make([]string, len(b.Items))
	for i := range b.Items {
		ids[i] = b.Items[i].ID
	}
	fresh, err := a.draw(ctx, b.Verb, b.Options, ids)
	if err != nil {
		return err
	}
	var stale []string
	for i := range b.Items {
		if fresh.Items[i].Digest != b.Items[i].Digest {
			stale = append(stale, ids[i])
			b.Items[i].Outcome = "skipped"
		}
	}
	if len(stale) == 0 || skip {
		b.Committed = now()
		return nil
	}
	p := &Problem{Status: http.StatusConflict, Code: "plan.stale",
		Detail: "Something has changed for " + strings.Join(stale, ", ") + " since the plan was made; look at a new plan and commit that, or commit this one with onStale=skip."}
	if !previewing(ctx) {
		p.Plan, err = fresh, a.keepPlan(ctx, fresh)
	}
	if err != nil {
		return err
	}
	return p
}

// roomFor refuses a plan that lets in more people than there are seats.
func (a *API) roomFor(ctx context.Context, b *directory.Batch) error {
	if b.Verb != "activate" && b.Verb != "convert" {
		return nil
	}
	return a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		return directory.RoomFor(ctx, r, org, int64(b.SeatsDelta), now())
	})
}

// foretold is what a plan would do to those whom it may change.
func foretold(b *directory.Batch) *previewed {
	d := Decision{Allowed: true, Blockers: []directory.Blocker{}, Effects: []directory.Effect{}}
	for _, item := range b.Items {
		d.Blockers = append(d.Blockers, item.Blockers...)
		if item.Allowed && item.Outcome == "" {
			d.Effects = append(d.Effects, item.Effects...)
		}
	}
	return &previewed{d}
}

// savePlan keeps the plan; without an action it leaves no event.
func (a *API) savePlan(ctx context.Context, b *directory.Batch, action string) error {
	var next directory.Batch
	_, err := a.do(ctx, directory.Command{Action: action, Quiet: action == "", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		next, d.Subject = *b, b.ID
		return nil, directory.Save(d, d.Org, &next)
	}}, "")
	if err == nil {
		b.Head = next.Head
	}
	return err
}

// carryOut changes one person and notes the outcome.
func (a *API) carryOut(ctx context.Context, b *directory.Batch, rt *scim.ResourceType, item *directory.BatchItem) error {
	switch {
	case item.Outcome != "":
		return nil
	case !item.Allowed:
		item.Outcome = "refused"
		return nil
	}
	p, err := a.do(ctx, planned(b, rt, item.ID), "")
	var refused *directory.Refusal
	switch {
	case errors.As(err, &refused):
		item.Outcome, item.Code, item.Detail = "refused", string(refused.Code()), refused.In(a.language(ctx))
	case errors.Is(err, directory.ErrNotFound):
		item.Outcome = "skipped"
	case err != nil:
		return err
	case p.Unchanged():
		item.Outcome = "unchanged"
	default:
		item.Outcome = "done"
	}
	return nil
}
