package server

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// discovery holds the answers of the discovery endpoints (RFC 7644 section 4),
// written once.
type discovery struct {
	config, schemas []byte
	schema, typ     map[string][]byte
}

func newDiscovery(reg *schemas.Registry, o Options) discovery {
	d := discovery{schema: map[string][]byte{}, typ: map[string][]byte{}}
	var all []json.RawMessage
	for _, s := range reg.Schemas {
		doc := schemas.SchemaJSON(s, o.BaseURL)
		d.schema[strings.ToLower(s.ID)] = doc
		all = append(all, doc)
	}
	d.schemas = listOf(all)
	for _, rt := range reg.Types {
		d.typ[rt.Name] = schemas.TypeJSON(rt, o.BaseURL)
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

func (x *exchange) config() error       { return x.discover(x.s.discovery.config) }
func (x *exchange) schemas() error      { return x.discover(x.s.discovery.schemas) }
func (x *exchange) schema() error       { return x.discover(x.s.discovery.schema[strings.ToLower(x.id)]) }
func (x *exchange) resourceType() error { return x.discover(x.s.discovery.typ[x.id]) }

// types lists the resource types. One that is read only is listed when the
// organization has something of it.
func (x *exchange) types() error {
	var all []json.RawMessage
	err := x.s.dir.Read(x.ctx, func(r directory.Reader) error {
		for _, rt := range x.s.reg.Types {
			if rt.ReadOnly {
				some, err := directory.Offers(x.ctx, r, x.principal.Org, rt)
				if err != nil {
					return err
				}
				if !some {
					continue
				}
			}
			all = append(all, x.s.discovery.typ[rt.Name])
		}
		return nil
	})
	if err != nil {
		return err
	}
	return x.discover(listOf(all))
}
