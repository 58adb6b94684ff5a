package server

import (
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// forecast is what a person's deactivation would meet and do now: the attributes
// blockers and pendingEffects, which are worked out when they are asked for.
type forecast struct {
	plan     *directory.Plan
	language directory.Language
}

// forecast makes the plan of a deactivation where the answer is to show it.
func (x *exchange) forecast(rt *scim.ResourceType, id string, p *scim.Projection) (forecast, error) {
	if p == nil || !directory.IsPerson(rt) || !p.Includes(schemas.Usher.Blockers) && !p.Includes(schemas.Usher.PendingEffects) {
		return forecast{}, nil
	}
	plan, err := x.s.dir.Preview(x.ctx, x.request(directory.Deactivate{Type: rt, ID: id}, directory.Precondition{}))
	return forecast{plan, x.language()}, err
}

// on is the resource with the forecast.
func (f forecast) on(res *scim.Resource) *scim.Resource {
	if f.plan == nil {
		return res
	}
	element := func(list *scim.Attribute, code, value string, count int) scim.Value {
		fields := make([]scim.Field, 0, 3)
		add := func(name string, v scim.Value) {
			if a, ok := list.Lookup(name); ok && !v.IsZero() {
				fields = append(fields, scim.Field{Attr: a, Value: v})
			}
		}
		add("code", scim.TextValue(code))
		add("value", scim.TextValue(value))
		if count > 0 {
			add("count", scim.IntValue(int64(count)))
		}
		return scim.ComplexValue(fields...)
	}
	full := res.Clone()
	var blockers, effects []scim.Value
	for _, b := range f.plan.Findings {
		if b.Verdict == directory.Refuse {
			blockers = append(blockers, element(schemas.Usher.Blockers, string(b.Rule), b.In(f.language), 0))
		}
	}
	for _, e := range f.plan.Effects {
		effects = append(effects, element(schemas.Usher.PendingEffects, e.Code, e.Value, e.Count))
	}
	if blockers != nil {
		full.SetPath(schemas.Usher.Blockers, scim.ListValue(blockers...))
	}
	if effects != nil {
		full.SetPath(schemas.Usher.PendingEffects, scim.ListValue(effects...))
	}
	return full
}
