package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/rehearsal"
	"github.com/usher-scim/usher/scim"
)

type (
	newPlan struct {
		IdempotencyKey string `header:"Idempotency-Key"`
		Body           struct {
			Verb    string              `json:"verb" required:"true" enum:"deactivate,activate,suspend,resume,convert"`
			IDs     []string            `json:"ids" required:"true" minItems:"1" maxItems:"1000"`
			Options estate.BatchOptions `json:"options,omitempty"`
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
func (a handlers) plans() {
	const tag = "Plans"
	operation.Keep(a.API, operation.Nouns[estate.Batch]{Path: "/plans", Tag: tag, View: permission.AccessPeople})
	operation.Add(a.API, operation.Place{ID: "create-plan", Method: http.MethodPost, Path: "/plans", Tag: tag, Summary: "Plan a change of many people", Action: permission.AccessPeople, Status: http.StatusCreated}, a.plan)
	operation.Add(a.API, operation.Place{ID: "commit-plan", Method: http.MethodPost, Path: "/plans/{id}/commit", Tag: tag, Summary: "Carry a plan out, once", Action: permission.AccessPeople}, a.commit)
}

// planned is what a plan does to one person.
func planned(b *estate.Batch, rt *scim.ResourceType, id string) directory.Change {
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

// forecast tells what a change of one person comes to.
func (a handlers) forecast(ctx context.Context, id string, p *directory.Plan, err error) (estate.BatchItem, error) {
	item := estate.BatchItem{ID: id}
	if p != nil {
		item.Effects, item.Blockers = p.Effects, p.BlockersIn(a.Language(ctx))
		if p.Before != nil {
			item.Name = directory.DisplayOf(p.Before)
		}
		if refused := p.Err(); refused != nil {
			err = refused
		}
	}
	if err != nil {
		pr := a.ProblemFor(ctx, err)
		if pr.Status >= 500 {
			return item, err
		}
		item.Code, item.Detail = pr.Code, pr.Detail
	}
	item.Allowed = err == nil
	item.Seal()
	return item, nil
}

func (a handlers) plan(ctx context.Context, in *newPlan) (*operation.Single[estate.Batch], error) {
	b, err := a.draw(ctx, in.Body.Verb, in.Body.Options, distinct(in.Body.IDs), nil)
	if err != nil {
		return nil, err
	}
	if operation.Previewing(ctx) {
		return nil, foretold(b)
	}
	err = a.keepPlan(ctx, b)
	return operation.One(*b, b.Version), err
}

// draw looks at everybody in turn and makes a plan of it: each as if those before had
// been changed, but for those who are left out, if any are.
func (a handlers) draw(ctx context.Context, verb string, options estate.BatchOptions, ids []string, leaveOut func(i int, item estate.BatchItem) bool) (*estate.Batch, error) {
	b := &estate.Batch{Verb: verb, Options: options, By: operation.CallerOf(ctx).Actor}
	rt, service := a.Typed(ctx, "User"), rehearsal.Of(a.Service)
	decide := service.Execute
	if leaveOut != nil {
		decide = service.Preview
	}
	for i, id := range ids {
		req := operation.Request(ctx, planned(b, rt, id))
		p, err := decide(ctx, req)
		item, err := a.forecast(ctx, id, p, err)
		if err != nil {
			return nil, err
		}
		if leaveOut != nil && !leaveOut(i, item) {
			_, _ = service.Execute(ctx, req) // which the item tells of
		}
		b.Items = append(b.Items, item)
		if item.Allowed {
			b.SeatsDelta += item.Seats()
		}
	}
	return b, nil
}

// keepPlan stores a new plan.
func (a handlers) keepPlan(ctx context.Context, b *estate.Batch) error {
	_, err := a.Command(ctx, "plan.create", func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		b.Head, b.Expires = directory.Head{ID: d.NewID("plan")}, d.Now.Add(estate.BatchLife)
		d.Subject = b.ID
		return nil, directory.Save(d, d.Org, b)
	})
	return err
}

// commit carries a plan out. Everybody is looked at again first; for whom something
// has moved, the plan is stale. Committing again gives the same summary.
func (a handlers) commit(ctx context.Context, in *commitInput) (*operation.Single[estate.Batch], error) {
	var b estate.Batch
	err := a.Read(ctx, func(r directory.Reader, org directory.OrgID) (err error) {
		b, err = directory.Load[estate.Batch](ctx, r, org, in.ID)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !b.Committed.IsZero():
		return operation.One(b, b.Version), nil
	case !scim.Now(time.Now).Before(b.Expires):
		return nil, &operation.Problem{Status: http.StatusConflict, Code: "plan.expired", Detail: "The plan has expired; make a new one."}
	}
	if err := operation.Matches(in.IfMatch, b.Version); err != nil {
		return nil, err
	}
	if err := a.refresh(ctx, &b, in.OnStale == "skip"); err != nil {
		return nil, err
	}
	if operation.Previewing(ctx) {
		return nil, foretold(&b)
	}
	// The plan is taken first, so that it is carried out by one caller alone.
	if err := a.savePlan(ctx, &b, "plan.commit"); err != nil {
		return nil, err
	}
	rt := a.Typed(ctx, "User")
	ctx = context.WithoutCancel(ctx) // to its end, also when who asked has gone: it cannot be committed again
	for i := range b.Items {
		if err := a.carryOut(ctx, &b, rt, &b.Items[i]); err != nil {
			return nil, err
		}
	}
	return operation.One(b, b.Version), a.savePlan(ctx, &b, "")
}

// refresh looks at everybody again. Those for whom something moved are left out, or
// make the plan stale: then a new one is made of what is so now.
func (a handlers) refresh(ctx context.Context, b *estate.Batch, skip bool) error {
	ids := make([]string, len(b.Items))
	for i := range b.Items {
		ids[i] = b.Items[i].ID
	}
	moved := func(i int, item estate.BatchItem) bool { return item.Digest != b.Items[i].Digest }
	var leaveOut func(int, estate.BatchItem) bool
	if skip {
		leaveOut = moved
	}
	fresh, err := a.draw(ctx, b.Verb, b.Options, ids, leaveOut)
	if err != nil {
		return err
	}
	var stale []string
	for i := range b.Items {
		if moved(i, fresh.Items[i]) {
			stale = append(stale, ids[i])
			b.Items[i].Outcome = "skipped"
		}
	}
	if len(stale) == 0 || skip {
		b.Committed = scim.Now(time.Now)
		return nil
	}
	p := &operation.Problem{Status: http.StatusConflict, Code: "plan.stale",
		Detail: "Something has changed for " + strings.Join(stale, ", ") + " since the plan was made; look at a new plan and commit that, or commit this one with onStale=skip."}
	if !operation.Previewing(ctx) {
		p.Plan, err = fresh, a.keepPlan(ctx, fresh)
	}
	if err != nil {
		return err
	}
	return p
}

// foretold is what a plan would do to those whom it may change, and who stays as they are.
func foretold(b *estate.Batch) *operation.Previewed {
	d := operation.Decision{Allowed: true, Blockers: []directory.Blocker{}, Effects: []directory.Effect{}}
	var stay []string
	for _, item := range b.Items {
		d.Blockers = append(d.Blockers, item.Blockers...)
		if item.Allowed && item.Outcome == "" {
			d.Effects = append(d.Effects, item.Effects...)
		} else {
			stay = append(stay, item.ID)
		}
	}
	if len(stay) > 0 {
		d.Detail = "Of these people some stay as they are: " + strings.Join(stay, ", ") + "."
	}
	return &operation.Previewed{Decision: d}
}

// savePlan keeps the plan; without an action it leaves no event.
func (a handlers) savePlan(ctx context.Context, b *estate.Batch, action string) error {
	var next estate.Batch
	_, err := a.Do(ctx, directory.Command{Action: action, Quiet: action == "", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		next, d.Subject = *b, b.ID
		return nil, directory.Save(d, d.Org, &next)
	}}, "")
	if err == nil {
		b.Head = next.Head
	}
	return err
}

// carryOut changes one person and notes the outcome.
func (a handlers) carryOut(ctx context.Context, b *estate.Batch, rt *scim.ResourceType, item *estate.BatchItem) error {
	switch {
	case item.Outcome != "":
		return nil
	case !item.Allowed:
		item.Outcome = "refused"
		return nil
	}
	p, err := a.Do(ctx, planned(b, rt, item.ID), "")
	var refused *directory.Refusal
	switch {
	case errors.As(err, &refused):
		item.Outcome, item.Code, item.Detail = "refused", string(refused.Code()), refused.In(a.Language(ctx))
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
