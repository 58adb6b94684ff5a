package estate

import (
	"context"
	"iter"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Shelves are what is shown of an organization as resources that clients can only read
// (domain 3.3), by the names of their resource types.
var Shelves = map[string]directory.Shelf{
	"Application":   shelfOf(showApplication, nil),
	"AppAssignment": shelfOf(showAssignment, keyOfAssignment),
	"LicensePool":   shelfOf(showPool, nil),
	"Integration":   shelfOf(showIntegration, nil),
}

func shelfOf[T any, P directory.Noun[T]](view func(ctx context.Context, r directory.Documents, now time.Time, org directory.OrgID, v P) (any, error), key func(attribute, value string) string) directory.Shelf {
	var zero T
	return directory.Shelf{Kind: P(&zero).Kind(), Key: key, Show: func(ctx context.Context, r directory.Documents, now time.Time, rt *scim.ResourceType, d directory.Document) (*scim.Resource, error) {
		var v T
		if err := directory.DecodeDocument[T, P](d, &v); err != nil {
			return nil, err
		}
		seen, err := view(ctx, r, now, d.Org, &v)
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

// Offers reports whether the organization has any resource of a read-only type:
// one that has none does not list it.
func Offers(ctx context.Context, r directory.Documents, org directory.OrgID, rt *scim.ResourceType) (bool, error) {
	next, stop := iter.Pull2(r.Documents(ctx, directory.DocumentQuery{Org: org, Kind: Shelves[rt.Name].Kind, Limit: 1}))
	defer stop()
	_, err, some := next()
	return some && err == nil, err
}

func showApplication(_ context.Context, _ directory.Documents, _ time.Time, _ directory.OrgID, a *Application) (any, error) {
	return struct {
		DisplayName     string `json:"displayName,omitempty"`
		AcceptsExternal bool   `json:"acceptsExternal"`
		MinAdmins       int    `json:"minAdmins"`
		Owner           string `json:"owner,omitempty"`
	}{a.Name, a.AcceptsExternal, a.MinAdmins, a.Owner}, nil
}

func showAssignment(_ context.Context, _ directory.Documents, _ time.Time, _ directory.OrgID, a *Assignment) (any, error) {
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

func showPool(ctx context.Context, r directory.Documents, now time.Time, org directory.OrgID, p *Pool) (any, error) {
	s, err := SeatsOf(ctx, r, org, p.ID, now)
	return struct {
		SKU            string `json:"sku"`
		Purchased      int64  `json:"purchased"`
		Used           int64  `json:"used"`
		Reserved       int64  `json:"reserved"`
		Free           int64  `json:"free"`
		CountExternals bool   `json:"countExternals"`
	}{p.ID, s.Purchased, s.Used, s.Reserved, s.Free, p.CountExternals}, err
}

func showIntegration(_ context.Context, _ directory.Documents, _ time.Time, _ directory.OrgID, i *Integration) (any, error) {
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
