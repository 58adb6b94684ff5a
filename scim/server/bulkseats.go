package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
)

// enoughSeats refuses a whole Bulk request of which one operation would find no seat,
// where the client asks for that with Prefer: handling=strict. Without it the
// operations take seats in their order until there are none.
func (b *bulkRun) enoughSeats() error {
	if !prefersStrict(b.x.r.Header["Prefer"]) {
		return nil
	}
	var steps []lifecycle.Step
	for _, op := range b.ops {
		if !b.aboutPeople(op) {
			continue
		}
		if req, ok := b.foresee(op); ok {
			step := lifecycle.Step{Request: req}
			if _, creates := req.Change.(directory.Create); creates {
				step.Name = reference + op.BulkID
			}
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return lifecycle.RoomInTurn(b.x.ctx, b.x.s.dir, b.x.principal.Org, steps[0].Reservation, steps)
}

// aboutPeople reports whether an operation may change who has a seat.
func (b *bulkRun) aboutPeople(op *bulkOperation) bool {
	parts, ok := segments(op.Path)
	if !ok || len(parts) == 0 || len(parts) > 2 || len(parts) == 2 && strings.HasPrefix(parts[1], ".") {
		return false
	}
	rt, ok := b.x.s.reg.Endpoint("/" + parts[0])
	return ok && directory.IsPerson(rt) && slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, strings.ToUpper(op.Method))
}

// foresee is the change that an operation asks for, if it comes to one. It goes
// through the same door as when it is carried out, to a directory that only notes it.
func (b *bulkRun) foresee(op *bulkOperation) (directory.Request, bool) {
	noted := &notebook{Directory: b.x.s.dir}
	s := *b.x.s
	s.dir = noted
	x := b.x
	r := &http.Request{Method: strings.ToUpper(op.Method), URL: &url.URL{Path: Prefix + "/" + op.Path}, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(op.Data)), ContentLength: int64(len(op.Data))}
	if v := x.r.Header["Usher-Reservation"]; v != nil {
		r.Header["Usher-Reservation"] = v
	}
	if op.Version != "" {
		r.Header["If-Match"] = []string{op.Version}
	}
	buf := make([]byte, 0, 256)
	part := &exchange{s: &s, w: &answer{header: http.Header{}}, r: r, ctx: x.ctx, began: x.began, requestID: x.requestID, principal: x.principal, buf: &buf}
	if m, err := part.find(); err == nil && m != nil {
		_ = m.serve(part) // the operation itself says what is wrong
	}
	return noted.request, noted.request.Change != nil
}

// notebook notes the change that it is asked for, and makes none.
type notebook struct {
	Directory
	request directory.Request
}

var errNoted = errors.New("noted, not made")

// Execute notes the change.
func (n *notebook) Execute(_ context.Context, req directory.Request) (*directory.Plan, error) {
	n.request = req
	return nil, errNoted
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
