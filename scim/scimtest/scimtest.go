// Package scimtest is a black-box conformance suite for SCIM 2.0 service
// providers (RFC 7643, RFC 7644, RFC 9865). It needs a URL and a token, makes its
// own users and groups, and removes them again.
package scimtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Target is a service provider.
type Target struct {
	BaseURL string
	Token   string
	Client  *http.Client // default: one with a limit of 30 s a request
}

// Outcome of one check.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // the feature is not advertised
)

// Result of one check. Detail says what was expected and what came.
type Result struct {
	ID      string  `json:"id"`
	Source  string  `json:"source"` // section of the RFC
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
}

// check is one claim about a service provider.
type check struct {
	id, source string
	needs      string // member of ServiceProviderConfig that must be supported
	run        func(*session)
}

// Run runs every check and reports each result. The error says that the target
// could not be asked at all.
func Run(ctx context.Context, t Target, report func(Result)) error {
	if t.Client == nil {
		t.Client = &http.Client{Timeout: 30 * time.Second}
	}
	probe := &session{ctx: ctx, t: t}
	config := probe.send("GET", "/ServiceProviderConfig", "")
	if probe.failure != "" || config.status != http.StatusOK {
		return fmt.Errorf("the service provider's configuration cannot be read: %s (status %d)", probe.failure, config.status)
	}
	for _, c := range checks() {
		report(runOne(ctx, t, c, config))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func runOne(ctx context.Context, t Target, c check, config answer) Result {
	r := Result{ID: c.id, Source: c.source, Outcome: Passed}
	if c.needs != "" && config.get(c.needs) != true {
		r.Outcome, r.Detail = Skipped, "The service provider does not advertise "+c.needs+"."
		return r
	}
	s := &session{ctx: ctx, t: t, name: "t" + strings.ToLower(rand.Text()[:10])}
	defer s.cleanUp()
	func() {
		defer func() {
			if p := recover(); p != nil && p != stop {
				panic(p)
			}
		}()
		c.run(s)
	}()
	if s.failure != "" {
		r.Outcome, r.Detail = Failed, s.failure
	}
	return r
}

// stop ends a check that has failed.
var stop = new(int)

// session is one check at work.
type session struct {
	ctx     context.Context
	t       Target
	name    string // unique to the check
	made    []string
	failure string
}

// fail notes why the check fails and ends it.
func (s *session) fail(format string, args ...any) {
	s.failure = fmt.Sprintf(format, args...)
	panic(stop)
}

// answer is an answer that was read.
type answer struct {
	status int
	header http.Header
	text   string
	body   any
}

// get finds a value by a path of names and numbers, joined by dots; URNs are
// written with slashes instead.
func (a answer) get(path string) any {
	v := a.body
	for part := range strings.SplitSeq(path, ".") {
		switch have := v.(type) {
		case map[string]any:
			v = have[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(have) {
				return nil
			}
			v = have[i]
		default:
			return nil
		}
	}
	return v
}

// send sends a request; header is a list of names and values.
func (s *session) send(method, path, body string, header ...string) answer {
	r, err := http.NewRequestWithContext(s.ctx, method, strings.TrimRight(s.t.BaseURL, "/")+path, strings.NewReader(body))
	if err != nil {
		s.failure = err.Error()
		return answer{}
	}
	r.Header.Set("Authorization", "Bearer "+s.t.Token)
	r.Header.Set("Accept", "application/scim+json")
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := s.t.Client.Do(r)
	if err != nil {
		s.failure = err.Error()
		return answer{}
	}
	defer got.Body.Close()
	data, err := io.ReadAll(io.LimitReader(got.Body, 64<<20))
	if err != nil {
		s.failure = err.Error()
	}
	a := answer{status: got.StatusCode, header: got.Header, text: string(data)}
	dec := json.NewDecoder(bytes.NewReader(data))
	if dec.Decode(&a.body) != nil {
		a.body = nil
	}
	return a
}

// want sends a request and demands a status.
func (s *session) want(status int, method, path, body string, header ...string) answer {
	a := s.send(method, path, body, header...)
	if a.status != status {
		s.fail("%s %s must answer %d, not %d: %.200s", method, path, status, a.status, a.text)
	}
	return a
}

// refused demands an error in SCIM's form (RFC 7644 section 3.12).
func (s *session) refused(status int, scimType, method, path, body string, header ...string) {
	a := s.want(status, method, path, body, header...)
	if a.get("status") != fmt.Sprint(status) || a.get("schemas.0") != errorURN || !strings.HasPrefix(a.header.Get("Content-Type"), "application/scim+json") {
		s.fail("%s %s must answer with a SCIM error, not %.200s", method, path, a.text)
	}
	if scimType != "" && a.get("scimType") != scimType {
		s.fail("%s %s must have the scimType %s, not %v", method, path, scimType, a.get("scimType"))
	}
}

// is demands a value in an answer.
func (s *session) is(a answer, path string, want any) {
	if got := a.get(path); got != want {
		s.fail("%s must be %v, not %v, in %.300s", path, want, got, a.text)
	}
}

// make creates a resource that is removed when the check ends.
func (s *session) make(endpoint, body string) (id string, a answer) {
	a = s.want(http.StatusCreated, "POST", endpoint, body)
	id, ok := a.get("id").(string)
	if !ok || id == "" {
		s.fail("the answer to POST %s must have an id: %.200s", endpoint, a.text)
	}
	s.made = append(s.made, endpoint+"/"+id)
	return id, a
}

func (s *session) user(more string) (id string, a answer) {
	return s.make("/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"%s@example.com"%s}`, userURN, s.unique(), more))
}

func (s *session) group(more string) (id string, a answer) {
	return s.make("/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"%s"%s}`, groupURN, s.unique(), more))
}

// unique is the check's name with the number of things it has made.
func (s *session) unique() string { return fmt.Sprintf("%s-%d", s.name, len(s.made)) }

func (s *session) patch(status int, path, operations string) answer {
	a := s.send("PATCH", path, fmt.Sprintf(`{"schemas":[%q],"Operations":[%s]}`, patchURN, operations))
	if a.status != status && !(status == http.StatusOK && a.status == http.StatusNoContent) {
		s.fail("PATCH %s with %s must answer %d, not %d: %.200s", path, operations, status, a.status, a.text)
	}
	return s.send("GET", path, "")
}

// cleanUp removes what the check made, groups first.
func (s *session) cleanUp() {
	for i := len(s.made) - 1; i >= 0; i-- {
		s.send("DELETE", s.made[i], "")
	}
}

const (
	userURN  = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN = "urn:ietf:params:scim:schemas:core:2.0:Group"
	patchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	listURN  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURN = "urn:ietf:params:scim:api:messages:2.0:Error"
	bulkURN  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
)
