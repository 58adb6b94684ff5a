package operation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
)

// remembered is the answer to a request with an Idempotency-Key; its id stands
// for organization, caller, place and key. It is kept for a day.
type remembered struct {
	directory.Head
	Fingerprint string    `json:"fingerprint"`
	Status      int       `json:"status"` // 0: under way
	Type        string    `json:"type,omitempty"`
	ETag        string    `json:"etag,omitempty"`
	Body        []byte    `json:"body,omitempty"`
	Secret      bool      `json:"secret,omitempty"` // the answer held a secret and is not kept (K16)
	About       []string  `json:"about,omitempty"`  // keys of whom the answer tells of, who may be erased
	Until       time.Time `json:"until"`
}

// Kind is "idempotency".
func (*remembered) Kind() directory.Kind { return lifecycle.Idempotency }

// Keys are when it is forgotten, and whom it is about.
func (m *remembered) Keys() []string { return append([]string{estate.DueKey(m.Until)}, m.About...) }

var (
	idShape      = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	addressShape = regexp.MustCompile(`[^\s"'<>(),;:\\]+@[^\s"'<>(),;:\\]+`)
)

// about lists the ids and addresses that the parts of a request and its answer name,
// as keys: addresses by their SHA-256. An answer that tells a name goes with one of
// them.
func about(parts ...string) (keys []string) {
	seen := map[string]bool{}
	add := func(key string) {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	for _, part := range parts {
		for _, id := range idShape.FindAllString(part, -1) {
			add("user:" + id)
		}
		for _, address := range addressShape.FindAllString(part, -1) {
			add("email:" + directory.SecretHash(directory.MailKey(strings.TrimRight(address, "."))))
		}
	}
	return keys
}

// shownOnce is the header of answers that hold a secret.
const shownOnce = "Usher-Shown-Once"

const (
	keyHeader = "Idempotency-Key"
	keyLife   = 24 * time.Hour
	// abandoned is when a request that never ended no longer stands in the way.
	abandoned = time.Minute
)

// once carries out a POST with an Idempotency-Key a single time, whatever replica
// it comes to; repeating it gives the first answer again (R9), to who still may ask for
// it (K23). What a caller may not do is answered anew each time, and uses up no key.
func (a *API) once(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get(keyHeader)
	place := a.places[recordOf(r.Context()).route]
	if preview, _ := asksPreview(r.URL.Query()); r.Method != http.MethodPost || key == "" || preview || slices.Contains(questions, place.ID) {
		a.mux.ServeHTTP(w, r) // what only asks may be repeated, and uses up no key
		return
	}
	c, err := a.repeats(r, place.Action)
	if err != nil {
		a.mux.ServeHTTP(w, r) // which says what is wrong
		return
	}
	id := RequestID(r.Context())
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || len(key) > 255 {
		writeProblem(w, ProblemOf(BadRequest("The body is larger than 1 MiB, or the Idempotency-Key longer than 255 characters."), id))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m := &remembered{Head: directory.Head{ID: digest(c.Actor.Credential, r.URL.Path, key)}, Fingerprint: digest(r.URL.RawQuery, string(body))}
	before, err := a.begin(r.Context(), c.Org, m)
	switch {
	case err != nil:
		recordOf(r.Context()).cause = err
		writeProblem(w, ProblemOf(err, id))
	case before != nil:
		replay(w, before, m.Fingerprint, id)
	default:
		rec := &recorder{ResponseWriter: w}
		a.mux.ServeHTTP(rec, r)
		a.end(r.Context(), c.Org, m, rec, r.URL.Path, string(body))
	}
}

// questions are the operations that change nothing and ask how things stand now: whether
// a token is alive, or a password right (K23).
var questions = []string{"introspect", "check-password"}

// repeats finds out whose request it is that may be a repetition.
func (a *API) repeats(r *http.Request, need permission.Action) (Caller, error) {
	if need != permission.Public {
		return a.allowed(r, need)
	}
	p, err := a.Authn.Authenticate(r)
	return Caller{Org: p.Org, Actor: p.Actor()}, err
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = h.Write([]byte(part)) // a hash takes everything
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// begin notes that the request is under way, or returns what is known of it.
func (a *API) begin(ctx context.Context, org directory.OrgID, m *remembered) (before *remembered, err error) {
	err = a.quietly(ctx, org, func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		have, err := directory.Load[remembered](ctx, r, org, m.ID)
		switch {
		case err == nil && (have.Status != 0 || d.Now.Sub(have.Modified) < abandoned):
			before = &have
			return nil, nil
		case err == nil:
			m.Head = have.Head
		case !errors.Is(err, directory.ErrNotFound):
			return nil, err
		default:
			m.Head = directory.Head{ID: m.ID}
		}
		m.Until = d.Now.Add(keyLife)
		return nil, directory.Save(d, org, m)
	})
	if errors.Is(err, directory.ErrVersion) {
		return &remembered{Fingerprint: m.Fingerprint}, nil // somebody else began at the same moment
	}
	return before, err
}

// end keeps the answer to a request for a path with a body; an answer that may change
// when tried again is forgotten.
func (a *API) end(ctx context.Context, org directory.OrgID, m *remembered, rec *recorder, path, body string) {
	err := a.quietly(context.WithoutCancel(ctx), org, func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		next := *m
		if rec.status >= 500 {
			directory.Drop(d, org, &next)
			return nil, nil
		}
		next.Status, next.Type, next.ETag, next.Body = rec.status, rec.Header().Get("Content-Type"), rec.Header().Get("ETag"), rec.body.Bytes()
		if rec.Header().Get(shownOnce) != "" {
			next.Secret, next.Body = true, nil
		}
		next.About = about(path, body, string(next.Body))
		return nil, directory.Save(d, org, &next)
	})
	if err != nil {
		a.Logger.Error("the answer to a request with Idempotency-Key was not kept", "request_id", RequestID(ctx), "error", err.Error())
	}
}

// quietly changes what is no business of the audit.
func (a *API) quietly(ctx context.Context, org directory.OrgID, plan func(context.Context, directory.Reader, *directory.Draft) ([]directory.Finding, error)) error {
	_, err := a.Service.Execute(ctx, directory.Request{Org: org, RequestID: RequestID(ctx), Change: directory.Command{Quiet: true, Plan: plan}})
	return err
}

func replay(w http.ResponseWriter, m *remembered, fingerprint, requestID string) {
	switch {
	case m.Fingerprint != fingerprint:
		writeProblem(w, &Problem{Status: http.StatusUnprocessableEntity, Title: http.StatusText(http.StatusUnprocessableEntity), RequestID: requestID,
			Detail: "This Idempotency-Key was used for another request; use a new key for a new request."})
	case m.Status == 0:
		w.Header().Set("Retry-After", "1")
		writeProblem(w, &Problem{Status: http.StatusConflict, Title: http.StatusText(http.StatusConflict), RequestID: requestID,
			Detail: "The request with this Idempotency-Key is still under way; ask again in a moment."})
	case m.Secret:
		writeProblem(w, &Problem{Status: http.StatusConflict, Title: http.StatusText(http.StatusConflict), RequestID: requestID,
			Detail: "The request with this Idempotency-Key was carried out, and its secret was shown that once; make a new one with a new key."})
	default:
		h := w.Header()
		if m.Type != "" {
			h.Set("Content-Type", m.Type)
		}
		if m.ETag != "" {
			h.Set("ETag", m.ETag)
		}
		h.Set("Idempotency-Replayed", "true")
		w.WriteHeader(m.Status)
		_, _ = w.Write(m.Body) // a client that has gone away cannot be told
	}
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}
