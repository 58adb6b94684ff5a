package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// exchange is one request on its way to its answer.
type exchange struct {
	s         *Server
	w         http.ResponseWriter
	r         *http.Request
	ctx       context.Context
	began     time.Time
	requestID string

	route     *route
	id        string
	principal auth.Principal
	self      string // the principal's person, where /Me was asked
	params    params
	joint     directory.Changes // that the change is one of; nil: it stands alone
	quirks    scim.Quirks
	buf       *[]byte
	before    []passage // of a long answer, what comes before buf

	status  int
	written int
	unread  int64 // of a body that is too large: taken in after the answer
	cause   error
	values  [3]string // of headers
}

// one is the single value of a header, kept in the exchange.
func (x *exchange) one(place int, value string) []string {
	x.values[place] = value
	return x.values[place : place+1 : place+1]
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, bufferSize); return &b }}

const (
	bufferSize = 8 << 10
	keepBuffer = 1 << 20 // larger buffers are left to the collector
)

func newExchange(s *Server, w http.ResponseWriter, r *http.Request) *exchange {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	x := &exchange{s: s, w: w, r: r, ctx: r.Context(), began: time.Now(), requestID: hex.EncodeToString(id[:]),
		buf: buffers.Get().(*[]byte)}
	*x.buf = (*x.buf)[:0]
	s.opts.Metrics.inFlight.Inc()
	return x
}

// answer carries the request out.
func (x *exchange) answer() {
	defer x.end()
	if err := x.serve(); err != nil {
		x.fail(err)
	}
}

// end logs and counts the exchange; a panic becomes a 500.
func (x *exchange) end() {
	if p := recover(); p != nil {
		x.cause = &panicked{p, debug.Stack()}
		if x.status == 0 {
			x.fail(x.cause)
		}
	}
	x.s.opts.Metrics.inFlight.Dec()
	x.s.opts.Metrics.count(x)
	x.log()
	if cap(*x.buf) <= keepBuffer {
		buffers.Put(x.buf)
	}
}

// serve walks through the front door and calls the handler.
func (x *exchange) serve() error {
	h := x.w.Header()
	h["X-Request-Id"] = x.one(0, x.requestID)
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	p, err := x.s.authn.Authenticate(x.r)
	if err != nil {
		return err
	}
	x.principal = p
	m, err := x.find()
	if err != nil || m == nil {
		return err
	}
	if err := x.s.limits.allow(p.Connection, x.s.opts.Clock()); err != nil {
		return err
	}
	leave, err := x.s.gate.enter(x.ctx, string(p.Connection.ID))
	if err != nil {
		return err
	}
	defer leave()
	if x.needsTimeout() {
		ctx, cancel := context.WithTimeout(x.ctx, x.s.opts.Timeout)
		defer cancel()
		x.ctx = ctx
	}
	if err := x.admitted(); err != nil {
		return err
	}
	return x.carryOut(m)
}

// carryOut calls the handler, if the caller has the right to what was found. Whether
// they may be in at all is asked before: who left is told so, whatever they may (K59).
func (x *exchange) carryOut(m *method) error {
	if err := x.authorize(m.verb, x.route.noun); err != nil {
		return err
	}
	return m.serve(x)
}

// needsTimeout spares reads by id the timer.
func (x *exchange) needsTimeout() bool {
	return x.id == "" || x.r.Method != http.MethodGet
}

var (
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
	scimType = []string{"application/scim+json"}
)

// find resolves the path, the method and the parameters.
func (x *exchange) find() (*method, error) {
	parts, ok := below(x.r.URL.EscapedPath())
	if ok {
		x.route, x.id = x.s.routes.find(parts)
	}
	if x.route != nil && x.route.rt != nil && x.route.rt.ReadOnly {
		some, err := x.offers(x.route.rt)
		if err != nil {
			return nil, err
		}
		if !some {
			x.route = nil
		}
	}
	if x.route == nil {
		return nil, &httpError{status: http.StatusNotFound, detail: "There is no such endpoint; the base URL ends in " + Prefix + " and is followed by one of /Users, /Groups and the other endpoints that /ResourceTypes lists."}
	}
	m := x.route.method(x.r.Method)
	if m == nil {
		x.w.Header()["Allow"] = []string{x.route.allow}
		if x.r.Method == http.MethodOptions {
			x.respond(http.StatusNoContent, nil)
			return nil, nil
		}
		return nil, &httpError{status: http.StatusMethodNotAllowed, detail: "This endpoint does not have that method; it has " + x.route.allow + "."}
	}
	if err := x.negotiate(); err != nil {
		return nil, err
	}
	return m, x.params.parse(x.r.URL.RawQuery)
}

// authorize checks one verb on one noun; "" is for every known caller.
func (x *exchange) authorize(verb, noun string) error {
	if verb == "" || x.principal.Scopes.Allows(noun, verb) {
		return nil
	}
	if x.principal.Unmarked {
		return auth.Unmarked(noun + ":" + verb)
	}
	return auth.Insufficient(noun + ":" + verb)
}

// negotiate checks the media types of request and answer (RFC 7644 section 3.1).
func (x *exchange) negotiate() error {
	if v := x.r.Header["Content-Type"]; len(v) > 0 && x.r.ContentLength != 0 && x.r.Method != http.MethodGet && !acceptable(v[0], false) {
		return &httpError{status: http.StatusUnsupportedMediaType, detail: "The Content-Type must be application/scim+json or application/json in UTF-8."}
	}
	if v := x.r.Header["Content-Encoding"]; len(v) > 0 && !strings.EqualFold(v[0], "identity") {
		return &httpError{status: http.StatusUnsupportedMediaType, detail: "The body must be sent without Content-Encoding."}
	}
	if v := x.r.Header["Accept"]; len(v) > 0 && !acceptable(strings.Join(v, ","), true) {
		return &httpError{status: http.StatusNotAcceptable, detail: "The answer is application/scim+json; accept that or application/json."}
	}
	return nil
}

