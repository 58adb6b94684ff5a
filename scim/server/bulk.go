package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// bulk answers POST /Bulk. Each operation goes through the same door as a
// request of its own: routing, authorization, validation and rules.
func (x *exchange) bulk() error {
	body, err := x.body(x.s.opts.BulkBytes)
	if err != nil {
		return err
	}
	if err := scim.CheckJSON(body); err != nil {
		return err
	}
	var req bulkRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return misread("BulkRequest", "3.7", bulkMembers, err)
	}
	ops, err := x.operations(req.Operations)
	if err != nil {
		return err
	}
	b := &bulkRun{x: x, ops: ops, byID: map[string]*bulkOperation{}, limit: req.FailOnErrors}
	if err := b.enoughSeats(); err != nil {
		return err
	}
	b.run()
	x.respond(http.StatusOK, b.response())
	return nil
}

// bulkRun is a Bulk request under way.
type bulkRun struct {
	x      *exchange
	ops    []*bulkOperation
	byID   map[string]*bulkOperation
	limit  int // failOnErrors; 0: none
	errors int
}

// run carries out the operations: in order, but after those they refer to. When
// nothing can go on, the creations that wait refer to each other.
func (b *bulkRun) run() {
	for _, op := range b.ops {
		op.refused = b.check(op)
	}
	for _, op := range b.ops {
		b.refer(op)
	}
	for !b.stopped() {
		progress, open := b.pass()
		if len(open) == 0 {
			break
		}
		if !progress {
			circle := circleAhead(open[0])
			b.together(slices.DeleteFunc(open, func(op *bulkOperation) bool { return !slices.Contains(circle, op) }))
		}
	}
}

func (b *bulkRun) stopped() bool { return b.limit > 0 && b.errors >= b.limit }

// pass runs what can be run and returns what is left.
func (b *bulkRun) pass() (progress bool, open []*bulkOperation) {
	for _, op := range b.ops {
		if op.done || b.stopped() {
			continue
		}
		waits, err := op.waits()
		if op.refused != nil {
			err = op.refused
		}
		switch {
		case err != nil:
			b.fail(op, err)
			progress = true
		case waits:
			open = append(open, op)
		default:
			b.perform(op)
			progress = true
		}
	}
	return progress, open
}

// check refuses operations that Bulk does not have.
func (b *bulkRun) check(op *bulkOperation) error {
	op.Method = strings.ToUpper(op.Method)
	parts, ok := segments(op.Path)
	refuse := func(detail string) error {
		return &httpError{status: http.StatusBadRequest, scimType: scim.InvalidSyntax, detail: detail}
	}
	switch {
	case op.Method != "POST" && op.Method != "PUT" && op.Method != "PATCH" && op.Method != "DELETE":
		return refuse("A Bulk operation has the method POST, PUT, PATCH or DELETE.")
	case !ok || len(parts) == 0 || len(parts) > 2 || strings.Contains(op.Path, "?"):
		return refuse("The path of a Bulk operation is that of a resource or resource type, such as /Users or /Groups/ID.")
	case b.x.s.routes.fixed[strings.ToLower(parts[0])] != nil || len(parts) == 2 && strings.HasPrefix(parts[1], "."):
		return refuse("A Bulk operation cannot have that path; use one of a resource or resource type.")
	case op.Method == "POST" && op.BulkID == "":
		return refuse("A POST within Bulk needs a bulkId.")
	case op.Method == "POST" && b.byID[op.BulkID] != nil:
		return refuse("The bulkId is used twice; give every operation its own.")
	}
	if op.Method == "POST" {
		b.byID[op.BulkID] = op
	}
	return nil
}

const reference = "bulkId:"

// cutReference cuts a text around the first reference in it, which is a value, or what
// follows a slash in one: other texts may speak of a bulkId too.
func cutReference(text string) (before, id, after string, found bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], reference)
		if i < 0 {
			return text, "", "", false
		}
		at := from + i
		from = at + len(reference)
		if at == 0 || text[at-1] == '"' || text[at-1] == '/' {
			end := len(text)
			if i := strings.IndexAny(text[from:], `"/\`); i >= 0 {
				end = from + i
			}
			return text[:at], text[from:end], text[end:], true
		}
	}
}

// references lists the bulkIds that an operation names in its path and data.
func references(text string) (ids []string) {
	for {
		_, id, after, found := cutReference(text)
		if !found {
			return ids
		}
		ids, text = append(ids, id), after
	}
}

var errReference = scim.Errorf(scim.InvalidValue, "The operation refers to a bulkId that no successful operation of this request has.")

// refer finds what an operation refers to.
func (b *bulkRun) refer(op *bulkOperation) {
	seen := map[string]bool{}
	for _, id := range references(op.Path + `"` + string(op.Data)) {
		if seen[id] {
			continue
		}
		seen[id] = true
		if target := b.byID[id]; target != nil {
			op.refers = append(op.refers, target)
		} else {
			op.lost = true
		}
	}
}

