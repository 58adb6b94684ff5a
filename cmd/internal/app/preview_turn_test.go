package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// decided is what a decision about one of many says, without whether it was made.
type decided struct {
	ID       string `json:"id"`
	Decision struct {
		Allowed  bool
		Code     string
		Detail   string
		Blockers []struct{ Code string }
		Effects  []struct {
			Code, Value string
			Count       int
		}
	}
}

// foretold previews a change of many and then makes it, and wants that the preview changes
// nothing and tells of each what then comes of it.
func (h *house) foretold(path, more string, ids ...string) (codes []string) {
	h.Helper()
	body := `{"ids":["` + strings.Join(ids, `","`) + `"]` + more + `}`
	before := h.contents()
	seen := h.api(200, "POST", path+"?preview=true", body)
	if after := h.contents(); after != before {
		h.Fatalf("the preview changed the store: %s", differing(before, after))
	}
	done := h.api(200, "POST", path, body)
	told := [2]string{}
	for i, r := range []reply{seen, done} {
		var items []decided
		if err := json.Unmarshal([]byte(r.at("items")), &items); err != nil || len(items) != len(ids) {
			h.Fatalf("%d items, %v: %s", len(items), err, r.text)
		}
		for i := range items {
			if d := &items[i].Decision; !d.Allowed {
				d.Effects = nil // of what is refused, a preview tells what it would have come to
			}
		}
		text, err := json.Marshal(items)
		if err != nil {
			h.Fatal(err)
		}
		if told[i] = string(text); i == 1 {
			for _, item := range items {
				codes = append(codes, item.Decision.Code)
			}
		}
	}
	if told[0] != told[1] {
		h.Errorf("the preview said\n%s\nand what came was\n%s", told[0], told[1])
	}
	return codes
}

// wantCodes compares reason codes; "" is of what is allowed.
func (h *house) wantCodes(got []string, want ...string) {
	h.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		h.Errorf("the codes are %q, want %q", got, want)
	}
}

// Domain 3.5, 4.1: of many people each is judged as if those before had gone, as it will
// be: one of two last administrators, and who receives the records of another one.
func TestPreviewOfManyIsInTurn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "example.com")
	admin := func(name string) string {
		id := h.person(name)
		h.api(200, "PUT", "/users/"+id+"/standing", `{"role":"admin"}`)
		return id
	}
	ada, bob := admin("ada@example.com"), admin("bob@example.com")
	h.wantCodes(h.foretold("/users/deactivate", "", ada, bob), "", "deactivation.last_admin")
	if h.standing(ada)+h.standing(bob) != "inactiveactive" {
		t.Errorf("they are %s and %s", h.standing(ada), h.standing(bob))
	}

	cyd, dan, eve := h.person("cyd@example.com"), h.person("dan@example.com"), h.person("eve@example.com")
	h.opportunity(cyd)
	h.opportunity(eve)
	for _, id := range []string{cyd, eve} {
		h.patchUser(200, id, `{"op":"replace","path":"`+usherUser+`:transferRecordsTo","value":"`+dan+`"}`)
	}
	// Who has received the records of somebody before has none to give them to.
	h.wantCodes(h.foretold("/users/deactivate", "", cyd, dan, eve), "", "deactivation.no_transferee", "")

	h.api(200, "PUT", "/licences/core", `{"purchased":3}`)
	h.wantCodes(h.foretold("/users/activate", "", cyd), "")
	h.wantCodes(h.foretold("/users/activate", "", cyd), "")
}

// S3-27, domain 3.5: a plan tells who finds a seat and who does not, in the order in which
// they are let in, and its commit does that.
func TestPlanTakesSeatsInTurn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var ids []string
	for i := range 3 {
		id := h.person(fmt.Sprintf("p%d@example.com", i))
		h.api(200, "POST", "/users/"+id+"/deactivate", "{}")
		ids = append(ids, id)
	}
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	body := `{"verb":"activate","ids":["` + strings.Join(ids, `","`) + `"]}`
	stay := "Of these people some stay as they are: " + ids[1] + ", " + ids[2] + "."
	h.same(h.api(200, "POST", "/plans?preview=true", body), "detail", stay)
	plan := h.api(201, "POST", "/plans", body)
	h.same(h.api(200, "POST", "/plans/"+plan.at("id")+"/commit?preview=true", "", "If-Match: *"), "detail", stay)
	for i, want := range []string{"", "seat.limit_exceeded", "seat.limit_exceeded"} {
		h.same(plan, fmt.Sprintf("items/%d/code", i), want)
		h.same(plan, fmt.Sprintf("items/%d/allowed", i), fmt.Sprint(want == ""))
	}
	h.same(plan, "items/1/detail", "You are trying to activate more users than the allowed license limit of '1' users")
	h.same(plan, "seatsDelta", "1")
	done := h.committed(plan, "refuse")
	for i, want := range []string{"done", "refused", "refused"} {
		h.same(done, fmt.Sprintf("items/%d/outcome", i), want)
	}
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")
	if h.standing(ids[0])+h.standing(ids[1]) != "activeinactive" {
		t.Errorf("they are %s and %s", h.standing(ids[0]), h.standing(ids[1]))
	}
}

// S4-40, domain 3.5: who is left out of a stale plan is not counted as gone for those who
// follow: what the plan said of them rested on it, so they are left out as well.
func TestPlanLeavesOutWhatRestsOnWhoIsLeftOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "example.com")
	var ids []string
	for _, name := range []string{"ada", "bob", "cyd"} {
		id := h.person(name + "@example.com")
		h.api(200, "PUT", "/users/"+id+"/standing", `{"role":"admin"}`)
		ids = append(ids, id)
	}
	plan := h.api(201, "POST", "/plans", `{"verb":"deactivate","ids":["`+strings.Join(ids, `","`)+`"]}`)
	for i, want := range []string{"", "", "deactivation.last_admin"} {
		h.same(plan, fmt.Sprintf("items/%d/code", i), want)
	}
	h.api(201, "POST", "/subscriptions", `{"user":"`+ids[0]+`","plan":"gold","active":true}`)
	stale := h.committed(plan, "refuse")
	h.same(stale, "code", "plan.stale")
	if detail := stale.at("detail"); !strings.Contains(detail, ids[0]) || strings.Contains(detail, ids[1]) || strings.Contains(detail, ids[2]) {
		t.Errorf("stale is said of others: %s", detail)
	}
	done := h.committed(plan, "skip")
	for i, want := range []string{"skipped", "done", "skipped"} {
		h.same(done, fmt.Sprintf("items/%d/outcome", i), want)
	}
	if got := h.standing(ids[0]) + h.standing(ids[1]) + h.standing(ids[2]); got != "activeinactiveactive" {
		t.Errorf("they are %s", got)
	}
}
