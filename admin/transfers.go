package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
)

// received is what somebody received of a person who left, and has not settled.
type received struct {
	ID       string              `json:"id"`
	Version  scim.Version        `json:"version"`
	Created  time.Time           `json:"created"`
	From     string              `json:"from" doc:"Id of who left."`
	FromName string              `json:"fromName,omitempty" doc:"Absent once their data is erased."`
	To       string              `json:"to" doc:"Id of who has the records."`
	State    string              `json:"state" enum:"awaiting,declined" doc:"awaiting: who has them is asked; declined: they will not keep them and nobody else is left to ask, so an administrator names somebody."`
	Open     int                 `json:"open" doc:"How many of the records are open and still theirs."`
	Records  []estate.Record     `json:"records,omitempty" doc:"Those; only on reading one."`
	Declined []string            `json:"declined,omitempty" doc:"Ids of who would not keep them."`
	Reminded int                 `json:"reminded" doc:"How often who has them was reminded to answer."`
	Overdue  bool                `json:"overdue" doc:"They let every reminder pass, so an administrator may name somebody."`
	Blockers []directory.Blocker `json:"blockers" doc:"What an administrator must see to."`
}

type (
	receivedList struct {
		operation.Page
		User  string `query:"user" doc:"Only what this person left or received."`
		State string `query:"state" enum:"awaiting,declined,overdue,any" default:"any" doc:"overdue: those awaiting an answer after the last reminder."`
	}
	// TransferVerb names a transfer that something is done about.
	TransferVerb struct {
		ID             string `path:"id"`
		IfMatch        string `header:"If-Match"`
		IdempotencyKey string `header:"Idempotency-Key"`
	}
	transferGift struct {
		TransferVerb
		Body struct {
			To string `json:"to" required:"true" doc:"Id of who is to have the records."`
		}
	}
)

type transferPlan func(ctx context.Context, r directory.Reader, d *directory.Draft, t *lifecycle.Transfer) ([]directory.Finding, error)

// transfers registers what the leader of a team answers who received records of
// somebody who left (3.6), and what an administrator does where nobody will have them.
func (a handlers) transfers() {
	const tag = "Records"
	operation.Add(a.API, operation.Place{ID: "list-transfer", Method: http.MethodGet, Path: "/transfers", Tag: tag, Summary: "List records received of who left and not settled; members see their own", Action: permission.Received}, a.listReceived)
	operation.Add(a.API, operation.Place{ID: "get-transfer", Method: http.MethodGet, Path: "/transfers/{id}", Tag: tag, Summary: "Read one, with its records", Action: permission.Received}, a.getReceived)
	operation.Add(a.API, operation.Place{ID: "accept-transfer", Method: http.MethodPost, Path: "/transfers/{id}/accept", Tag: tag, Summary: "Keep the records that one received", Action: permission.Received}, func(ctx context.Context, in *TransferVerb) (*operation.Decided, error) {
		return a.settle(ctx, in, "transfer.accept", answering((*lifecycle.Transfer).Accept))
	})
	operation.Add(a.API, operation.Place{ID: "decline-transfer", Method: http.MethodPost, Path: "/transfers/{id}/decline", Tag: tag, Summary: "Pass the records that one received on to the next leader", Action: permission.Received}, func(ctx context.Context, in *TransferVerb) (*operation.Decided, error) {
		return a.settle(ctx, in, "transfer.decline", answering((*lifecycle.Transfer).Decline))
	})
	operation.Add(a.API, operation.Place{ID: "give-transfer", Method: http.MethodPost, Path: "/transfers/{id}/give", Tag: tag, Summary: "Name somebody else to have the records", Action: permission.Records}, func(ctx context.Context, in *transferGift) (*operation.Decided, error) {
		return a.settle(ctx, &in.TransferVerb, "transfer.give", func(ctx context.Context, r directory.Reader, d *directory.Draft, t *lifecycle.Transfer) ([]directory.Finding, error) {
			return t.Give(ctx, r, d, in.Body.To)
		})
	})
}

// answering is for who has the records alone.
func answering(answer func(*lifecycle.Transfer, context.Context, directory.Reader, *directory.Draft) error) transferPlan {
	return func(ctx context.Context, r directory.Reader, d *directory.Draft, t *lifecycle.Transfer) ([]directory.Finding, error) {
		if d.Actor.User == "" || d.Actor.User != t.To {
			return nil, &operation.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: operation.PermissionDenied, Detail: "This is for the person alone who received the records; an owner or administrator can give them to somebody else."}
		}
		return nil, answer(t, ctx, r, d)
	}
}

// settle carries out what is decided about a transfer.
func (a handlers) settle(ctx context.Context, in *TransferVerb, action string, plan transferPlan) (*operation.Decided, error) {
	p, err := a.Command(ctx, action, func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		d.Subject = in.ID
		t, err := directory.Load[lifecycle.Transfer](ctx, r, d.Org, in.ID)
		if err == nil {
			err = operation.Matches(in.IfMatch, t.Version)
		}
		if err != nil {
			return nil, err
		}
		return plan(ctx, r, d, &t)
	})
	if err != nil {
		return nil, err
	}
	return operation.One(operation.DecisionOf(p, true, a.Language(ctx)), 0), nil
}

