package admin

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// place is one operation of the API.
type place struct {
	id, method, path, tag, summary string
	action                         Action
	status                         int // of success; 0: 200
}

// add registers an operation. Errors of the handler become problems.
func add[I, O any](a *API, p place, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{OperationID: p.id, Method: p.method, Path: p.path, Summary: p.summary, Tags: []string{p.tag},
		DefaultStatus: p.status, Metadata: map[string]any{"action": p.action}, MaxBodyBytes: 1 << 20}
	if p.action != Public {
		op.Security = []map[string][]string{{"bearer": {}}}
		op.Errors = []int{http.StatusUnauthorized}
	}
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed)
	op.RequestBody = optionalBody[I]()
	if p.previews() {
		describe(&op)
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.failed(ctx, p.id, err)
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
	var seen *previewed
	if errors.As(err, &seen) {
		return seen
	}
	p := a.problemFor(ctx, err)
	if p.Status == http.StatusInternalServerError {
		a.Logger.Error("request failed", "request_id", requestID(ctx), "error", err.Error())
	}
	switch {
	case previewing(ctx) && p.refuses():
		return &previewed{p.decision()}
	case p.Code == permissionDenied && !previewing(ctx):
		a.denied(context.WithoutCancel(ctx), callerOf(ctx), operation)
	}
	return p
}

// problemFor is the problem of an error in the language of the caller.
func (a *API) problemFor(ctx context.Context, err error) *Problem {
	p := problemOf(err, requestID(ctx))
	if p.refusal != nil {
		p.tell(a.language(ctx))
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
	byID struct {
		ID string `path:"id"`
	}
	// Page asks for a part of a list.
	Page struct {
		After string `query:"after" doc:"Cursor: next of the page before."`
		Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Most items on the page."`
	}
	list[T any] struct {
		Body struct {
			Items []T    `json:"items"`
			Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
		}
	}
	single[T any] struct {
		ETag string `header:"ETag"`
		Body T
	}
	// secret is an answer with something that is shown once.
	secret[T any] struct {
		ETag  string `header:"ETag"`
		Shown string `header:"Usher-Shown-Once"`
		Body  T
	}
	empty struct{}
)

func one[T any](v T, version scim.Version) *single[T] { return &single[T]{version.ETag(), v} }

// pageOf cuts what was read of a list, one item more than the limit, into a page.
func pageOf[T any](of string, items []T, limit int, id func(T) string) *list[T] {
	out := &list[T]{}
	if len(items) > limit {
		items = items[:limit]
		out.Body.Next = encodePlace(of, id(items[limit-1]))
	}
	out.Body.Items = items
	if items == nil {
		out.Body.Items = []T{}
	}
	return out
}

// nouns describes the operations on one kind of document.
type nouns[T any] struct {
	path, tag    string
	view, change Action
	// of makes the query for what belongs to a person; nil: none.
	of func(org directory.OrgID, user string) directory.DocumentQuery
	// queue is the name of the key, with its colon, by which they are listed in their own order; "": they
	// are in the order of their ids.
	queue string
	// find reads one where its id alone does not; nil: by its id.
	find func(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (T, error)
	// check decides on a new or changed document; before is nil for a new one. It
	// may correct what the caller sent.
	check func(ctx context.Context, r directory.Reader, d *directory.Draft, before, after *T) ([]directory.Finding, error)
	// drop decides on a removal.
	drop func(ctx context.Context, r directory.Reader, d *directory.Draft, v *T) ([]directory.Finding, error)
	// named: the caller chooses the id, and PUT makes what is not there.
	named bool
}

type (
	nounInput[T any] struct {
		IdempotencyKey string `header:"Idempotency-Key" doc:"Repeat a request with the same key and nothing happens twice."`
		Body           T
	}
	nounChange[T any] struct {
		ID      string `path:"id"`
		IfMatch string `header:"If-Match"`
		Body    T
	}
	nounDrop struct {
		ID      string `path:"id"`
		IfMatch string `header:"If-Match"`
	}
	nounList struct {
		Page
		User string `query:"user" doc:"Only those of this person."`
	}
)

// keep registers the operations on a kind of document.
func keep[T any, P directory.Noun[T]](a *API, n nouns[T]) {
	kind := string(P(new(T)).Kind())
	keepList[T, P](a, n)
	add(a, place{"get-" + kind, http.MethodGet, n.path + "/{id}", n.tag, "Read one", n.view, 0}, func(ctx context.Context, in *byID) (out *single[T], err error) {
		err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
			find := n.find
			if find == nil {
				find = func(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (T, error) {
					return directory.Load[T, P](ctx, r, org, id)
				}
			}
			v, err := find(ctx, r, org, in.ID)
			out = one(v, P(&v).Meta().Version)
			return err
		})
		return out, err
	})
	if n.change == "" {
		return
	}
	if !n.named {
		add(a, place{"create-" + kind, http.MethodPost, n.path, n.tag, "Make one", n.change, http.StatusCreated}, func(ctx context.Context, in *nounInput[T]) (*single[T], error) {
			return putNoun[T, P](a, ctx, n, in.Body, P(&in.Body).Meta().ID, "", true)
		})
	}
	add(a, place{"put-" + kind, http.MethodPut, n.path + "/{id}", n.tag, "Change one", n.change, 0}, func(ctx context.Context, in *nounChange[T]) (*single[T], error) {
		return putNoun[T, P](a, ctx, n, in.Body, in.ID, in.IfMatch, false)
	})
	add(a, place{"delete-" + kind, http.MethodDelete, n.path + "/{id}", n.tag, "Remove one", n.change, http.StatusNoContent}, func(ctx context.Context, in *nounDrop) (*empty, error) {
		_, err := a.command(ctx, kind+".delete", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			d.Subject = in.ID
			v, err := directory.Load[T, P](ctx, r, d.Org, in.ID)
			if err == nil {
				err = matches(in.IfMatch, P(&v).Meta().Version)
			}
			if err != nil {
				return nil, err
			}
			directory.Drop[T, P](d, d.Org, &v)
			if n.drop == nil {
				return nil, nil
			}
			return n.drop(ctx, r, d, &v)
		})
		return nil, err
	})
}