// waits reports whether the operation refers to a resource that is not there
// yet; an error, that it never will be.
func (op *bulkOperation) waits() (bool, error) {
	if op.lost {
		return false, errReference
	}
	wait := false
	for _, target := range op.refers {
		if target.failed {
			return false, errReference
		}
		wait = wait || !target.done
	}
	return wait, nil
}

// resolve puts the ids that are known in place of the references to them.
func (b *bulkRun) resolve(text string) string {
	var out strings.Builder
	for {
		before, id, after, found := cutReference(text)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if target := b.byID[id]; target != nil && target.id != "" {
			out.WriteString(target.id)
		} else {
			out.WriteString(reference + id)
		}
		text = after
	}
}

// headers are those of the whole request that hold for each operation, and the
// version that it demands.
func (b *bulkRun) headers(version string) http.Header {
	h := http.Header{}
	if version != "" {
		h["If-Match"] = []string{version}
	}
	if v := b.x.r.Header["Usher-Reservation"]; v != nil {
		h["Usher-Reservation"] = v
	}
	return h
}

// answer keeps what Bulk tells of an operation; the resource is not part of that.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }

// perform runs one operation.
func (b *bulkRun) perform(op *bulkOperation) {
	path := b.resolve(op.Path)
	a, err := b.send(nil, b.headers(op.Version), op.Method, path, b.resolve(string(op.Data)))
	if err != nil {
		b.fail(op, err)
		return
	}
	location := a.header.Get("Location")
	if location == "" {
		location = b.x.s.opts.BaseURL + "/" + strings.Trim(path, "/")
	}
	b.succeed(op, a.status, a.header.Get("Etag"), location)
}

// send carries out a request of its own, in the joint change if there is one.
func (b *bulkRun) send(joint directory.Changes, h http.Header, method, path, body string) (*answer, error) {
	x := b.x
	r := &http.Request{Method: method, URL: &url.URL{Path: Prefix + "/" + path}, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
	a := &answer{header: http.Header{}}
	buf := make([]byte, 0, 2048)
	part := &exchange{s: x.s, w: a, r: r, ctx: x.ctx, began: x.began, requestID: x.requestID, principal: x.principal, joint: joint, buf: &buf}
	m, err := part.find()
	if err == nil && m != nil {
		err = part.carryOut(m)
	}
	x.quirks |= part.quirks
	return a, err
}

func (b *bulkRun) succeed(op *bulkOperation, status int, version, location string) {
	op.done, op.id = true, location[strings.LastIndexByte(location, '/')+1:]
	b.record(op, status, version, location, nil)
}

func (b *bulkRun) fail(op *bulkOperation, err error) {
	if op.failed {
		return
	}
	a := answerTo(err, b.x.requestID)
	a.extended, a.requestID = b.x.extendsErrors(), b.x.requestID
	if a.refusal != nil {
		a.tell(b.x.language())
	}
	if a.status >= 500 {
		b.x.cause = err
	}
	op.done, op.failed = true, true
	b.errors++
	location := ""
	if op.Method != "POST" {
		location = b.x.s.opts.BaseURL + "/" + strings.Trim(op.Path, "/")
	}
	b.record(op, a.status, "", location, a.append(nil))
}

// record keeps the operation's part of the answer.
func (b *bulkRun) record(op *bulkOperation, status int, version, location string, response []byte) {
	out := scim.AppendString([]byte(`{"method":`), op.Method)
	for _, member := range [...]struct{ name, value string }{{"bulkId", op.BulkID}, {"version", version}, {"location", location}} {
		if member.value != "" {
			out = scim.AppendString(append(out, `,"`+member.name+`":`...), member.value)
		}
	}
	out = append(strconv.AppendInt(append(out, `,"status":"`...), int64(status), 10), '"')
	if response != nil {
		out = append(append(out, `,"response":`...), response...)
	}
	op.result = append(out, '}')
}

// response lists the operations that were carried out, in the order of the
// request.
func (b *bulkRun) response() []byte {
	out := []byte(`{"schemas":["` + scim.BulkResponseURN + `"],"Operations":[`)
	first := true
	for _, op := range b.ops {
		if op.result == nil {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, op.result...)
	}
	return append(out, "]}"...)
}
