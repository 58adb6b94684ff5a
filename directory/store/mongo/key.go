package mongo

import (
	"net/url"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/usher-scim/usher/directory"
)

// separator stands between the path of an attribute and a value of it. Names of
// attributes are only ever values, never names of fields.
const separator = "\x00"

// afterSeparator is above everything that begins with a path and the separator.
const afterSeparator = "\x01"

var escaped = strings.NewReplacer("%", "%25", "/", "%2F")

var plain = strings.NewReplacer("%25", "%", "%2F", "/")

// key is the _id of something that an organization has.
func key(org directory.OrgID, parts ...string) string {
	return escaped.Replace(string(org)) + "/" + strings.Join(parts, "/")
}

// parted takes an organization and one part out of a key.
func parted(key string) (org directory.OrgID, part string) {
	head, part, _ := strings.Cut(key, "/")
	return directory.OrgID(plain.Replace(head)), part
}

// below is the range of keys that begin with a key and a slash.
func below(prefix string) bson.D {
	return bson.D{{Key: "$gt", Value: prefix + "/"}, {Key: "$lt", Value: prefix + "0"}} // '0' follows '/'
}

// field writes a name so that it can be the name of a field: letters, digits and a
// few signs stay, everything else is a percent sign and two digits.
func field(name string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == ':' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// unfield reads what field has written.
func unfield(name string) string {
	if text, err := url.PathUnescape(name); err == nil {
		return text
	}
	return name
}

// only asks for some fields and not for _id.
func only(names ...string) bson.D {
	d := bson.D{{Key: "_id", Value: 0}}
	for _, n := range names {
		d = append(d, bson.E{Key: n, Value: 1})
	}
	return d
}
