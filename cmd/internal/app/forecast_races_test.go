package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// binder makes something that keeps a person in, and undoes it.
type binder struct {
	name, code string
	bind       func(h *house, id string) reply
	bound      func(h *house, id string) bool
	free       func(h *house, made reply)
}

var binders = []binder{
	{"integration", "deactivation.integration", func(h *house, id string) reply {
		return h.try("POST", "/api/v1/integrations", adminSecret, `{"app":"books","peerApp":"crm","owner":"`+id+`","enabled":true}`)
	}, ownsEnabled, func(h *house, made reply) { h.api(204, "DELETE", "/integrations/"+made.at("id"), "") }},
	{"team lead", "deactivation.team_leader", func(h *house, id string) reply {
		return h.try("POST", "/api/v1/teams", adminSecret, `{"name":"Sales","leader":"`+id+`"}`)
	}, func(h *house, id string) bool { return strings.Contains(h.api(200, "GET", "/teams", "").text, id) },
		func(h *house, made reply) { h.api(204, "DELETE", "/teams/"+made.at("id"), "") }},
	{"ownership", "deactivation.app_owner", func(h *house, id string) reply {
		return h.try("PUT", "/api/v1/applications/desk", adminSecret, `{"name":"Zoho Desk","owner":"`+id+`"}`)
	}, func(h *house, id string) bool {
		return strings.Contains(h.api(200, "GET", "/applications", "").text, id)
	},
		func(h *house, _ reply) { h.api(200, "PUT", "/applications/desk", `{"name":"Zoho Desk"}`) }},
}

// promised previews a deactivation, which nothing is in the way of.
func (h *house) promised(id string) (plan reply) {
	h.Helper()
	h.same(h.api(200, "POST", "/users/"+id+"/deactivate?preview=true", "{}"), "allowed", "true")
	plan = h.api(201, "POST", "/plans", `{"verb":"deactivate","ids":["`+id+`"]}`)
	h.same(plan, "items/0/allowed", "true")
	return plan
}

// committed carries out what was planned.
func (h *house) committed(plan reply, onStale string) reply {
	h.Helper()
	got, err := h.call("POST", "http://"+h.cfg.Listen+"/api/v1/plans/"+plan.at("id")+"/commit?onStale="+onStale, adminSecret, "", "If-Match: "+plan.header.Get("ETag"))
	if err != nil {
		h.Fatal(err)
	}
	return got
}

// K66, S0-19: what was previewed as free is asked about again at the commit. An
// integration, a team to lead or an ownership that comes between is found, whether it
// comes before the commit or in the same instant, and then nothing is written.
func TestK66PreviewIsNoPromise(t *testing.T) {
	t.Parallel()
	rounds := 24
	if long {
		rounds = 200
	}
	for _, b := range binders {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			id := h.person("ada@example.com")
			won := map[bool]int{}
			for i := range rounds {
				plan := h.promised(id)
				var made, done reply
				ok := false
				commit := func() {
					done = h.committed(plan, []string{"refuse", "skip"}[i%2])
					ok = done.at("items/0/outcome") == "done"
				}
				if i%3 == 0 {
					commit = func() {
						done = h.try("POST", "/api/v1/users/"+id+"/deactivate", adminSecret, "{}")
						ok = done.status == 200
					}
				}
				if i%4 == 3 { // one after the other
					made = b.bind(h, id)
					before := h.snapshot(id)
					if commit(); ok || h.snapshot(id) != before {
						t.Fatalf("round %d: deactivated, or changed, in spite of what came between: %d %s", i, done.status, done.text)
					}
				} else {
					atOnce(func() { made = b.bind(h, id) }, commit)
				}
				bound := made.status < 300
				if bound == ok || b.bound(h, id) != bound || (h.standing(id) == "inactive") != ok {
					t.Fatalf("round %d: bound %d %s, committed %d %s, they are %s", i, made.status, made.text, done.status, done.text, h.standing(id))
				}
				if !ok && !strings.Contains(done.text, b.code) && !strings.Contains(done.text, "plan.stale") && done.at("items/0/outcome") != "skipped" {
					t.Fatalf("round %d: refused for another reason: %d %s", i, done.status, done.text)
				}
				won[bound]++
				if bound {
					b.free(h, made)
				} else {
					h.api(200, "POST", "/users/"+id+"/activate", "")
				}
			}
			if won[true] == 0 {
				t.Errorf("nothing ever came between, in %d rounds", rounds)
			}
			t.Logf("bound %d times, deactivated %d times", won[true], won[false])
		})
	}
}

