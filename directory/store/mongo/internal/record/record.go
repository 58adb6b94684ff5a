// Package record is how records lie in the database: their keys, the values that they
// are searched by, and the listings that say which those are.
package record

import (
	"cmp"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Resource is a resource as it is kept.
type Resource struct {
	Key      string   `bson:"_id"`
	Org      string   `bson:"o"`
	Kind     string   `bson:"k"`
	ID       string   `bson:"i"`
	Version  int64    `bson:"v"`
	Created  int64    `bson:"c"` // milliseconds since 1970
	Modified int64    `bson:"m"`
	Body     []byte   `bson:"b"`           // JSON
	Unique   []string `bson:"u,omitempty"` // path, separator, key
	Terms    []string `bson:"t,omitempty"` // path, separator, folded value
	Free     bool     `bson:"f,omitempty"` // was never a member of a group

	Values Values `bson:",inline"` // all others
}

// Of is the record of what is kept.
func (d Resource) Of(rt *scim.ResourceType) *scim.Resource {
	return scim.Stored(rt, d.ID, scim.Version(d.Version), time.UnixMilli(d.Created).UTC(), time.UnixMilli(d.Modified).UTC(), d.Body)
}

// Bare leaves out what only searches need.
var Bare = bson.D{{Key: "u", Value: 0}, {Key: "t", Value: 0}, {Key: "a", Value: 0}, {Key: "e", Value: 0}, {Key: "q", Value: 0}}

// Claim is a unique value that a resource has; its _id is the organization, the
// type, the path and the key. It is a document of its own, and not an entry in a
// unique index, so that the resources of one organization may lie on several shards.
type Claim struct {
	Key string `bson:"_id"`
	Org string `bson:"o"`
	ID  string `bson:"i"` // of the resource
}

// Claims are the keys of unique values.
func Claims(org directory.OrgID, kind string, values []string) (keys []string) {
	for _, v := range values {
		keys = append(keys, Key(org, kind, v))
	}
	return keys
}

// ClaimRange is the range of the claims whose values begin with a prefix, behind one.
func ClaimRange(org directory.OrgID, kind, prefix, after string) bson.D {
	first := Key(org, kind, prefix)
	return bson.D{{Key: "$gt", Value: cmp.Or(after, first)}, {Key: "$lt", Value: strings.TrimSuffix(first, Separator) + AfterSeparator}}
}

// Edge is one membership; its _id is the organization, the group and the member.
type Edge struct {
	Key    string `bson:"_id"`
	Org    string `bson:"o"`
	Group  string `bson:"g"`
	Member string `bson:"m"`
	Kind   string `bson:"mk"` // of the member
}
