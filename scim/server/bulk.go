package server

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// bulkRequest is the message of POST /Bulk (RFC 7644 section 3.7).
type bulkRequest struct {
	Schemas      []string         `json:"schemas"`
	FailOnErrors int              `json:"failOnErrors"`
	Operations   []*bulkOperation `json:"Operations"`
}

type bulkOperation struct {
	Method  string          `json:"method"`
	BulkID  string          `json:"bulkId"`
	Path    string          `json:"path"`
	Version string          `json:"version"`
	Data    json.RawMessage `json:"data"`

	done   bool
	failed bool
	result []byte
	later  map[string]json.RawMessage // members left out to break a cycle
	id     string
}

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
	if err := json.Unmarshal(bytes.Clone(body), &req); err != nil || req.Operations == nil || slices.Contains(req.Operations, nil) {
		return scim.Errorf(scim.InvalidSyntax, "The body is not a BulkRequest; see RFC 7644 section 3.7 for its members and their types.")
	}
	if len(req.Operations) > x.s.opts.BulkOperations {
		return &httpError{status: http.StatusRequestEntityTooLarge, scimType: scim.TooMany,
			detail: "A Bulk request may hold " + strconv.Itoa(x.s.opts.BulkOperations) + " operations; send more than one."}
	}
	b := &bulkRun{x: x, ops: req.Operations, byID: map[string]*bulkOperation{}, limit: req.FailOnErrors}
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

// run carries out the operations: in order, but after those they refer to. What
// is left when nothing can go on is a cycle, which is broken at the first
// creation in it: the member that refers onwards is added afterwards.
func (b *bulkRun) run() {
	for _, op := range b.ops {
		if err := b.check(op); err != nil {
			b.fail(op, err)
		}
	}
	for !b.stopped() {
		progress, open := b.pass()
		if len(open) == 0 {
			break
		}
		if !progress && !b.breakCycle(open) {
			b.fail(open[0], scim.Errorf(scim.InvalidValue, "The operation refers to a bulkId in a circle that cannot be resolved."))
		}
	}
	for _, op := range b.ops {
		if op.later != nil && !op.failed && !b.stopped() {
			b.complete(op)
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
		waits, err := b.waits(op)
		switch {
		case err != nil:
			b.fail(op, err)
			progress = true
		case waits:
			open = append(open, op)
		default:
			b.perform(op, op.Data)
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

// references lists the bulkIds that an operation names in its path and data.
func references(text string) []string {
	var ids []string
	for {
		_, rest, found := strings.Cut(text, reference)
		if !found {
			return ids
		}
		end := strings.IndexAny(rest, `"/\`)
		if end < 0 {
			end = len(rest)
		}
		ids = append(ids, rest[:end])
		text = rest[end:]
	}
}

// waits reports whether the operation refers to a resource that is not there
// yet; an error, that it never will be.
func (b *bulkRun) waits(op *bulkOperation) (bool, error) {
	for _, id := range references(op.Path + `"` + string(op.Data)) {
		target := b.byID[id]
		if target == nil || target.failed {
			return false, scim.Errorf(scim.InvalidValue, "The operation refers to a bulkId that no successful operation of this request has.")
		}
		if !target.done {
			return true, nil
		}
	}
	return false, nil
}

// resolve puts the ids that are known in place of the references to them.
func (b *bulkRun) resolve(op *bulkOperation, text string) string {
	for _, id := range references(text) {
		if target := b.byID[id]; target != nil && target.id != "" {
			for _, end := range [...]string{`"`, "/", `\`} {
				text = strings.ReplaceAll(text, reference+id+end, target.id+end)
			}
			if rest, ok := strings.CutSuffix(text, reference+id); ok {
				text = rest + target.id
			}
		}
	}
	return text
}

// breakCycle creates the first resource of a cycle without the members that
// refer to others.
func (b *bulkRun) breakCycle(open []*bulkOperation) bool {
	for _, op := range open {
		var data map[string]json.RawMessage
		if op.Method != "POST" || json.Unmarshal(op.Data, &data) != nil {
			continue
		}
		op.later = map[string]json.RawMessage{}
		for name, value := range data {
			for _, id := range references(string(value)) {
				if b.byID[id] != nil && !b.byID[id].done {
					op.later[name] = value
					delete(data, name)
					break
				}
			}
		}
		if rest, err := json.Marshal(data); err == nil {
			b.perform(op, rest)
			return true
		}
	}
	return false
}

// complete adds what was left out; a failure becomes the operation's own.
func (b *bulkRun) complete(op *bulkOperation) {
	value, err := json.Marshal(op.later)
	if err != nil {
		return
	}
	path, first := op.Path, op.result
	patch := `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[{"op":"add","value":` + string(value) + `}]}`
	op.Method, op.Path = "PATCH", strings.TrimRight(path, "/")+"/"+op.id
	b.perform(op, json.RawMessage(patch))
	op.Method, op.Path = "POST", path
	if !op.failed {
		op.result = first
	}
}

// headers are those of the whole request that hold for each operation.
func (b *bulkRun) headers() http.Header {
	h := http.Header{}
	if v := b.x.r.Header["Usher-Reservation"]; v != nil {
		h["Usher-Reservation"] = v
	}
	return h
}

// answer collects what a handler writes.
type answer struct {
	header http.Header
	status int
	bytes.Buffer
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }

// perform runs one operation as a request of its own.
func (b *bulkRun) perform(op *bulkOperation, data json.RawMessage) {
	body, path := b.resolve(op, string(data)), b.resolve(op, op.Path)
	x := b.x
	r := &http.Request{Method: op.Method, URL: &url.URL{Path: Prefix + "/" + path}, Header: b.headers(), Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
	if op.Version != "" {
		r.Header["If-Match"] = []string{op.Version}
	}
	a := &answer{header: http.Header{}}
	buf := make([]byte, 0, 2048)
	part := &exchange{s: x.s, w: a, r: r, ctx: x.ctx, began: x.began, requestID: x.requestID, principal: x.principal, buf: &buf}
	m, err := part.find()
	if err == nil && m != nil {
		err = part.carryOut(m)
	}
	x.quirks |= part.quirks
	if err != nil {
		b.fail(op, err)
		return
	}
	op.done = true
	location := a.header.Get("Location")
	if location == "" {
		location = x.s.opts.BaseURL + "/" + strings.Trim(path, "/")
	}
	op.id = location[strings.LastIndexByte(location, '/')+1:]
	b.record(op, a.status, a.header.Get("Etag"), location, nil)
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
