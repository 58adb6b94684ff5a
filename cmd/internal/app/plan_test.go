package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Domain 3.5: a plan changes nobody until it is committed, once; whoever moved
// meanwhile makes it stale, or is left out.
func TestPlans(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob, cyd := h.person("ada@example.com"), h.person("bob@example.com"), h.person("cyd@example.com")
	integration := func() string {
		return h.api(201, "POST", "/integrations", `{"app":"books","peerApp":"crm","owner":"`+bob+`","enabled":true}`).at("id")
	}
	made := integration()
	body := `{"verb":"deactivate","ids":["` + strings.Join([]string{ada, bob, cyd, "00000000-0000-7000-8000-000000000000"}, `","`) + `"]}`
	plan := h.api(201, "POST", "/plans", body)
	h.same(plan, "items/0/allowed", "true")
	h.same(plan, "items/1/code", "deactivation.integration")
	h.same(plan, "items/3/allowed", "false")
	h.same(plan, "seatsDelta", "-2")
	if h.standing(ada) != "active" {
		t.Error("a plan changed somebody")
	}
	id, tag := plan.at("id"), plan.header.Get("ETag")
	h.api(400, "POST", "/plans/"+id+"/commit", "")
	h.api(412, "POST", "/plans/"+id+"/commit", "", `If-Match: W/"9"`)
	h.api(201, "POST", "/subscriptions", `{"user":"`+cyd+`","plan":"gold","active":true}`)
	stale := h.api(409, "POST", "/plans/"+id+"/commit", "", "If-Match: "+tag)
	h.same(stale, "code", "plan.stale")
	if !strings.Contains(stale.at("detail"), cyd) || h.standing(ada) != "active" {
		t.Errorf("stale without names, or done in part: %s", stale.text)
	}
	fresh := stale.at("plan/id")
	if kept := h.api(200, "GET", "/plans/"+fresh, ""); fresh == id || kept.at("items") != stale.at("plan/items") || !strings.Contains(kept.at("items/2/effects"), "subscription") {
		t.Errorf("the new plan: %s", kept.text)
	}
	done := h.api(200, "POST", "/plans/"+id+"/commit?onStale=skip", "", "If-Match: "+tag)
	for i, want := range []string{"done", "refused", "skipped", "refused"} {
		h.same(done, "items/"+string(rune('0'+i))+"/outcome", want)
	}
	again := h.api(200, "POST", "/plans/"+id+"/commit", "", "If-Match: "+tag)
	if again.at("items") != done.at("items") || h.audited("user.deactivate", ada) != 1 {
		t.Error("committing again did something else")
	}
	h.api(200, "POST", "/integrations/"+made+"/disable", "{}")
	h.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	back := h.api(201, "POST", "/plans", `{"verb":"activate","ids":["`+ada+`"]}`)
	h.same(back, "items/0/code", "seat.limit_exceeded")
}

// Domain 3.5, R9: a plan that was begun is carried out to its end, and says what became of
// everybody, also when whoever committed it does not wait for that.
func TestPlanIsCarriedOutToItsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var ids []string
	for i := range 300 {
		ids = append(ids, h.person(fmt.Sprintf("u%d@example.com", i)))
	}
	plan := h.api(201, "POST", "/plans", `{"verb":"deactivate","ids":["`+strings.Join(ids, `","`)+`"]}`)
	path := "/plans/" + plan.at("id")
	h.leave("POST", path+"/commit", plan.header.Get("ETag"), func() bool { return h.api(200, "GET", path, "").at("committedAt") != "" })
	for until := time.Now().Add(30 * time.Second); strings.Count(h.api(200, "GET", path, "").text, `"outcome":"done"`) != len(ids); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("of %d people %d are told of, and %d are deactivated", len(ids), strings.Count(h.api(200, "GET", path, "").text, `"outcome":"done"`), h.audited("user.deactivate", ""))
		}
	}
}

// leave sends a request and does not wait for its answer once it has begun.
func (h *house) leave(method, path, tag string, begun func() bool) {
	h.Helper()
	ctx, leave := context.WithCancel(h.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+h.cfg.Listen+"/api/v1"+path, nil)
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminSecret)
	r.Header.Set("If-Match", tag)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if answer, err := h.client.Do(r); err == nil {
			answer.Body.Close()
		}
	}()
	for !begun() {
		time.Sleep(time.Millisecond)
	}
	leave()
	<-gone
}

// S2-26, C8: of a domain that was given up everybody is thought of anew, also when whoever
// gave it up does not wait for that.
func TestDomainIsGivenUpToItsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "corp.example")
	for i := range 300 {
		h.person(fmt.Sprintf("u%d@corp.example", i))
	}
	h.leave("DELETE", "/domains/corp.example", "", func() bool { return !strings.Contains(h.api(200, "GET", "/domains", "").text, "corp.example") })
	left := func() int { return len(h.items(h.api(200, "GET", "/users?classification=confirmed&limit=200", ""))) }
	for until := time.Now().Add(30 * time.Second); left() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d people and more are still confirmed", left())
		}
	}
}

// R9: a POST with an Idempotency-Key happens once, however often and at once it is
// sent; another body under the key is a mistake, and secrets are not kept (K16).
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	body := `{"type":"opportunity","owner":"` + ada + `","open":true}`
	first := h.api(201, "POST", "/records", body, "Idempotency-Key: k1")
	again := h.api(201, "POST", "/records", body, "Idempotency-Key: k1")
	if first.text != again.text || first.header.Get("ETag") != again.header.Get("ETag") || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s, then %s", first.text, again.text)
	}
	h.api(422, "POST", "/records", strings.Replace(body, "true", "false", 1), "Idempotency-Key: k1")
	h.api(400, "POST", "/records", `{"type":1}`, "Idempotency-Key: k2")
	h.api(400, "POST", "/records", `{"type":1}`, "Idempotency-Key: k2")
	var made, busy atomic.Int32
	together(20, func(int) {
		got, err := h.call("POST", "http://"+h.cfg.Listen+"/api/v1/records", adminSecret, body, "Idempotency-Key: k3")
		switch {
		case err != nil:
			t.Error(err)
		case got.status == 201:
			made.Add(1)
		case got.status == 409:
			busy.Add(1)
		default:
			t.Errorf("%d %s", got.status, got.text)
		}
	})
	if n := strings.Count(h.api(200, "GET", "/records?limit=200", "").text, `"type"`); n != 2 || made.Load() == 0 {
		t.Errorf("%d records, want 2; %d answers, %d told to wait", n, made.Load(), busy.Load())
	}
	h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`, "Idempotency-Key: k4")
	if got := h.api(409, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`, "Idempotency-Key: k4"); strings.Contains(got.text, "usher_cred_") {
		t.Error("K16: the secret was kept")
	}
}
