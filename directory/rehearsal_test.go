package directory_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/rehearsal"
)

// R6, domain 3.5: several changes that are rehearsed come to exactly what they come to
// when they are then made in the same order, and leave everything as it was.
func TestRehearsalTellsWhatExecutionDoes(t *testing.T) {
	tally := map[string]int{}
	lived := livedIn(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := goesOn(t, rt, lived)
		defer m.store.Close()
		var acts []act
		for _, from := range rapid.SliceOfN(rapid.Uint64(), 5, 40).Draw(rt, "steps") {
			a, err := m.draw(t.Context(), rand.New(rand.NewPCG(from, 0)))
			if err != nil {
				rt.Fatal(err)
			}
			if a.req.Change != nil {
				acts = append(acts, a)
			}
		}
		m.still.Store(m.now().UnixNano())
		m.inTurn(t, rt, acts, tally)
	})
	for _, want := range []string{"create done", "create refused", "patch active done", "deactivate done"} {
		if tally[want] == 0 {
			t.Errorf("no step came to %q: %v", want, tally)
		}
	}
	t.Log(tally)
}

// inTurn rehearses steps and then makes them, at one moment.
func (m *mill) inTurn(t *testing.T, rt *rapid.T, acts []act, tally map[string]int) {
	before := m.dump(t)
	type outcome struct {
		plan *directory.Plan
		err  error
	}
	var seen []outcome
	svc := rehearsal.Of(m.svc)
	for _, a := range acts {
		p, err := svc.Execute(t.Context(), a.req)
		seen = append(seen, outcome{p, err})
	}
	if after := m.dump(t); after != before {
		rt.Fatalf("the rehearsal changed the store: %s", difference(before, after))
	}
	known := &numbers{}
	for i, a := range acts {
		done, err := m.svc.Execute(t.Context(), a.req)
		if what := apartIn(seen[i].plan, seen[i].err, done, err, known.out); what != "" {
			rt.Fatalf("%d, %s: rehearsal and execution differ: %s", i, a.name, what)
		}
		known.made(fmt.Sprint("<", i, ">"), seen[i].plan, done)
		tally[result(a.name, done, err)]++
	}
}

// numbers are ids that two runs of the same changes have made, each of its own.
type numbers struct{ pairs []string }

// made notes what a change has made, in both runs, by a name.
func (n *numbers) made(name string, plans ...*directory.Plan) {
	for _, p := range plans {
		if p == nil {
			continue
		}
		if p.After != nil {
			n.pairs = append(n.pairs, p.After.ID, name)
		}
		for _, e := range p.Events {
			n.pairs = append(n.pairs, e.ID, name+" event")
		}
		if p.Instead != nil {
			n.made(name, p.Instead)
		}
	}
}

// out takes the ids out of a text.
func (n *numbers) out(text string) string { return strings.NewReplacer(n.pairs...).Replace(text) }
