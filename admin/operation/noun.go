package operation

import (
	"context"
	"net/http"
	"strings"

	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Nouns describes the operations on one kind of document.
type Nouns[T any] struct {
	Path, Tag    string
	View, Change permission.Action
	// Of makes the query for what belongs to a person; nil: none.
	Of func(org directory.OrgID, user string) directory.DocumentQuery
	// Queue is the name of the key, with its colon, by which they are listed in their own order; "": they
	// are in the order of their ids.
	Queue string
	// Find reads one where its id alone does not; nil: by its id.
	Find func(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (T, error)
	// Check decides on a new or changed document; before is nil for a new one. It
	// may correct what the caller sent.
	Check func(ctx context.Context, r directory.Reader, d *directory.Draft, before, after *T) ([]directory.Finding, error)
	// Drop decides on a removal.
	Drop func(ctx context.Context, r directory.Reader, d *directory.Draft, v *T) ([]directory.Finding, error)
	// Named: the caller chooses the id, and PUT makes what is not there.
	Named bool
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
	// ByVersion names a document, and in If-Match the version that was read.
	ByVersion struct {
		ID      string `path:"id"`
		IfMatch string `header:"If-Match"`
	}
	nounList struct {
		Page
		User string `query:"user" doc:"Only those of this person."`
	}
)

// Keep registers the operations on a kind of document.
func Keep[T any, P directory.Noun[T]](a *API, n Nouns[T]) {
	kind := string(P(new(T)).Kind())
	keepList[T, P](a, n)
	Add(a, Place{"get-" + kind, http.MethodGet, n.Path + "/{id}", n.Tag, "Read one", n.View, 0}, func(ctx context.Context, in *ByID) (out *Single[T], err error) {
		err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
			find := n.Find
			if find == nil {
				find = func(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (T, error) {
					return directory.Load[T, P](ctx, r, org, id)
				}
			}
			v, err := find(ctx, r, org, in.ID)
			out = One(v, P(&v).Meta().Version)
			return err
		})
		return out, err
	})
	if n.Change == "" {
		return
	}
	if !n.Named {
		Add(a, Place{"create-" + kind, http.MethodPost, n.Path, n.Tag, "Make one", n.Change, http.StatusCreated}, func(ctx context.Context, in *nounInput[T]) (*Single[T], error) {
			return putNoun[T, P](a, ctx, n, in.Body, P(&in.Body).Meta().ID, "", true)
		})
	}
	Add(a, Place{"put-" + kind, http.MethodPut, n.Path + "/{id}", n.Tag, "Change one", n.Change, 0}, func(ctx context.Context, in *nounChange[T]) (*Single[T], error) {
		return putNoun[T, P](a, ctx, n, in.Body, in.ID, in.IfMatch, false)
	})
	Add(a, Place{"delete-" + kind, http.MethodDelete, n.Path + "/{id}", n.Tag, "Remove one", n.Change, http.StatusNoContent}, func(ctx context.Context, in *ByVersion) (*Empty, error) {
		_, err := a.Command(ctx, kind+".delete", func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			d.Subject = in.ID
			v, err := directory.Load[T, P](ctx, r, d.Org, in.ID)
			if err == nil {
				err = Matches(in.IfMatch, P(&v).Meta().Version)
			}
			if err != nil {
				return nil, err
			}
			directory.Drop[T, P](d, d.Org, &v)
			if n.Drop == nil {
				return nil, nil
			}
			return n.Drop(ctx, r, d, &v)
		})
		return nil, err
	})
}

// keepList registers the list of a kind of document.
func keepList[T any, P directory.Noun[T]](a *API, n Nouns[T]) {
	kind := string(P(new(T)).Kind())
	p := Place{"list-" + kind, http.MethodGet, n.Path, n.Tag, "List them", n.View, 0}
	read := func(ctx context.Context, in Page, of func(directory.OrgID) directory.DocumentQuery) (out *List[T], err error) {
		after, err := DecodeCursor(kind, in.After)
		if err != nil {
			return nil, err
		}
		err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
			q := of(org)
			place := func(v T) string { return P(&v).Meta().ID }
			if q.After, q.Limit = after, in.Limit+1; n.Queue != "" {
				q.From, q.After, q.Below = max(n.Queue, after), "", strings.TrimSuffix(n.Queue, ":")+";"
				place = func(v T) string { return P(&v).Keys()[0] + "\x00" }
			}
			items, err := directory.All[T, P](ctx, r, q)
			out = PageOf(kind, items, in.Limit, place)
			return err
		})
		return out, err
	}
	all := func(org directory.OrgID) directory.DocumentQuery { return directory.DocumentQuery{Org: org} }
	if n.Of == nil {
		Add(a, p, func(ctx context.Context, in *Page) (*List[T], error) { return read(ctx, *in, all) })
		return
	}
	Add(a, p, func(ctx context.Context, in *nounList) (*List[T], error) {
		if in.User == "" {
			return read(ctx, in.Page, all)
		}
		return read(ctx, in.Page, func(org directory.OrgID) directory.DocumentQuery { return n.Of(org, in.User) })
	})
}

// putNoun makes or changes a document.
func putNoun[T any, P directory.Noun[T]](a *API, ctx context.Context, n Nouns[T], v T, id, ifMatch string, fresh bool) (*Single[T], error) {
	kind := string(P(&v).Kind())
	plan := func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		next := v // the transaction may run again
		head := P(&next).Meta()
		if id == "" {
			id = d.NewID(kind)
		}
		before, err := LoadNoun[T, P](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		was := P(&before).Meta()
		switch {
		case fresh && was.Version > 0:
			return nil, directory.ErrExists
		case !fresh && was.Version == 0 && !n.Named:
			return nil, directory.ErrNotFound
		}
		if err := Matches(ifMatch, was.Version); err != nil {
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
		if n.Check != nil {
			if found, err = n.Check(ctx, r, d, old, &next); err != nil {
				return nil, err
			}
		}
		if err := directory.Save[T, P](d, d.Org, &next); err != nil {
			return nil, err
		}
		v = next
		return found, nil
	}
	_, err := a.Command(ctx, kind+".update", plan)
	return One(v, P(&v).Meta().Version), err
}

// LoadNoun reads a document, or gives an empty one of an id that may be one.
func LoadNoun[T any, P directory.Noun[T]](ctx context.Context, r directory.Reader, org directory.OrgID, id string) (T, error) {
	v, err := directory.LoadOr[T, P](ctx, r, org, id)
	if err == nil && P(&v).Meta().Version == 0 {
		err = directory.CheckID("id", id)
	}
	return v, err
}

// Matches checks If-Match against a document's version.
func Matches(header string, v scim.Version) error {
	if header == "" {
		return nil
	}
	p, err := versions(header)
	if err == nil && (!p.Holds(v) || v == 0) {
		err = directory.ErrVersion
	}
	return err
}