// acceptable reports whether one of the media types is one the server speaks.
func acceptable(list string, wildcards bool) bool {
	if list == "application/scim+json" || strings.TrimSpace(list) == "" {
		return true
	}
	some, refused := false, false
	for one := range strings.SplitSeq(list, ",") {
		media, rest, _ := strings.Cut(one, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		switch {
		case wildcards && weightless(rest):
			refused = refused || media == "application/scim+json"
		case media == "application/scim+json", media == "application/json":
			charset := strings.ToLower(strings.ReplaceAll(rest, `"`, ""))
			if i := strings.Index(charset, "charset="); i < 0 || wildcards || strings.HasPrefix(charset[i+8:], "utf-8") || strings.HasPrefix(charset[i+8:], "utf8") || strings.HasPrefix(charset[i+8:], "us-ascii") {
				return true
			}
		case wildcards && (media == "*/*" || media == "application/*"):
			some = true
		}
	}
	return some && !refused
}

// weightless reports whether the parameters of a media type say that it is not
// wanted: q=0 (RFC 9110 section 12.4.2).
func weightless(parameters string) bool {
	for one := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(one, "=")
		if weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64); scim.EqualName(strings.TrimSpace(name), "q") && err == nil && weight == 0 {
			return true
		}
	}
	return false
}

// body reads the request's body up to the limit, before anything is parsed.
func (x *exchange) body(limit int64) ([]byte, error) {
	tooLarge := &httpError{status: http.StatusRequestEntityTooLarge, detail: "The body is larger than " + strconv.FormatInt(limit, 10) + " bytes; send less at once."}
	if x.r.ContentLength > limit {
		x.leave(limit + drained)
		return nil, tooLarge
	}
	b := *x.buf
	if n := x.r.ContentLength; n > 0 {
		if int64(cap(b)) < n {
			b = make([]byte, 0, n)
		}
		b = b[:n]
		if _, err := io.ReadFull(x.r.Body, b); err != nil {
			return nil, &httpError{status: http.StatusBadRequest, scimType: scim.InvalidSyntax, detail: "The body ended before its Content-Length."}
		}
		*x.buf = b
		return b, nil
	}
	b, err := io.ReadAll(io.LimitReader(x.r.Body, limit+1))
	if err != nil {
		return nil, &httpError{status: http.StatusBadRequest, scimType: scim.InvalidSyntax, detail: "The body could not be read to its end."}
	}
	if int64(len(b)) > limit {
		x.leave(drained)
		return nil, tooLarge
	}
	return b, nil
}

// drained is how much of a body beyond the limit is taken in and thrown away after
// the answer, and for how long: a client that is still sending when the connection is
// closed does not see why.
const (
	drained  = 256 << 10
	draining = 2 * time.Second
)

// leave has so much of the body taken in after the answer, which does not wait for it.
func (x *exchange) leave(n int64) {
	x.unread = n
	_ = http.NewResponseController(x.w).EnableFullDuplex() // where it cannot be, the answer comes later
	x.w.Header()["Connection"] = []string{"close"}
}

// drain takes in what was left of the body.
func (x *exchange) drain() {
	if x.unread == 0 {
		return
	}
	conn := http.NewResponseController(x.w)
	_ = conn.Flush() // or the answer would wait; a client that is gone needs none
	_ = conn.SetReadDeadline(time.Now().Add(draining))
	_, _ = io.CopyN(io.Discard, x.r.Body, x.unread)
}

// respond sends an answer.
func (x *exchange) respond(status int, body []byte) {
	x.status, x.written = status, len(body)
	for i := range x.before {
		x.written += x.before[i].size(x)
	}
	h := x.w.Header()
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h["Content-Type"] = scimType
		h["Content-Length"] = x.one(1, strconv.Itoa(x.written))
	}
	x.w.WriteHeader(status)
	if x.r.Method == http.MethodHead {
		return
	}
	var out []byte
	if len(x.before) > 0 {
		out = make([]byte, 0, portion)
	}
	for i := range x.before {
		if err := x.before[i].send(x, out); err != nil {
			return // a client that has gone away cannot be told
		}
	}
	if len(body) > 0 {
		_, _ = x.w.Write(body)
	}
}

// client is the connection whose externalIds the caller sees and gives: its own. The
// operator sees those in the records themselves, or acts for one that is named.
func (x *exchange) client() directory.ConnectionID {
	if x.principal.Operator {
		return x.principal.For
	}
	return x.principal.Connection.ID
}

func (x *exchange) dialect() scim.Quirks { return x.principal.Connection.Dialect }

// request is a change as the caller asks for it.
func (x *exchange) request(c directory.Change, pre directory.Precondition) directory.Request {
	conn := &x.principal.Connection
	req := directory.Request{Org: x.principal.Org, RequestID: x.requestID, Change: c, If: pre, Client: x.client(),
		IgnoreUnknownMembers: conn.IgnoreUnknownMembers, WithGroups: x.showsGroups(), Actor: x.principal.Actor(),
		OnBlocked: conn.OnBlocked, OnSeatExhausted: conn.OnSeatExhausted}
	req.Actor.User = x.self
	for _, given := range [...]directory.Given{directory.Apps, directory.Extensions} {
		if x.self != "" || !x.principal.Scopes.Allows(given.Path(), "write") { // nobody gives themselves anything
			req.Withheld = append(req.Withheld, given.Path())
		}
	}
	if v := x.r.Header["Usher-Reservation"]; len(v) == 1 {
		req.Reservation = v[0]
	}
	return req
}
