package operation

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/scim"
)

// Place is one operation of the API.
type Place struct {
	ID, Method, Path, Tag, Summary string
	Action                         permission.Action
	Status                         int // of success; 0: 200
}

// Add registers an operation. Errors of the handler become problems.
func Add[I, O any](a *API, p Place, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{OperationID: p.ID, Method: p.Method, Path: p.Path, Summary: p.Summary, Tags: []string{p.Tag},
		DefaultStatus: p.Status, Metadata: map[string]any{"action": p.Action}, MaxBodyBytes: 1 << 20}
	if p.Action != permission.Public {
		op.Security = []map[string][]string{{"bearer": {}}}
		op.Errors = []int{http.StatusUnauthorized}
	}
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed)
	a.places[p.Method+" "+Prefix+p.Path] = p
	op.RequestBody = optionalBody[I]()
	if p.previews() {
		describe(&op)
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.failed(ctx, p.ID, err)
		}
		return out, nil
	})
	if p.previews() {
		a.describePreview(op.Responses)
	}
	if op.RequestBody != nil {
		op.RequestBody.Required = false // the framework asks for every body that is no pointer
	}
}

// failed is what an operation answers that did not come to its end: a problem, or
// the outcome of a preview.
func (a *API) failed(ctx context.Context, operation string, err error) error {
	var seen *Previewed
	if errors.As(err, &seen) {
		return seen
	}
	p := a.ProblemFor(ctx, err)
	recordOf(ctx).cause = err
	switch {
	case Previewing(ctx) && p.refuses():
		return &Previewed{p.decision()}
	case p.Code == PermissionDenied && !Previewing(ctx):
		a.denied(context.WithoutCancel(ctx), CallerOf(ctx), operation)
	}
	return p
}

// ProblemFor is the problem of an error in the language of the caller.
func (a *API) ProblemFor(ctx context.Context, err error) *Problem {
	p := ProblemOf(err, RequestID(ctx))
	if p.refusal != nil {
		p.tell(a.Language(ctx))
	}
	return p
}

// optionalBody is for the operations that go without a body; nil for all others.
func optionalBody[I any]() *huma.RequestBody {
	body, has := reflect.TypeFor[I]().FieldByName("Body")
	if !has || body.Tag.Get("required") != "false" {
		return nil
	}
	return &huma.RequestBody{}
}

// Inputs and outputs that many operations share.
type (
	// ByID names one thing.
	ByID struct {
		ID string `path:"id"`
	}
	// Page asks for a part of a list.
	Page struct {
		After string `query:"after" doc:"Cursor: next of the page before."`
		Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Most items on the page."`
	}
	// List is a page of a list.
	List[T any] struct {
		Body struct {
			Items []T    `json:"items"`
			Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
		}
	}
	// Single is an answer with one thing, in a version.
	Single[T any] struct {
		ETag string `header:"ETag"`
		Body T
	}
	// Secret is an answer with something that is shown once.
	Secret[T any] struct {
		ETag  string `header:"ETag"`
		Shown string `header:"Usher-Shown-Once"`
		Body  T
	}
	// Empty is a request or an answer without anything in it.
	Empty struct{}
)

// One answers with one thing in its version.
func One[T any](v T, version scim.Version) *Single[T] { return &Single[T]{version.ETag(), v} }

// PageOf cuts what was read of a list, one item more than the limit, into a page.
func PageOf[T any](of string, items []T, limit int, id func(T) string) *List[T] {
	out := &List[T]{}
	if len(items) > limit {
		items = items[:limit]
		out.Body.Next = EncodeCursor(of, id(items[limit-1]))
	}
	out.Body.Items = items
	if items == nil {
		out.Body.Items = []T{}
	}
	return out
}
