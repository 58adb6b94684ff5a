package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// discovery holds the answers of the discovery endpoints (RFC 7644 section 4),
// written once.
type discovery struct {
	config      []byte
	schema, typ map[string][]byte
	used        map[*scim.Schema][]*scim.ResourceType // by which resource types
}

func newDiscovery(reg *schemas.Registry, o Options) discovery {
	d := discovery{schema: map[string][]byte{}, typ: map[string][]byte{}, used: map[*scim.Schema][]*scim.ResourceType{}}
	for _, s := range reg.Schemas {
		d.schema[strings.ToLower(s.ID)] = schemas.SchemaJSON(s, o.BaseURL)
	}
	for _, rt := range reg.Types {
		d.typ[rt.Name] = schemas.TypeJSON(rt, o.BaseURL)
		d.used[rt.Schema] = append(d.used[rt.Schema], rt)
		for _, e := range rt.Extensions {
			d.used[e.Schema] = append(d.used[e.Schema], rt)
		}
	}
	d.config = configJSON(o)
	return d
}

func listOf(docs []json.RawMessage) []byte {
	out := appendNumber(appendListHead(nil, len(docs), len(docs)), `,"startIndex":`, 1)
	out = append(out, `,"Resources":[`...)
	for i, doc := range docs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, doc...)
	}
	return append(out, "]}"...)
}

// configJSON is the ServiceProviderConfig (RFC 7643 section 5, RFC 9865 section 4).
func configJSON(o Options) []byte {
	type object = map[string]any
	supported := object{"supported": true}
	doc, err := json.Marshal(object{
		"schemas":        []string{scim.ConfigURN},
		"patch":          supported,
		"bulk":           object{"supported": true, "maxOperations": o.BulkOperations, "maxPayloadSize": o.BulkBytes},
		"filter":         object{"supported": true, "maxResults": o.MaxPageSize},
		"changePassword": object{"supported": false},
		"sort":           supported,
		"etag":           supported,
		"pagination": object{"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": o.PageSize,
			"maxPageSize": o.MaxPageSize, "cursorTimeout": int(o.CursorLifetime.Seconds())},
		"authenticationSchemes": []object{{"type": "oauthbearertoken", "name": "OAuth Bearer Token", "primary": true,
			"description": "A provisioning token, or an access token of a configured OpenID Connect issuer.", "specUri": "https://www.rfc-editor.org/info/rfc6750"}},
		"meta": object{"resourceType": "ServiceProviderConfig", "location": o.BaseURL + "/ServiceProviderConfig"},
	})
	if err != nil {
		panic(err) // strings, numbers and booleans cannot fail
	}
	return doc
}

// discover answers with a ready document. A filter is refused (RFC 7644
// section 4), other parameters of lists are ignored.
func (x *exchange) discover(doc []byte) error {
	if x.params.filter != "" {
		return &httpError{status: http.StatusForbidden, detail: "Discovery endpoints cannot be filtered; read the whole list."}
	}
	if doc == nil {
		return directory.ErrNotFound
	}
	x.respond(http.StatusOK, doc)
	return nil
}

func (x *exchange) config() error { return x.discover(x.s.discovery.config) }

// has reports whether the organization has a resource type. One that is read only
// exists once there is something of it (decision 13); until then it has no
// endpoints, no schema and no place in any list.
func (x *exchange) has(r directory.Reader, rt *scim.ResourceType) (bool, error) {
	if !rt.ReadOnly {
		return true, nil
	}
	return estate.Offers(x.ctx, r, x.principal.Org, rt)
}

// offered are the resource types that the organization has.
func (x *exchange) offered(r directory.Reader) (types []*scim.ResourceType, err error) {
	for _, rt := range x.s.reg.Types {
		some, err := x.has(r, rt)
		if err != nil {
			return nil, err
		}
		if some {
			types = append(types, rt)
		}
	}
	return types, nil
}

// offers is has with a snapshot of its own.
func (x *exchange) offers(rt *scim.ResourceType) (some bool, err error) {
	err = x.s.dir.Read(x.ctx, func(r directory.Reader) error {
		some, err = x.has(r, rt)
		return err
	})
	return some, err
}

// types lists the resource types.
func (x *exchange) types() error {
	var all []json.RawMessage
	err := x.s.dir.Read(x.ctx, func(r directory.Reader) error {
		types, err := x.offered(r)
		for _, rt := range types {
			all = append(all, x.s.discovery.typ[rt.Name])
		}
		return err
	})
	if err != nil {
		return err
	}
	return x.discover(listOf(all))
}

func (x *exchange) resourceType() error {
	rt, ok := x.s.reg.Type(x.id)
	if ok {
		var err error
		if ok, err = x.offers(rt); err != nil {
			return err
		}
	}
	if !ok {
		return x.discover(nil)
	}
	return x.discover(x.s.discovery.typ[rt.Name])
}

// shown are the schemas of the resource types that the organization has.
func (x *exchange) shown() (all []*scim.Schema, err error) {
	err = x.s.dir.Read(x.ctx, func(r directory.Reader) error {
		types, err := x.offered(r)
		for _, s := range x.s.reg.Schemas {
			used := x.s.discovery.used[s]
			if len(used) == 0 || slices.ContainsFunc(used, func(rt *scim.ResourceType) bool { return slices.Contains(types, rt) }) {
				all = append(all, s)
			}
		}
		return err
	})
	return all, err
}

func (x *exchange) schemas() error {
	shown, err := x.shown()
	if err != nil {
		return err
	}
	var all []json.RawMessage
	for _, s := range shown {
		all = append(all, x.s.discovery.schema[strings.ToLower(s.ID)])
	}
	return x.discover(listOf(all))
}

func (x *exchange) schema() error {
	shown, err := x.shown()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(shown, func(s *scim.Schema) bool { return scim.EqualName(s.ID, x.id) }) {
		return x.discover(nil)
	}
	return x.discover(x.s.discovery.schema[strings.ToLower(x.id)])
}
