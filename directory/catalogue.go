package directory

import (
	"context"
	"iter"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// catalogue is a Reader that shows applications, assignments, licences and
// integrations as resources too, which clients can read and not change (domain
// 3.3).
type catalogue struct {
	Reader
	now     time.Time
	service *Service
}

// shelf is one sort of document that is shown as resources.
type shelf struct {
	kind Kind
	show func(ctx context.Context, c catalogue, rt *scim.ResourceType, d Document) (*scim.Resource, error)
	// key is the one that a filter's comparison of texts asks for; "" when none does.
	key func(attribute, value string) string
}

// shelves are all of them, by the names of their resource types.
var shelves = map[string]shelf{
	"Application":   shelfOf(showApplication, nil),
	"AppAssignment": shelfOf(showAssignment, keyOfAssignment),
	"LicensePool":   shelfOf(showPool, nil),
	"Integration":   shelfOf(showIntegration, nil),
}

func shelfOf[T any, P Noun[T]](view func(context.Context, catalogue, OrgID, P) (any, error), key func(attribute, value string) string) shelf {
	var zero T
	return shelf{kind: P(&zero).Kind(), key: key, show: func(ctx context.Context, c catalogue, rt *scim.ResourceType, d Document) (*scim.Resource, error) {
		var v T
		if err := decodeDocument[T, P](d, &v); err != nil {
			return nil, err
		}
		seen, err := view(ctx, c, d.Org, &v)
		if err != nil {
			return nil, err
		}
		members, err := json.Marshal(seen)
		if err != nil {
			return nil, err
		}
		body := append([]byte(`{"schemas":["`+rt.Schema.ID+`"],`), members[1:]...)
		h := P(&v).Meta()
		return scim.Stored(rt, h.ID, h.Version, h.Created, h.Modified, body), nil
	}}
}

// Get reads one resource.
func (c catalogue) Get(ctx context.Context, ref Ref) (*scim.Resource, error) {
	if !ref.Type.ReadOnly {
		return c.Reader.Get(ctx, ref)
	}
	s := shelves[ref.Type.Name]
	d, err := c.Document(ctx, ref.Org, s.kind, ref.ID)
	if err != nil {
		return nil, err
	}
	return s.show(ctx, c, ref.Type, d)
}

// Find answers a query. Documents that no filter and no order ask about are
// counted unread.
func (c catalogue) Find(ctx context.Context, q Query) (Page, error) {
	if !q.Type.ReadOnly {
		return c.Reader.Find(ctx, q)
	}
	s := shelves[q.Type.Name]
	l := listing{q: q}
	for d, err := range c.Documents(ctx, DocumentQuery{Org: q.Org, Kind: s.kind, Key: s.asked(q.Filter)}) {
		if err != nil {
			return Page{}, err
		}
		l.add(d.ID, func() (*scim.Resource, error) { return s.show(ctx, c, q.Type, d) })
	}
	return l.page()
}

// asked is the key that every resource has which the filter accepts, if one is
// known.
func (s shelf) asked(f *filter.Filter) string {
	if f == nil || s.key == nil {
		return ""
	}
	parts, ok := f.Root.(filter.And)
	if !ok {
		parts = filter.And{f.Root}
	}
	for _, part := range parts {
		if leaf, ok := part.(*filter.Leaf); ok && leaf.Op == filter.Equal {
			if key := s.key(leaf.Attr.Name, leaf.Key); key != "" {
				return key
			}
		}
	}
	return ""
}

// Offers reports whether the organization has any resource of a read-only type:
// one that has none does not list it.
func Offers(ctx context.Context, r Documents, org OrgID, rt *scim.ResourceType) (bool, error) {
	next, stop := iter.Pull2(r.Documents(ctx, DocumentQuery{Org: org, Kind: shelves[rt.Name].kind, Limit: 1}))
	defer stop()
	_, err, some := next()
	return some && err == nil, err
}

func showApplication(_ context.Context, _ catalogue, _ OrgID, a *Application) (any, error) {
	return struct {
		DisplayName     string `json:"displayName,omitempty"`
		AcceptsExternal bool   `json:"acceptsExternal"`
		MinAdmins       int    `json:"minAdmins"`
		Owner           string `json:"owner,omitempty"`
	}{a.Name, a.AcceptsExternal, a.MinAdmins, a.Owner}, nil
}

func showAssignment(_ context.Context, _ catalogue, _ OrgID, a *Assignment) (any, error) {
	return struct {
		App     string `json:"app"`
		User    string `json:"user"`
		Role    string `json:"role,omitempty"`
		Enabled bool   `json:"enabled"`
	}{a.App, a.User, a.Role, a.Enabled}, nil
}

func keyOfAssignment(attribute, value string) string {
	if attribute == "app" || attribute == "user" {
		return attribute + ":" + value
	}
	return ""
}

func showPool(ctx context.Context, c catalogue, org OrgID, p *Pool) (any, error) {
	s, err := SeatsOf(ctx, c, org, p.ID, c.now)
	return struct {
		SKU            string `json:"sku"`
		Purchased      int64  `json:"purchased"`
		Used           int64  `json:"used"`
		Reserved       int64  `json:"reserved"`
		Free           int64  `json:"free"`
		CountExternals bool   `json:"countExternals"`
	}{p.ID, s.Purchased, s.Used, s.Reserved, s.Free, p.CountExternals}, err
}

func showIntegration(_ context.Context, _ catalogue, _ OrgID, i *Integration) (any, error) {
	last := ""
	if !i.LastSync.IsZero() {
		last = scim.FormatTime(i.LastSync)
	}
	return struct {
		App         string `json:"app"`
		AppName     string `json:"appName,omitempty"`
		PeerApp     string `json:"peerApp"`
		PeerAppName string `json:"peerAppName,omitempty"`
		Owner       string `json:"owner,omitempty"`
		Enabled     bool   `json:"enabled"`
		Holds       string `json:"holds,omitempty"`
		LastSync    string `json:"lastSync,omitempty"`
		SyncState   string `json:"syncState,omitempty"`
		Fix         Recipe `json:"fix,omitzero"`
	}{i.App, i.AppName, i.PeerApp, i.PeerAppName, i.Owner, i.Enabled, i.Holds, last, i.SyncState, i.Fix}, nil
}
