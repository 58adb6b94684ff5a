package operation

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// unforeseen are the operations that have no preview: they give out a secret, or
// answer about one, and change nothing that could be foretold.
var unforeseen = []string{"accept-invitation", "forgot-password", "complete-reset", "check-password", "register-credential", "introspect"}

const previewParam = "preview"

// previews reports whether an operation can be previewed: all that make a change of
// the directory can.
func (p Place) previews() bool {
	return p.Method != http.MethodGet && !slices.Contains(unforeseen, p.ID)
}

type previewKey struct{}

// Previewing reports whether the request asks what would come of the change.
func Previewing(ctx context.Context) bool {
	on, _ := ctx.Value(previewKey{}).(bool)
	return on
}

// Previewed is the outcome of a preview. It ends an operation as an error does, at
// the place where the change would be made, and is answered with 200.
type Previewed struct{ Decision }

// Error says that nothing happened.
func (*Previewed) Error() string { return "a preview, which changes nothing" }

// GetStatus is the HTTP status.
func (*Previewed) GetStatus() int { return http.StatusOK }

// asksPreview reads the parameter.
func asksPreview(q url.Values) (bool, error) {
	if !q.Has(previewParam) {
		return false, nil
	}
	on, err := strconv.ParseBool(q.Get(previewParam))
	if err != nil || len(q[previewParam]) > 1 {
		return false, BadRequest("The query parameter preview is true or false, once.")
	}
	return on, nil
}

// asked refuses query parameters that the operation does not have, so that none is
// ever silently ignored, and notes whether a preview is wanted.
func (a *API) asked(ctx huma.Context, next func(huma.Context)) {
	u := ctx.URL()
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		err = BadRequest("The query of the address is not understood; percent-encode its values.")
	} else {
		err = unknownParams(ctx.Operation(), q)
	}
	on := false
	if err == nil {
		on, err = asksPreview(q)
	}
	if err != nil {
		_, w := humago.Unwrap(ctx)
		writeProblem(w, ProblemOf(err, RequestID(ctx.Context())))
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
		return BadRequest("This operation has no query parameters; leave out " + strings.Join(unknown, ", ") + ".")
	}
	slices.Sort(known)
	return BadRequest("This operation does not have the query parameters " + strings.Join(unknown, ", ") + "; it has " + strings.Join(known, ", ") + ".")
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

// refuses reports whether the problem is a refusal of what is asked, by the rules or
// by how things stand: a preview foretells it. Mistakes in the request and what the
// caller may not even ask are no such.
func (p *Problem) refuses() bool { return p.refusal != nil || p.Status == http.StatusConflict }
