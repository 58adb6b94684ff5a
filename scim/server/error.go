package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

// httpError is an answer that this package decides on by itself.
type httpError struct {
	status     int
	scimType   scim.ErrorType
	detail     string // one complete sentence
	retryAfter int    // seconds; 0: none
	challenge  string
	refusal    *directory.Refusal
	extended   bool // with Usher's own schema
	requestID  string
	language   directory.Language
}

func (e *httpError) Error() string { return e.detail }

// panicked is what was recovered from a panic.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// answerTo is the one mapping from errors to answers. Nothing that is not
// listed is ever shown to a client.
func answerTo(err error, requestID string) httpError {
	var own *httpError
	var mistake *scim.Error
	var unique *directory.UniqueError
	var refusal *directory.Refusal
	var denied *auth.Error
	switch {
	case errors.As(err, &own):
		return *own
	case errors.As(err, &denied):
		a := httpError{status: denied.Status, detail: denied.Detail, challenge: denied.Challenge}
		if a.status == http.StatusServiceUnavailable {
			a.retryAfter = 5
		}
		return a
	case errors.Is(err, patch.ErrTooManyOperations):
		return httpError{status: http.StatusRequestEntityTooLarge, scimType: scim.TooMany, detail: fmt.Sprintf("A PATCH may hold %d operations; send more than one.", scim.MaxPatchOps)}
	case errors.As(err, &mistake):
		return httpError{status: http.StatusBadRequest, scimType: mistake.Type, detail: mistake.Detail}
	case errors.As(err, &unique):
		return httpError{status: http.StatusConflict, scimType: scim.NotUniqueType, detail: unique.Detail}
	case errors.Is(err, directory.ErrNotFound):
		return httpError{status: http.StatusNotFound, detail: "There is no such resource; it may have been deleted."}
	case errors.Is(err, directory.ErrVersion):
		return httpError{status: http.StatusPreconditionFailed, detail: "The resource is not at a version that If-Match and If-None-Match allow; read it again and repeat the change."}
	case errors.Is(err, directory.ErrTooMany):
		return httpError{status: http.StatusBadRequest, scimType: scim.TooMany, detail: "The query matches more than the server can give; narrow the filter."}
	case errors.As(err, &refusal):
		return refused(refusal)
	case errors.Is(err, directory.ErrBusy), errors.Is(err, directory.ErrClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return httpError{status: http.StatusServiceUnavailable, retryAfter: 1, detail: "The server is busy; try again in a moment."}
	}
	return httpError{status: http.StatusInternalServerError, detail: "Something went wrong in the server; tell its operator the request id " + requestID + "."}
}

// refused is the answer to a refusal by the directory's rules (domain 3.4). The
// first finding decides on the status; only standard scimTypes are used, and the
// reason code travels in a header.
func refused(e *directory.Refusal) httpError {
	a := httpError{status: http.StatusForbidden, detail: e.Error(), refusal: e}
	switch e.Findings[0].Class {
	case directory.State:
		a.status = http.StatusConflict
	case directory.ReadOnly:
		a.status, a.scimType = http.StatusBadRequest, scim.BadMutability
	case directory.Invalid:
		a.status, a.scimType = http.StatusBadRequest, scim.InvalidValue
	}
	return a
}

// tell puts the sentences of a refusal into a language.
func (a *httpError) tell(l directory.Language) {
	if a.refusal != nil {
		a.language, a.detail = l, a.refusal.In(l)
	}
}

// language is the one that the caller is told refusals in.
func (x *exchange) language() directory.Language {
	l := directory.English
	accept := strings.Join(x.r.Header["Accept-Language"], ",")
	ctx := x.r.Context() // that of the exchange has ended when its error is told
	_ = x.s.dir.Read(ctx, func(r directory.Reader) (err error) {
		l, err = estate.LanguageOf(ctx, r, x.principal.Org, accept)
		return err // then it is English
	})
	return l
}

// problemLink is where a person can read of a refusal, and see when it is gone.
func problemLink(e *directory.Refusal) string {
	return "</api/v1/problems/" + e.Problem + `>; rel="describedby"`
}

// fail sends the answer to an error.
func (x *exchange) fail(err error) {
	a := answerTo(err, x.requestID)
	a.extended = x.extendsErrors()
	if a.status >= 500 || a.status == http.StatusUnauthorized {
		x.cause = err
	}
	h := x.w.Header()
	if a.challenge != "" {
		h["Www-Authenticate"] = []string{a.challenge}
	}
	if a.retryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(a.retryAfter)}
	}
	if a.refusal != nil {
		a.requestID = x.requestID
		a.tell(x.language())
		h["Usher-Error"] = []string{string(a.refusal.Code())}
		if a.refusal.Problem != "" {
			h["Link"] = []string{problemLink(a.refusal)}
		}
	}
	x.before = nil // of an answer that came to nothing
	x.respond(a.status, a.append(nil))
}

// extendsErrors reports whether the caller wants Usher's own schema in errors.
func (x *exchange) extendsErrors() bool {
	if x.principal.Connection.ErrorExtension {
		return true
	}
	for _, header := range x.r.Header["Prefer"] {
		if strings.Contains(header, "error-extension") {
			return true
		}
	}
	return false
}

// append writes the error as SCIM does (RFC 7644 section 3.12).
func (a httpError) append(dst []byte) []byte {
	extended := a.extended && a.refusal != nil
	dst = append(dst, `{"schemas":["`+scim.ErrorURN...)
	if extended {
		dst = append(dst, `","`+errorExtension...)
	}
	dst = append(dst, `"],"status":"`...)
	dst = append(strconv.AppendInt(dst, int64(a.status), 10), '"')
	if a.scimType != "" {
		dst = scim.AppendString(append(dst, `,"scimType":`...), string(a.scimType))
	}
	dst = scim.AppendString(append(dst, `,"detail":`...), a.detail)
	if extended {
		dst = append(append(dst, `,"`+errorExtension+`":`...), a.extension()...)
	}
	return append(dst, '}')
}

// errorExtension is Usher's own schema of errors.
const errorExtension = "urn:ietf:params:scim:api:messages:usher:2.0:Error"

// extension is what the schema adds: the reason code, what is in the way and how
// to clear it.
func (a httpError) extension() []byte {
	doc := struct {
		Code      directory.RuleID    `json:"code"`
		RequestID string              `json:"requestId"`
		Retryable bool                `json:"retryable"`
		Blockers  []directory.Blocker `json:"blockers"`
		Seats     *directory.Seats    `json:"seats,omitempty"`
		Contained bool                `json:"contained"`
	}{a.refusal.Code(), a.requestID, a.status == http.StatusConflict || a.refusal.Findings[0].Class == directory.Quota, a.refusal.Blockers(a.language), nil, a.refusal.Contained}
	for _, f := range a.refusal.Findings {
		if f.Seats != nil {
			doc.Seats = f.Seats
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return []byte("{}") // nothing in it can fail
	}
	return out
}
