package server

import (
	"encoding/json"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// enoughSeats refuses a whole Bulk request whose creations need more seats than
// there are, where the client asks for that with Prefer: handling=strict. Without
// it the operations take seats in their order.
func (b *bulkRun) enoughSeats() error {
	if !prefersStrict(b.x.r.Header["Prefer"]) {
		return nil
	}
	need := int64(0)
	for _, op := range b.ops {
		if b.createsActive(op) {
			need++
		}
	}
	return b.x.s.dir.Read(b.x.ctx, func(r directory.Reader) error {
		return directory.RoomFor(b.x.ctx, r, b.x.principal.Org, need, b.x.s.opts.Clock())
	})
}

// createsActive reports whether an operation makes a person who is let in.
func (b *bulkRun) createsActive(op *bulkOperation) bool {
	rt, ok := b.x.s.reg.Endpoint("/" + strings.Trim(op.Path, "/"))
	if !ok || !directory.IsPerson(rt) || !scim.EqualName(op.Method, "POST") {
		return false
	}
	var body struct {
		Active any `json:"active"`
	}
	_ = json.Unmarshal(op.Data, &body) // the operation itself says what is wrong
	text, _ := body.Active.(string)
	return body.Active != false && !scim.EqualName(text, "false")
}

func prefersStrict(headers []string) bool {
	for _, header := range headers {
		for one := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
			if scim.EqualName(name, "handling") && scim.EqualName(strings.Trim(value, `"`), "strict") {
				return true
			}
		}
	}
	return false
}
