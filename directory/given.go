package directory

import (
	"context"
	"slices"
	"strings"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Given is what a person's record says they are given here: entries of one type in
// a multi-valued attribute. Entries of other types are the client's own (domain 3.3).
type Given struct {
	root, value, kind *scim.Attribute
	name              string // the type
}

// Apps are the applications of a person, as books.admin or books; Extensions the
// extensions, by their licence.
var (
	Apps       = Given{schemas.User.Roles, schemas.User.RoleValue, schemas.User.RoleType, "app"}
	Extensions = Given{schemas.User.Entitlements, schemas.User.EntitlementValue, schemas.User.EntitlementType, "extension"}
)

// Path is that of the attribute.
func (g Given) Path() string { return g.root.Path() }

func (g Given) has(e scim.Value) bool {
	kind, _ := e.Get(g.kind)
	return scim.EqualName(kind.Text(), g.name)
}

// Of lists the values that a record has.
func (g Given) Of(r *scim.Resource) (all []string) {
	if r == nil {
		return nil
	}
	list, _ := r.Get(g.root)
	for _, e := range list.List() {
		if value, _ := e.Get(g.value); g.has(e) && !slices.Contains(all, value.Text()) {
			all = append(all, value.Text())
		}
	}
	return all
}

// Put adds values to a record and takes those out that drop names.
func (g Given) Put(r *scim.Resource, drop func(value string) bool, values ...string) {
	list, _ := r.Get(g.root)
	var kept []scim.Value
	for _, e := range list.List() {
		value, _ := e.Get(g.value)
		if !g.has(e) || !drop(value.Text()) && !slices.Contains(values, value.Text()) {
			kept = append(kept, e)
		}
	}
	for _, v := range values {
		kept = append(kept, scim.ComplexValue(scim.Field{Attr: g.value, Value: scim.TextValue(v)}, scim.Field{Attr: g.kind, Value: scim.TextValue(g.name)}))
	}
	if len(kept) == 0 {
		r.SetPath(g.root, scim.Value{})
		return
	}
	r.Set(g.root, scim.ListValue(kept...))
}

// keep carries what a person is given over into the body of a PUT that does not
// speak of it: silence takes nothing away.
func (g Given) keep(before, after *scim.Resource) {
	if had := g.Of(before); len(had) > 0 && len(g.Of(after)) == 0 {
		g.Put(after, func(string) bool { return false }, had...)
	}
}

// AppValue is how a role in an application is written; OfApp reports whether a
// value is one of the application's.
func AppValue(app, role string) string {
	if role == "" {
		return app
	}
	return app + "." + role
}

// OfApp reports whether a value names the application, with a role or without.
func OfApp(app string) func(value string) bool {
	return func(value string) bool {
		rest, ok := strings.CutPrefix(value, app)
		return ok && (rest == "" || rest[0] == '.' && !strings.Contains(rest[1:], "."))
	}
}

// Rewrite adds the next version of a resource beside the draft's own.
func (d *Draft) Rewrite(before *scim.Resource, amend func(next *scim.Resource)) {
	next := before.Next(d.Now)
	amend(next)
	if !before.Same(next) {
		d.Writes = append(d.Writes, rewrite{d.Org, before, next})
	}
}

type rewrite struct {
	org           OrgID
	before, after *scim.Resource
}

func (w rewrite) apply(ctx context.Context, tx Tx) error {
	return tx.Put(ctx, w.org, w.before, w.after)
}

// LoadDrafted reads a document as the draft leaves it, or gives an empty one of that
// id. Saving it again replaces what the draft would have written.
func LoadDrafted[T any, P Noun[T]](ctx context.Context, r Documents, d *Draft, id string) (T, error) {
	var v T
	for i, w := range d.Writes {
		put, ok := w.(putDocument)
		if !ok || put.doc.Org != d.Org || put.doc.Kind != P(&v).Kind() || put.doc.ID != id {
			continue
		}
		err := DecodeDocument[T, P](put.doc, &v)
		P(&v).Meta().drafted = i + 1
		return v, err
	}
	return LoadOr[T, P](ctx, r, d.Org, id)
}