// keepList registers the list of a kind of document.
func keepList[T any, P directory.Noun[T]](a *API, n nouns[T]) {
	kind := string(P(new(T)).Kind())
	p := place{"list-" + kind, http.MethodGet, n.path, n.tag, "List them", n.view, 0}
	read := func(ctx context.Context, in Page, of func(directory.OrgID) directory.DocumentQuery) (out *list[T], err error) {
		after, err := decodePlace(kind, in.After)
		if err != nil {
			return nil, err
		}
		err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
			q := of(org)
			place := func(v T) string { return P(&v).Meta().ID }
			if q.After, q.Limit = after, in.Limit+1; n.queue != "" {
				q.From, q.After, q.Below = max(n.queue, after), "", strings.TrimSuffix(n.queue, ":")+";"
				place = func(v T) string { return P(&v).Keys()[0] + "\x00" }
			}
			items, err := directory.All[T, P](ctx, r, q)
			out = pageOf(kind, items, in.Limit, place)
			return err
		})
		return out, err
	}
	all := func(org directory.OrgID) directory.DocumentQuery { return directory.DocumentQuery{Org: org} }
	if n.of == nil {
		add(a, p, func(ctx context.Context, in *Page) (*list[T], error) { return read(ctx, *in, all) })
		return
	}
	add(a, p, func(ctx context.Context, in *nounList) (*list[T], error) {
		if in.User == "" {
			return read(ctx, in.Page, all)
		}
		return read(ctx, in.Page, func(org directory.OrgID) directory.DocumentQuery { return n.of(org, in.User) })
	})
}

// putNoun makes or changes a document.
func putNoun[T any, P directory.Noun[T]](a *API, ctx context.Context, n nouns[T], v T, id, ifMatch string, fresh bool) (*single[T], error) {
	kind := string(P(&v).Kind())
	plan := func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		next := v // the transaction may run again
		head := P(&next).Meta()
		if id == "" {
			id = d.NewID(kind)
		}
		before, err := loadNoun[T, P](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		was := P(&before).Meta()
		switch {
		case fresh && was.Version > 0:
			return nil, directory.ErrExists
		case !fresh && was.Version == 0 && !n.named:
			return nil, directory.ErrNotFound
		}
		if err := matches(ifMatch, was.Version); err != nil {
			return nil, err
		}
		*head = *was
		head.ID, d.Subject = id, id
		d.Verb = kind + ".update"
		old := &before
		if was.Version == 0 {
			d.Verb, old = kind+".create", nil
		}
		var found []directory.Finding
		if n.check != nil {
			if found, err = n.check(ctx, r, d, old, &next); err != nil {
				return nil, err
			}
		}
		if err := directory.Save[T, P](d, d.Org, &next); err != nil {
			return nil, err
		}
		v = next
		return found, nil
	}
	_, err := a.command(ctx, kind+".update", plan)
	return one(v, P(&v).Meta().Version), err
}

// loadNoun reads a document, or gives an empty one of an id that may be one.
func loadNoun[T any, P directory.Noun[T]](ctx context.Context, r directory.Reader, org directory.OrgID, id string) (T, error) {
	v, err := directory.LoadOr[T, P](ctx, r, org, id)
	if err == nil && P(&v).Meta().Version == 0 {
		err = directory.CheckID("id", id)
	}
	return v, err
}

// matches checks If-Match against a document's version.
func matches(header string, v scim.Version) error {
	if header == "" {
		return nil
	}
	p, err := versions(header)
	if err == nil && (!p.Holds(v) || v == 0) {
		err = directory.ErrVersion
	}
	return err
}
