package operation

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
)

// Problem is an error document (RFC 9457).
type Problem struct {
	Type      string              `json:"type,omitempty"`
	Title     string              `json:"title"`
	Status    int                 `json:"status"`
	Detail    string              `json:"detail"`
	Instance  string              `json:"instance,omitempty" doc:"Where the refusal can be read again, with what is still in the way."`
	Code      string              `json:"code,omitempty" doc:"Reason code."`
	RequestID string              `json:"requestId,omitempty"`
	Blockers  []directory.Blocker `json:"blockers,omitempty"`
	Seats     *directory.Seats    `json:"seats,omitempty"`
	Contained bool                `json:"contained,omitempty"`
	Plan      *estate.Batch       `json:"plan,omitempty" doc:"A new plan in place of one that is stale."`

	challenge string
	refusal   *directory.Refusal
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problems.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// BadRequest is a mistake in a call.
type BadRequest string

func (b BadRequest) Error() string { return string(b) }

// ProblemOf is the one mapping from errors to problems. Nothing that is not
// listed is ever shown to a caller.
func ProblemOf(err error, requestID string) *Problem {
	p := &Problem{Status: http.StatusInternalServerError, RequestID: requestID,
		Detail: "Something went wrong in the server; tell its operator the request id " + requestID + "."}
	var own *Problem
	var refusal *directory.Refusal
	var denied *auth.Error
	var unique *directory.UniqueError
	var mistake *scim.Error
	var bad BadRequest
	put := func(status int, code, detail string) { p.Status, p.Code, p.Detail = status, code, detail }
	switch {
	case errors.As(err, &own):
		c := *own
		c.RequestID = requestID
		p = &c
	case errors.As(err, &refusal):
		refused(p, refusal)
	case errors.As(err, &denied):
		put(denied.Status, "", denied.Detail)
		p.challenge = denied.Challenge
	case errors.As(err, &unique):
		put(http.StatusConflict, "duplicate", unique.Detail)
	case errors.As(err, &mistake):
		put(http.StatusBadRequest, string(mistake.Type), mistake.Detail)
	case errors.As(err, &bad):
		put(http.StatusBadRequest, "", string(bad))
	case errors.Is(err, directory.ErrNotFound):
		put(http.StatusNotFound, "", "There is nothing of that name here.")
	case errors.Is(err, directory.ErrExists):
		put(http.StatusConflict, "duplicate", "That name is taken already.")
	case errors.Is(err, directory.ErrVersion):
		put(http.StatusPreconditionFailed, "plan.stale", "This has changed since it was read; read it again and repeat the change.")
	case errors.Is(err, directory.ErrBusy), errors.Is(err, directory.ErrClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		put(http.StatusServiceUnavailable, "", "The server is busy; try again in a moment.")
	}
	p.Title = http.StatusText(p.Status)
	return p
}

func refused(p *Problem, e *directory.Refusal) {
	p.Status, p.Code, p.Contained, p.refusal = http.StatusForbidden, string(e.Code()), e.Contained, e
	p.tell(directory.English)
	switch e.Findings[0].Class {
	case directory.State:
		p.Status = http.StatusConflict
	case directory.ReadOnly, directory.Invalid:
		p.Status = http.StatusBadRequest
	}
	for _, f := range e.Findings {
		if f.Seats != nil {
			p.Seats = f.Seats
		}
	}
	if e.Problem != "" {
		p.Instance = Prefix + "/problems/" + e.Problem
	}
}

// tell puts the sentences of a refusal into a language.
func (p *Problem) tell(l directory.Language) {
	if p.refusal != nil {
		p.Detail, p.Blockers = p.refusal.In(l), p.refusal.Blockers(l)
	}
}

// writeProblem answers with a problem where the framework does not.
func writeProblem(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.challenge != "" {
		h.Set("WWW-Authenticate", p.challenge)
	}
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(1))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a client that has gone away cannot be told
}

// frameworkProblem is the problem of an error that the framework finds in a
// request.
func frameworkProblem(status int, msg string, errs ...error) *Problem {
	p := &Problem{Status: status, Title: http.StatusText(status), Detail: msg}
	var all []string
	for _, err := range errs {
		var where *huma.ErrorDetail
		switch {
		case errors.As(err, &where):
			all = append(all, where.Message+" ("+where.Location+")") // not the value, which may be a secret
		case err != nil:
			all = append(all, err.Error())
		}
	}
	if len(all) > 0 {
		p.Detail = "The request is not understood: " + strings.Join(all, "; ") + "."
	}
	if status == http.StatusUnprocessableEntity {
		p.Status, p.Title = http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
	}
	return p
}

var useProblems = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return frameworkProblem(status, msg, errs...)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		p := frameworkProblem(status, msg, errs...)
		p.RequestID = RequestID(ctx.Context())
		return p
	}
})

// versions reads If-Match.
func versions(header string) (p directory.Precondition, err error) {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" {
			p.Any = true
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimPrefix(one, "W/"), `"`), 10, 64)
		if err != nil {
			return p, BadRequest("If-Match must hold the ETag of an earlier answer, or *.")
		}
		p.Versions = append(p.Versions, scim.Version(n))
	}
	return p, nil
}
