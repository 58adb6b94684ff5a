package record

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory"
)

// Separator stands between the path of an attribute and a value of it. Names of
// attributes are only ever values, never names of fields.
const Separator = "\x00"

// AfterSeparator is above everything that begins with a path and the separator.
const AfterSeparator = "\x01"

var escaped = strings.NewReplacer("%", "%25", "/", "%2F")

var plain = strings.NewReplacer("%25", "%", "%2F", "/")

// Key is the _id of something that an organization has.
func Key(org directory.OrgID, parts ...string) string {
	return escaped.Replace(string(org)) + "/" + strings.Join(parts, "/")
}

// Parted takes an organization and one part out of a key.
func Parted(key string) (org directory.OrgID, part string) {
	head, part, _ := strings.Cut(key, "/")
	return directory.OrgID(plain.Replace(head)), part
}

// Below is the range of keys that begin with a key and a slash.
func Below(prefix string) bson.D {
	return bson.D{{Key: "$gt", Value: prefix + "/"}, {Key: "$lt", Value: prefix + "0"}} // '0' follows '/'
}

// Within is the range of the keys of what an organization has.
func Within(org directory.OrgID) bson.D { return Below(escaped.Replace(string(org))) }

// Only asks for some fields and not for _id.
func Only(names ...string) bson.D {
	d := bson.D{{Key: "_id", Value: 0}}
	for _, n := range names {
		d = append(d, bson.E{Key: n, Value: 1})
	}
	return d
}