// K66: all that came between the preview and the commit is told, at every door, and
// nothing is written.
func TestK66AllBlockersAfterThePreview(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@example.com")
	h.opportunity(ada)
	h.promisedNot(ada) // there is nobody for the record yet
	bob := h.person("bob@example.com")
	h.patchUser(200, ada, `{"op":"replace","path":"`+usherUser+`:transferRecordsTo","value":"`+bob+`"}`)
	plan := h.promised(ada)
	for _, b := range binders {
		if made := b.bind(h, ada); made.status >= 300 {
			t.Fatalf("%s: %d %s", b.name, made.status, made.text)
		}
	}
	before := h.snapshot(ada)
	for _, d := range doors(adminSecret) {
		got := d.knock(h, ada)
		if got.ok {
			t.Fatalf("%s: deactivated", d.name)
		}
		for _, want := range []string{"crm", "leads the team Sales", "owns the application Zoho Desk"} {
			if !strings.Contains(got.detail, want) {
				t.Errorf("%s: %q is not told in %q", d.name, want, got.detail)
			}
		}
	}
	for _, onStale := range []string{"refuse", "skip"} {
		if got := h.committed(plan, onStale); got.at("items/0/outcome") == "done" || got.status >= 500 {
			t.Errorf("a plan with onStale=%s: %d %s", onStale, got.status, got.text)
		}
	}
	refused := h.api(409, "POST", "/users/"+ada+"/deactivate", "{}")
	if all, _ := refused.doc.(map[string]any)["blockers"].([]any); len(all) != len(binders) {
		t.Errorf("%d blockers in %s", len(all), refused.text)
	}
	if after := h.snapshot(ada); after != before {
		t.Errorf("the refusals changed\n%s\nto\n%s", before, after)
	}
}

// promisedNot previews a deactivation that is not allowed.
func (h *house) promisedNot(id string) {
	h.Helper()
	h.same(h.api(200, "POST", "/users/"+id+"/deactivate?preview=true", "{}"), "allowed", "false")
}

// byImport is what `usher import --update` sends for a row.
func byImport(h *house, id string) verdict {
	name := h.user(id).at("userName")
	got := (&crowd{house: h}).socket("PATCH", "/scim/v2/Users/"+id, patchHead+`[{"op":"replace","value":{"userName":"`+name+`","active":false}}]}`, "Usher-Organization: default")
	return verdict{status: got.status, detail: got.text, ok: got.status == 200}
}

// K59: a row of an import that says that somebody is not active ends all their
// credentials, as every other way does.
func TestK59ImportEndsEveryCredential(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	const name = "row@elsewhere.example"
	id := s.person(name)
	k := s.keysOf(id, name)
	k.all("before", "true")
	way := door{"import", true, false, "user.deactivate", byImport}
	for range 2 { // again: nothing happens
		if got := way.knock(s.house, id); !got.ok {
			t.Fatalf("%+v", got)
		}
		k.all("at once", "false")
	}
	if n := s.audited("user.deactivate", id); n != 1 {
		t.Errorf("%d deactivations are audited", n)
	}
	s.comesBack(way, k, id)
}

// K59, S3-23: the link of a password reset, whether it was asked for by the person or
// made by an administrator, is dead after every way of a deactivation, and stays so
// when the person returns; who is inactive is sent no other.
func TestK59ResetLinkEndsAtEveryDoor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ways := append(doors(adminSecret), door{"import", true, false, "user.deactivate", byImport},
		door{"suspension", false, false, "", func(h *house, id string) verdict {
			return answered(h.try("POST", "/api/v1/users/"+id+"/suspend", adminSecret, ""))
		}})
	for i, way := range ways {
		name := fmt.Sprintf("p%d@example.com", i)
		id := h.person(name)
		h.accept(200, h.invite(id), "")
		session := h.api(201, "POST", "/users/"+id+"/credentials", `{"kind":"session"}`).at("secret")
		ask := func() int {
			t.Helper()
			h.wanted(202, "POST", "/api/v1/password-resets", "", `{"organization":"default","email":"`+name+`"}`)
			return h.audited("password.reset.request", id)
		}
		if n := ask(); n != 1 {
			t.Fatalf("%s: %d mails are on their way", way.name, n)
		}
		link := h.api(200, "POST", "/users/"+id+"/password-reset", "").at("token")
		complete := func(when string) {
			t.Helper()
			got := h.try("POST", "/api/v1/password-resets/complete", adminSecret, `{"organization":"default","token":"`+link+`","password":"correct horse battery"}`)
			if got.status != 403 {
				t.Errorf("%s, %s: the link is answered %d %s", way.name, when, got.status, got.text)
			}
			if when != "at once" && h.api(200, "POST", "/passwords/check", `{"email":"`+name+`","password":"correct horse battery"}`).at("ok") != "false" {
				t.Errorf("%s, %s: the password of a dead link opens the door", way.name, when)
			}
		}
		if got := way.knock(h, id); !got.ok {
			t.Fatalf("%s: %+v", way.name, got)
		}
		complete("at once")
		if before := h.audited("password.reset.request", id); ask() != before {
			t.Errorf("%s: who is out is sent another link", way.name)
		}
		if h.alive(session) != "false" {
			t.Errorf("%s: the session lives", way.name)
		}
		switch {
		case way.removes:
			id = h.api(201, "POST", "/users", `{"email":"`+name+`","sendInvitation":false}`).at("person/id")
		case way.event == "":
			h.api(200, "POST", "/users/"+id+"/resume", "")
		default:
			h.api(200, "POST", "/users/"+id+"/activate", "")
		}
		complete("after the return")
	}
}
