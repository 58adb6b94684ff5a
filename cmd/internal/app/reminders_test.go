package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim/schemas"
)

// later stops the server, lets the clock do its work at these times from now on, twice
// each, and starts the server again.
func (h *house) later(times ...time.Duration) {
	h.Helper()
	h.stop(h.T, 10*time.Second)
	store, err := app.OpenStore(h.Context(), h.cfg, schemas.Default, prometheus.NewRegistry())
	if err != nil {
		h.Fatal(err)
	}
	ahead := time.Duration(0)
	svc := directory.New(store, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves, Clock: func() time.Time { return time.Now().Add(ahead) }})
	for _, ahead = range times {
		for range 2 {
			if err := (&lifecycle.Clock{Service: svc}).Tick(h.Context(), "default"); err != nil {
				h.Error(err)
			}
		}
	}
	if err := store.Close(); err != nil {
		h.Error(err)
	}
	h.running = start(h.T, h.cfg)
}

// reminded are the transfer of each reminder in the outbox and what it says, sorted.
func (h *house) reminded() (all []string) {
	h.Helper()
	for _, one := range h.items(h.api(200, "GET", "/outbox?limit=200", "")) {
		event := one.(map[string]any)["event"].(map[string]any)
		if event["action"] != "transfer.reminder" {
			continue
		}
		said := event["resource"].(string)
		for _, e := range event["effects"].([]any) {
			said += " " + e.(map[string]any)["code"].(string) + " " + e.(map[string]any)["value"].(string)
		}
		all = append(all, said)
	}
	slices.Sort(all)
	return all
}

// Domain 3.6: the leader of a team who received records and does not answer is reminded
// after three days and after a week, once each; with the second one administrators are
// told, and can name somebody. Who has answered, or has nothing of it any more, is not
// reminded, and who is asked anew has their own time.
func TestUnansweredTransfersAreReminded(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob", "cyd")
	bob, cyd := l.ids["bob"], l.ids["cyd"]
	of := func(name, to string) string {
		id := l.person(name + "@example.com")
		l.opportunity(id)
		l.leavesTo(id, l.ids[to])
		return l.api(200, "GET", "/transfers?user="+id, "").at("items/0/id")
	}
	silent, kept, closed, passed := of("dan", "bob"), of("eve", "bob"), of("fay", "bob"), of("gus", "bob")
	l.by("bob", 200, "POST", "/transfers/"+kept+"/accept")
	l.api(200, "PUT", "/records/"+l.api(200, "GET", "/transfers/"+closed, "").at("records/0/id"), `{"type":"opportunity","owner":"`+bob+`","open":false}`)
	const day = 24 * time.Hour
	l.later(3*day-time.Hour, 3*day+time.Hour)
	want := []string{silent + " answer.reminder " + bob, passed + " answer.reminder " + bob}
	if got := l.reminded(); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Fatalf("after three days: %q, want %q", got, want)
	}
	l.same(l.api(200, "GET", "/transfers/"+silent, ""), "reminded", "1")
	l.same(l.api(200, "GET", "/transfers?state=overdue", ""), "items", "[]")

	l.api(200, "POST", "/transfers/"+passed+"/give", `{"to":"`+cyd+`"}`) // who is asked from now on
	l.later(7*day-time.Hour, 7*day+time.Hour, 30*day)
	want = append(want, silent+" answer.reminder "+bob+" answer.overdue "+bob, passed+" answer.reminder "+cyd, passed+" answer.reminder "+cyd+" answer.overdue "+cyd)
	if got := l.reminded(); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Fatalf("after a month: %q, want %q", got, want)
	}
	over := l.api(200, "GET", "/transfers?state=overdue", "")
	if over.items() != 2 {
		t.Errorf("overdue are %s", over.text)
	}
	got := l.api(200, "GET", "/transfers/"+silent, "")
	l.same(got, "state", "awaiting")
	l.same(got, "overdue", "true")
	l.same(got, "blockers/0/fix/kind", "nameTransferee")
	l.same(got, "blockers/0/detail", "Who received these records has not said whether they keep them, and was reminded; name somebody to have them, who may be the same person.")
	l.by("bob", 200, "POST", "/transfers/"+silent+"/decline") // late, but said
	l.api(200, "POST", "/transfers/"+passed+"/give", `{"to":"`+cyd+`"}`)
	if text := l.api(200, "GET", "/transfers?state=overdue", "").text; strings.Contains(text, passed) || strings.Contains(text, silent) {
		t.Errorf("it is overdue when it is settled: %s", text)
	}
}