// key is what the list is found by.
func (in *receivedList) key(c operation.Caller) string {
	switch {
	case c.Role == permission.AsSelf:
		return "to:" + c.Actor.User
	case in.User != "":
		return "user:" + in.User
	case in.State == "declined":
		return lifecycle.TransferStuck
	case in.State == "overdue":
		return lifecycle.TransferOverdue
	}
	return ""
}

// shows reports whether a transfer is of the list; one that is over is of none.
func (in *receivedList) shows(v received) bool {
	return v.Open > 0 && (in.State == "any" || in.State == v.State || in.State == "overdue" && v.Overdue) && (in.User == "" || in.User == v.From || in.User == v.To)
}

// listReceived may leave pages shorter, as transfers that are over are left out.
func (a handlers) listReceived(ctx context.Context, in *receivedList) (out *operation.List[received], err error) {
	after, err := operation.DecodeCursor("transfer", in.After)
	if err != nil {
		return nil, err
	}
	q := directory.DocumentQuery{After: after, Limit: in.Limit + 1, Key: in.key(operation.CallerOf(ctx))}
	l := a.Language(ctx) // a snapshot of its own, which nobody waits for who has one
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		q.Org = org
		all, err := directory.All[lifecycle.Transfer](ctx, r, q)
		if err != nil {
			return err
		}
		page := operation.PageOf("transfer", all, in.Limit, func(t lifecycle.Transfer) string { return t.ID })
		out = &operation.List[received]{}
		out.Body.Items, out.Body.Next = []received{}, page.Body.Next
		open := map[string][]estate.Record{} // by whose they are
		for _, t := range page.Body.Items {
			if _, known := open[t.To]; !known {
				if open[t.To], err = lifecycle.OpenRecords(ctx, r, org, t.To); err != nil {
					return err
				}
			}
			v, err := receivedOf(ctx, r, l, &t, open[t.To])
			if err != nil {
				return err
			}
			if v.Records = nil; in.shows(v) {
				out.Body.Items = append(out.Body.Items, v)
			}
		}
		return nil
	})
	return out, err
}

func (a handlers) getReceived(ctx context.Context, in *operation.ByID) (out *operation.Single[received], err error) {
	c, l := operation.CallerOf(ctx), a.Language(ctx)
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		t, err := directory.Load[lifecycle.Transfer](ctx, r, org, in.ID)
		if err == nil && c.Role == permission.AsSelf && t.To != c.Actor.User {
			err = operation.Forbidden(permission.Received, c.Role)
		}
		if err != nil {
			return err
		}
		open, err := lifecycle.OpenRecords(ctx, r, org, t.To)
		if err != nil {
			return err
		}
		v, err := receivedOf(ctx, r, l, &t, open)
		if err == nil && v.Open == 0 {
			err = directory.ErrNotFound // it is over
		}
		out = operation.One(v, t.Version)
		return err
	})
	return out, err
}

// receivedOf shows a transfer in a language, of the open records of who has it.
func receivedOf(ctx context.Context, r directory.Reader, l directory.Language, t *lifecycle.Transfer, open []estate.Record) (received, error) {
	v := received{ID: t.ID, Version: t.Version, Created: t.Created, From: t.From, To: t.To, State: "awaiting", Records: t.Rest(open), Declined: t.Declined,
		Reminded: t.Reminded, Overdue: t.Overdue(), Blockers: []directory.Blocker{}}
	v.Open = len(v.Records)
	f := directory.Refused(lifecycle.RuleTransferee, directory.State, "Whoever could be asked to keep these records has declined them; name somebody else to have them.")
	switch {
	case t.Stuck():
		v.State = "declined"
	case t.Overdue():
		f = directory.Refused(lifecycle.RuleTransferee, directory.State, "Who received these records has not said whether they keep them, and was reminded; name somebody to have them, who may be the same person.")
	}
	if t.Stuck() || t.Overdue() {
		v.Blockers = append(v.Blockers, directory.Blocker{Code: f.Rule, Detail: f.In(l), OwnerID: t.To,
			Fix: &directory.Fix{Kind: "nameTransferee", RoleNeeded: string(directory.Admin), Href: operation.Prefix + "/transfers/" + t.ID + "/give"}})
	}
	var err error
	v.FromName, err = nameOf(ctx, r, operation.CallerOf(ctx).Org, t.From)
	return v, err
}

// nameOf is how a person is named who is or was here; "" where that is not known any
// more.
func nameOf(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (string, error) {
	p, err := r.Get(ctx, directory.Ref{Org: org, Type: operation.TypeNamed(r, "User"), ID: id})
	if errors.Is(err, directory.ErrNotFound) {
		stone, err := directory.LoadOr[estate.Tombstone](ctx, r, org, id)
		return stone.Name, err
	}
	if err == nil {
		err = p.Load()
	}
	if err != nil {
		return "", err
	}
	return directory.DisplayOf(p), nil
}
