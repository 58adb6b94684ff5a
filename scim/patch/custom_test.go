package patch_test

import (
	"time"

	"github.com/usher-scim/usher/scim/schemas"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// custom is a registry with every characteristic that RFC 7643 knows and its own
// schemas do not use.
var custom = func() *schemas.Registry {
	r, err := schemas.NewRegistry([]schemas.Document{{Data: []byte(deviceSchema)}, {Data: []byte(tagSchema)}, {Data: []byte(lifeSchema)}}, []schemas.Document{{Data: []byte(deviceType)}})
	if err != nil {
		panic(err)
	}
	return r
}()

const deviceSchema = `{"id":"urn:example:Device","name":"Device","attributes":[
	{"name":"serial","type":"string","required":true,"mutability":"immutable"},
	{"name":"label","type":"string","required":true},
	{"name":"seen","type":"dateTime","mutability":"readOnly"},
	{"name":"count","type":"integer"},
	{"name":"weight","type":"decimal"},
	{"name":"on","type":"boolean"},
	{"name":"secret","type":"string","mutability":"writeOnly","returned":"never"},
	{"name":"tags","type":"string","multiValued":true},
	{"name":"burnt","type":"string","multiValued":true,"mutability":"immutable"},
	{"name":"place","type":"complex","subAttributes":[
		{"name":"room","type":"string"},{"name":"floor","type":"integer","mutability":"immutable"},
		{"name":"zone","type":"string","mutability":"readOnly"},{"name":"rights","type":"string","multiValued":true}]},
	{"name":"ports","type":"complex","multiValued":true,"subAttributes":[
		{"name":"value","type":"string","required":true},{"name":"type","type":"string"},
		{"name":"speed","type":"integer"},{"name":"mac","type":"string","mutability":"immutable"},
		{"name":"link","type":"boolean","mutability":"readOnly"},
		{"name":"key","type":"string","mutability":"writeOnly","returned":"never"},
		{"name":"vlans","type":"integer","multiValued":true},{"name":"primary","type":"boolean"}]},
	{"name":"birth","type":"complex","mutability":"immutable","subAttributes":[{"name":"at","type":"dateTime"},{"name":"by","type":"string"}]},
	{"name":"stats","type":"complex","mutability":"readOnly","subAttributes":[{"name":"hits","type":"integer"}]}]}`

const tagSchema = `{"id":"urn:example:ext:2.0:Tag","name":"Tag","attributes":[
	{"name":"colour","type":"string"},{"name":"inked","type":"string","mutability":"immutable"},
	{"name":"issued","type":"string","mutability":"readOnly"},
	{"name":"owners","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"string"},{"name":"type","type":"string"},{"name":"primary","type":"boolean"}]},
	{"name":"shared","type":"string"}]}`

const lifeSchema = `{"id":"urn:example:ext:Life","name":"Life","attributes":[
	{"name":"until","type":"dateTime"},{"name":"owner","type":"string","required":true},{"name":"shared","type":"string"}]}`

const deviceType = `{"name":"Device","endpoint":"/Devices","schema":"urn:example:Device","schemaExtensions":[
	{"schema":"urn:example:ext:2.0:Tag","required":false},{"schema":"urn:example:ext:Life","required":true}]}`
