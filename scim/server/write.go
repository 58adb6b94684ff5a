package server

import (
	"net/http"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

// create answers POST (RFC 7644 section 3.3).
func (x *exchange) create() error {
	body, err := x.body(x.s.opts.BodyBytes)
	if err != nil {
		return err
	}
	res, met, err := scim.Decode(x.route.rt, body, x.dialect())
	if err != nil {
		return err
	}
	x.quirks |= met
	plan, err := x.execute(directory.Create{Resource: res}, directory.Precondition{})
	if err != nil {
		return err
	}
	x.w.Header()["Location"] = []string{string(plan.After.AppendLocation(nil, x.s.opts.BaseURL))}
	return x.changed(http.StatusCreated, plan)
}

// replace answers PUT (RFC 7644 section 3.5.1).
func (x *exchange) replace() error {
	plan, err := x.amend(func(body []byte) (directory.Change, scim.Quirks, error) {
		res, met, err := scim.Decode(x.route.rt, body, x.dialect())
		return directory.Replace{Type: x.route.rt, ID: x.id, Resource: res}, met, err
	})
	if err != nil {
		return err
	}
	return x.changed(http.StatusOK, plan)
}

// patch answers PATCH (RFC 7644 section 3.5.2). Groups are answered without a
// body unless the client asks for one: it would hold every member.
func (x *exchange) patch() error {
	plan, err := x.amend(func(body []byte) (directory.Change, scim.Quirks, error) {
		p, met, err := patch.Decode(x.route.rt, body, x.dialect())
		return directory.Patch{Type: x.route.rt, ID: x.id, Patch: p}, met, err
	})
	if err != nil {
		return err
	}
	if a := edge(x.route.rt); a != nil && a.Mutability != scim.ReadOnly && x.params.attributes == nil && x.params.excluded == nil && x.preference() != "representation" {
		x.applied()
		x.w.Header()["Etag"] = []string{plan.After.Version.ETag()}
		x.respond(http.StatusNoContent, nil)
		return nil
	}
	return x.changed(http.StatusOK, plan)
}

// amend carries out a change of what is there, as its body says.
func (x *exchange) amend(decode func(body []byte) (directory.Change, scim.Quirks, error)) (*directory.Plan, error) {
	pre, err := x.precondition()
	if err != nil {
		return nil, err
	}
	body, err := x.body(x.s.opts.BodyBytes)
	if err != nil {
		return nil, err
	}
	change, met, err := decode(body)
	if err != nil {
		return nil, err
	}
	x.quirks |= met
	return x.execute(change, pre)
}

// remove answers DELETE (RFC 7644 section 3.6).
func (x *exchange) remove() error {
	pre, err := x.precondition()
	if err != nil {
		return err
	}
	if _, err := x.execute(directory.Delete{Type: x.route.rt, ID: x.id}, pre); err != nil {
		return err
	}
	x.respond(http.StatusNoContent, nil)
	return nil
}

func (x *exchange) execute(c directory.Change, pre directory.Precondition) (*directory.Plan, error) {
	var plan *directory.Plan
	var err error
	if req := x.request(c, pre); x.joint != nil {
		plan, err = x.joint.Execute(x.ctx, req)
	} else {
		plan, err = x.s.dir.Execute(x.ctx, req)
	}
	if err != nil {
		return nil, err
	}
	x.quirks |= plan.Quirks
	return plan, nil
}

// precondition reads If-Match and If-None-Match, which become part of the write
// (K64).
func (x *exchange) precondition() (pre directory.Precondition, err error) {
	if header := x.r.Header["If-Match"]; len(header) > 0 {
		if pre.Versions, pre.Any, err = versions(strings.Join(header, ",")); err != nil {
			return pre, err
		}
	}
	if header := x.r.Header["If-None-Match"]; len(header) > 0 {
		pre.Not, pre.Absent, err = versions(strings.Join(header, ","))
	}
	return pre, err
}

// preference is what Prefer says of the answer: minimal, representation or "".
func (x *exchange) preference() string {
	for _, header := range x.r.Header["Prefer"] {
		for one := range strings.SplitSeq(header, ",") {
			one, _, _ = strings.Cut(one, ";")
			name, value, _ := strings.Cut(one, "=")
			if value = strings.Trim(strings.TrimSpace(value), `"`); scim.EqualName(strings.TrimSpace(name), "return") && (value == "minimal" || value == "representation") {
				return value
			}
		}
	}
	return ""
}

// applied tells the client which preference is honoured, and returns it.
func (x *exchange) applied() string {
	preference := x.preference()
	if preference != "" {
		x.w.Header()["Preference-Applied"] = []string{"return=" + preference}
	}
	return preference
}

// changed answers with the resource as it is now.
func (x *exchange) changed(status int, plan *directory.Plan) error {
	x.w.Header()["Etag"] = x.one(2, plan.After.Version.ETag())
	if x.applied() == "minimal" {
		if status != http.StatusCreated { // which says more than that there is no content
			status = http.StatusNoContent
		}
		x.respond(status, nil)
		return nil
	}
	out, err := x.renderChanged((*x.buf)[:0], plan)
	if err != nil {
		return err
	}
	*x.buf = out
	x.respond(status, out)
	return nil
}

// renderChanged writes the resource. The members of a group are read from a
// snapshot; the groups of a user came with the plan.
func (x *exchange) renderChanged(dst []byte, plan *directory.Plan) (out []byte, err error) {
	p := x.params.projection(plan.Type).Written(plan.Before, plan.After)
	a := edge(plan.Type)
	if a == nil || a.Mutability == scim.ReadOnly {
		return x.append(dst, nil, plan.After, p, plan.Groups)
	}
	if !p.Includes(a) || plan.Before == nil && plan.Edges.IsZero() {
		return plan.After.AppendJSON(dst, p, x.s.opts.BaseURL, nil), nil
	}
	err = x.s.dir.ReadAs(x.ctx, x.client(), func(r directory.Reader) error {
		out, err = x.append(dst, r, plan.After, p, nil)
		return err
	})
	return out, err
}

// showsGroups reports whether the answer to a change shows what the resource is
// a member of.
func (x *exchange) showsGroups() bool {
	a := edge(x.route.rt)
	return a != nil && a.Mutability == scim.ReadOnly && x.params.projection(x.route.rt).Includes(a) && x.preference() != "minimal"
}
