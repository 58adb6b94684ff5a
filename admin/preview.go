package admin

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/usher-scim/usher/directory"
)

// unforeseen are the operations that have no preview: they give out a secret, or
// answer about one, and change nothing that could be foretold.
var unforeseen = []string{"accept-invitation", "forgot-password", "complete-reset", "check-password", "register-credential", "introspect"}

const previewParam = "preview"

// previews reports whether an operation can be previewed: all that make a change of
// the directory can.
func (p place) previews() bool {
	return p.method != http.MethodGet && !slices.Contains(unforeseen, p.id)
}

type previewKey struct{}

// previewing reports whether the request asks what would come of the change.
func previewing(ctx context.Context) bool {
	on, _ := ctx.Value(previewKey{}).(bool)
	return on
}

// previewed is the outcome of a preview. It ends an operation as an error does, at
// the place where the change would be made, and is answered with 200.
type previewed struct{ Decision }

// Error says that nothing happened.
func (*previewed) Error() string { return "a preview, which changes nothing" }

// GetStatus is the HTTP status.
func (*previewed) GetStatus() int { return http.StatusOK }

// asksPreview reads the parameter.
func asksPreview(q url.Values) (bool, error) {
	if !q.Has(previewParam) {
		return false, nil
	}
	on, err := strconv.ParseBool(q.Get(previewParam))
	if err != nil || len(q[previewParam]) > 1 {
		return false, badRequest("The query parameter preview is true or false, once.")
	}
	return on, nil
}

// asked refuses query parameters that the operation does not have, so that none is
// ever silently ignored, and notes whether a preview is wanted.
func (a *API) asked(ctx huma.Context, next func(huma.Context)) {
	u := ctx.URL()
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		err = badRequest("The query of the address is not understood; percent-encode its values.")
	} else {
		err = unknownParams(ctx.Operation(), q)
	}
	on := false
	if err == nil {
		on, err = asksPreview(q)
	}
	if err != nil {
		_, w := humago.Unwrap(ctx)
		writeProblem(w, problemOf(err, requestID(ctx.Context())))
		return
	}
	next(huma.WithValue(ctx, previewKey{}, on))
}

// unknownParams names the parameters that an operation does not have.
func unknownParams(op *huma.Operation, q url.Values) error {
	var known, unknown []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			known = append(known, p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if !slices.Contains(known, name) {
			unknown = append(unknown, strconv.Quote(name))
		}
	}
	switch {
	case len(unknown) == 0:
		return nil
	case len(known) == 0:
		return badRequest("This operation has no query parameters; leave out " + strings.Join(unknown, ", ") + ".")
	}
	slices.Sort(known)
	return badRequest("This operation does not have the query parameters " + strings.Join(unknown, ", ") + "; it has " + strings.Join(known, ", ") + ".")
}

// describe tells of the preview in the document, before the operation is registered.
func describe(op *huma.Operation) {
	op.Parameters = append(op.Parameters, &huma.Param{Name: previewParam, In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean},
		Description: "Decide, and change nothing: the answer is the decision, also where it is a refusal."})
	op.Responses = map[string]*huma.Response{}
}

// describePreview adds the answer of a preview to what the operation answers.
func (a *API) describePreview(answers map[string]*huma.Response) {
	decision := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Decision](), true, "Decision")
	const kind = "application/json"
	own := answers["200"]
	if own == nil || own.Content[kind] == nil {
		answers["200"] = &huma.Response{Description: "What would come of the change, where a preview is asked for.", Content: map[string]*huma.MediaType{kind: {Schema: decision}}}
		return
	}
	if media := own.Content[kind]; media.Schema.Ref != decision.Ref {
		media.Schema = &huma.Schema{AnyOf: []*huma.Schema{media.Schema, decision}}
	}
}

// submit carries a change out. Where a preview is asked for it decides only, and the
// decision comes as an error, which ends the operation.
func (a *API) submit(ctx context.Context, req directory.Request) (*directory.Plan, error) {
	if !previewing(ctx) {
		return a.Service.Execute(ctx, req)
	}
	p, err := a.Service.Preview(ctx, req)
	if err != nil {
		return nil, err
	}
	return nil, &previewed{decisionOf(p, false, a.language(ctx))}
}

// decisionOn is what came of one change, or would: the decision, or the error where
// that is no decision but a failure.
func (a *API) decisionOn(ctx context.Context, p *directory.Plan, err error) (Decision, error) {
	var seen *previewed
	switch {
	case err == nil:
		return decisionOf(p, true, a.language(ctx)), nil
	case errors.As(err, &seen):
		return seen.Decision, nil
	}
	pr := a.problemFor(ctx, err)
	if pr.Status >= http.StatusInternalServerError {
		return Decision{}, err
	}
	return pr.decision(), nil
}

// decision is a problem as the decision that it comes to.
func (p *Problem) decision() Decision {
	d := Decision{Code: p.Code, Detail: p.Detail, Blockers: p.Blockers, Effects: []directory.Effect{}}
	if d.Blockers == nil {
		d.Blockers = []directory.Blocker{}
	}
	return d
}

// refuses reports whether the problem is a refusal of what is asked, by the rules or
// by how things stand: a preview foretells it. Mistakes in the request and what the
// caller may not even ask are no such.
func (p *Problem) refuses() bool { return p.refusal != nil || p.Status == http.StatusConflict }
