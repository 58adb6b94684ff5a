package directory

import (
	"context"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// viewpoint is whose externalId a record is to show in the attribute of that name, and
// takes there (RFC 7643 section 3.1). The zero viewpoint is that of the record itself.
type viewpoint struct {
	client ConnectionID
	shared bool // the record's own is seen by who has said nothing else of it
}

// viewpointOf is that of a client, where the records are named so.
func viewpointOf(client ConnectionID, n Naming) viewpoint {
	if client == "" || n.Version == 0 || n.Unclaimed || client == n.Main {
		return viewpoint{}
	}
	return viewpoint{client, n.Main == ""}
}

// sees is the externalId of a record.
func (v viewpoint) sees(r *scim.Resource) string {
	plain := r.Text(scim.ExternalID)
	if v.client == "" {
		return plain
	}
	if id, said := r.ExternalIDOf(string(v.client)); said {
		return id
	}
	if v.shared {
		return plain
	}
	return ""
}

// show is the record as it is seen. A damaged one is shown as it is, and fails when it
// is read.
func (v viewpoint) show(r *scim.Resource) *scim.Resource {
	if v.client == "" || r == nil || r.Load() != nil {
		return r
	}
	seen := r.Clone()
	seen.Set(scim.ExternalIDs, scim.Value{})
	SetText(seen, scim.ExternalID, v.sees(r))
	return seen
}

// keep turns a record as it is seen into what is kept of it: the externalIds of all
// others stay as they were.
func (v viewpoint) keep(before, after *scim.Resource) {
	if v.client == "" {
		return
	}
	was, plain, wanted := "", "", after.Text(scim.ExternalID)
	others := scim.Value{}
	if before != nil {
		was, plain = v.sees(before), before.Text(scim.ExternalID)
		others, _ = before.Get(scim.ExternalIDs)
	}
	SetText(after, scim.ExternalID, plain)
	after.Set(scim.ExternalIDs, others)
	switch {
	case wanted == was:
	case wanted != "" || v.shared && plain != "":
		after.SetExternalIDOf(string(v.client), wanted)
	default:
		after.DropExternalIDOf(string(v.client))
	}
}

// ask turns a filter on what is seen into one on what is kept.
func (v viewpoint) ask(f *filter.Filter) *filter.Filter {
	if v.client == "" {
		return f
	}
	return f.With(scim.ExternalID, v.asked)
}

func (v viewpoint) asked(n *filter.Leaf) filter.Node {
	if n.Op == filter.NotEqual {
		equal := *n
		equal.Op = filter.Equal
		return filter.Not{Node: v.asked(&equal)}
	}
	mine := &filter.Leaf{Attr: scim.ExternalIDClient, Op: filter.Equal, Value: scim.TextValue(string(v.client)), Key: string(v.client)}
	own := &filter.Element{Attr: scim.ExternalIDs, Inner: filter.And{mine, valueLeaf(n)}}
	if !v.shared {
		return own
	}
	return filter.Or{own, filter.And{n, filter.Not{Node: &filter.Element{Attr: scim.ExternalIDs, Inner: mine}}}}
}

// valueLeaf compares one of scim.ExternalIDs as a leaf compares scim.ExternalID.
func valueLeaf(n *filter.Leaf) *filter.Leaf {
	one := *n
	one.Attr = scim.ExternalIDValue
	return &one
}

// AnyExternalID is a filter that finds records by the externalId of whatever connection.
func AnyExternalID(f *filter.Filter) *filter.Filter {
	return f.With(scim.ExternalID, func(n *filter.Leaf) filter.Node {
		if n.Op == filter.NotEqual {
			equal := *n
			equal.Op = filter.Equal
			return filter.And{n, filter.Not{Node: &filter.Element{Attr: scim.ExternalIDs, Inner: valueLeaf(&equal)}}}
		}
		return filter.Or{n, &filter.Element{Attr: scim.ExternalIDs, Inner: valueLeaf(n)}}
	})
}

// ReadAs is Read with the externalIds that a client has given.
func (s *Service) ReadAs(ctx context.Context, client ConnectionID, fn func(Reader) error) error {
	if client == "" {
		return s.Read(ctx, fn)
	}
	return s.Read(ctx, func(r Reader) error { return fn(seer{r.(catalogue), client}) })
}

// view is the viewpoint of a request in its transaction.
func (s *Service) view(ctx context.Context, r Reader, req Request, rt *scim.ResourceType) (viewpoint, Naming, error) {
	if req.Client == "" {
		return viewpoint{}, Naming{}, nil
	}
	ok := enough(lately)
	if names(req.Change) {
		ok = settled
	}
	n, err := s.naming(ctx, r, req.Org, rt, false, ok)
	return viewpointOf(req.Client, n), n, err
}

// names reports whether a change may say what the resource is known as.
func names(c Change) bool {
	switch c := c.(type) {
	case creation:
		return c.resource.Text(scim.ExternalID) != ""
	case Replace:
		return true
	case Patch:
		return c.Patch.Names(scim.ExternalID)
	}
	return false
}

// name settles whose externalId the draft of a client's change holds: d.After is as the
// client sees it and becomes what is kept.
func (s *Service) name(ctx context.Context, r Reader, req Request, d *Draft) (err error) {
	was, is := "", d.After.Text(scim.ExternalID)
	if d.Before != nil {
		was = d.view.sees(d.Before)
	}
	if is == was {
		d.view.keep(d.Before, d.After)
		return nil
	}
	switch {
	case req.Client == "":
		return s.imports(ctx, r, d, is != "")
	case d.naming.Version == 0 || d.naming.Unclaimed:
		if err = s.claim(ctx, r, d, req.Client, is != ""); err == nil && d.naming.Unclaimed {
			SetText(d.After, scim.ExternalID, was) // it is not the client's to remove
		}
		d.view = viewpointOf(req.Client, d.naming)
	case d.view.client != "" && is != "":
		err = s.join(ctx, r, d, req.Client)
	}
	if err == nil {
		d.view.keep(d.Before, d.After)
	}
	return err
}

// imports notes that there are externalIds which no client has given.
func (s *Service) imports(ctx context.Context, r Reader, d *Draft, gives bool) (err error) {
	if !gives {
		return nil
	}
	if d.naming, err = s.naming(ctx, r, d.Org, d.Type, false, exists); err != nil || d.naming.Version > 0 {
		return err
	}
	return s.claim(ctx, r, d, "", true)
}

// seer is a Reader that shows the externalIds of one client.
type seer struct {
	catalogue
	client ConnectionID
}

func (s seer) viewpoint(ctx context.Context, org OrgID, rt *scim.ResourceType) (viewpoint, error) {
	if rt.ReadOnly {
		return viewpoint{}, nil
	}
	n, err := s.service.naming(ctx, s.Reader, org, rt, true, lately)
	return viewpointOf(s.client, n), err
}

// Get reads one resource.
func (s seer) Get(ctx context.Context, ref Ref) (*scim.Resource, error) {
	v, err := s.viewpoint(ctx, ref.Org, ref.Type)
	if err != nil {
		return nil, err
	}
	r, err := s.catalogue.Get(ctx, ref)
	return v.show(r), err
}

// Find answers a query.
func (s seer) Find(ctx context.Context, q Query) (Page, error) {
	v, err := s.viewpoint(ctx, q.Org, q.Type)
	if err != nil {
		return Page{}, err
	}
	q.Filter = v.ask(q.Filter)
	if v.client != "" && q.SortBy == scim.ExternalID {
		return s.sorted(ctx, q, v)
	}
	page, err := s.catalogue.Find(ctx, q)
	for i, r := range page.Resources {
		page.Resources[i] = v.show(r)
	}
	return page, err
}

// sortedAtOnce is how many resources are read at a time to be put in order.
const sortedAtOnce = 500

// sorted puts all that a query finds in the order of what is seen, which no store knows.
func (s seer) sorted(ctx context.Context, q Query, v viewpoint) (Page, error) {
	l := listing{q: q}
	all := Query{Org: q.Org, Type: q.Type, Filter: q.Filter, Start: 1, Count: sortedAtOnce}
	for {
		page, err := s.catalogue.Find(ctx, all)
		if err != nil {
			return Page{}, err
		}
		for _, r := range page.Resources {
			id := r.ID // and not the resource: there may be many
			l.all = append(l.all, listed{v.show(r).SortKey(scim.ExternalID), id, func() (*scim.Resource, error) {
				return s.Get(ctx, Ref{q.Org, q.Type, id})
			}})
		}
		if !page.More {
			return l.page()
		}
		all.After = page.Last
	}
}
