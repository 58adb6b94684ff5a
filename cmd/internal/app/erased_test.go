package app_test

import (
	"strings"
	"testing"
)

// gone wants nothing left that holds a text, such as an address.
func (h *house) gone(when, text string) {
	h.Helper()
	whole := h.everything()
	if at := strings.Index(whole, text); at >= 0 {
		h.Errorf("%s: %q is still there: …%q…", when, text, whole[max(0, at-200):min(len(whole), at+200)])
	}
}

// stone reports whether the tombstone of a person is there.
func (h *house) stone(id string) bool {
	h.Helper()
	return h.try("GET", "/api/v1/tombstones/"+id, adminSecret, "").status == 200
}

// turned waits until the clock has been round: what it erases at once is gone.
func (h *house) turned() {
	h.Helper()
	h.api(200, "PUT", "/settings", `{"retentionDays":0}`)
	id := h.person(h.api(200, "GET", "/audit?limit=1", "").at("items/0/event/id") + "@clock.example")
	h.prov(204, "DELETE", "/Users/"+id, "")
	h.api(200, "PUT", "/settings", `{"retentionDays":30}`)
	h.soon("the clock goes round", func() bool { return !h.stone(id) })
}

// closed closes the account of a person.
func (h *house) closed(id, userName string) {
	h.Helper()
	h.api(200, "GET", "/users/"+id+"/export", "")
	h.same(h.api(200, "POST", "/users/"+id+"/close", `{"confirm":"`+userName+`"}`), "done", "true")
}

// T11, domain 4.12: what an earlier record of a person left under a legal hold stays
// until the hold is lifted, whatever the person does meanwhile, with what is known by
// the address; and then it goes by itself, at once if the account was closed.
func TestT11AHoldOutlivesClosing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	const address = "zelda@quartz.example"
	add := func() string { return h.person(address, `,"displayName":"Zelda"`) }
	remove := func(hold bool) string {
		id := add()
		h.patched(200, id, "emails", `[{"value":"`+address+`","primary":true},{"value":"zelda@second.example"}]`)
		if hold {
			h.api(200, "POST", "/users/"+id+"/hold", "")
		}
		h.prov(204, "DELETE", "/Users/"+id, "")
		return id
	}
	held, free, also := remove(true), remove(false), remove(true)
	zelda := add()
	h.patched(200, zelda, "emails", `[{"value":"`+address+`","primary":true},{"value":"zelda@second.example"}]`)
	h.buy(201, "p1", address)
	h.buy(201, "p2", "zelda@second.example")
	h.closed(zelda, address)
	if !h.stone(held) || !h.stone(also) || h.stone(free) {
		t.Fatalf("after closing: %t %t %t", h.stone(held), h.stone(also), h.stone(free))
	}
	h.turned()
	stays := func(when, stone string) {
		t.Helper()
		h.same(h.api(200, "GET", "/tombstones/"+stone, ""), "legalHold", "true")
		h.same(h.api(200, "GET", "/purchases/p1", ""), "email", address)
		h.same(h.api(200, "GET", "/purchases/p2", ""), "email", "zelda@second.example")
	}
	stays("under the hold", held)
	h.api(200, "POST", "/tombstones/"+held+"/unhold", "")
	h.soon("the tombstone goes with the hold", func() bool { return !h.stone(held) })
	stays("under the other hold", also)
	h.api(200, "POST", "/tombstones/"+also+"/unhold", "")
	h.soon("the other goes with its hold", func() bool { return !h.stone(also) })
	h.gone("after both", "zelda")
	h.gone("after both", "quartz")
	h.same(h.api(200, "GET", "/purchases/p1", ""), "outcome", "recorded")
}

// T10, domain 4.12: without a closing the retention decides, which a hold interrupts and
// does not shorten. What was bought with the address stays, and so does what others have
// with it.
func TestT10AHoldAndTheRetention(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	remove := func(name, days string, hold bool) string {
		id := h.person(name)
		if hold {
			h.api(200, "POST", "/users/"+id+"/hold", "")
		}
		h.api(200, "PUT", "/settings", `{"retentionDays":`+days+`}`)
		h.prov(204, "DELETE", "/Users/"+id, "")
		return id
	}
	early, late := remove("early@mail.example", "30", true), remove("late@mail.example", "0", true)
	h.turned()
	if !h.stone(early) || !h.stone(late) {
		t.Error("the hold did not keep them")
	}
	h.api(200, "POST", "/tombstones/"+early+"/unhold", "")
	h.api(200, "POST", "/tombstones/"+late+"/unhold", "")
	h.soon("whose retention is over goes with the hold", func() bool { return !h.stone(late) })
	h.turned()
	if !h.stone(early) {
		t.Error("whose retention is not over is gone")
	}
}

// S1-7, S1-8, S3-21, K67: a block is an administrator's decision about an address, and
// erasing the person does not lift it: set by hand or by a deactivation, whether the
// account is closed, here or at home, or the retention ends. The address itself goes.
func TestK67ABlockOutlivesErasure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	const blocked = "is blocked, so the purchase is prevented; an administrator can lift the block."
	bars := func(when string, variants ...string) {
		t.Helper()
		for i, v := range variants {
			got := h.buy(403, "q-"+when+string(rune('a'+i)), v)
			if got.at("code") != "email.blocked" || !strings.HasSuffix(got.at("detail"), blocked) {
				t.Errorf("%s, %s: %s", when, v, got.text)
			}
		}
	}
	zelda := h.person("zelda@quartz.example")
	h.api(200, "POST", "/addresses/block", `{"email":"Zelda@quartz.example","reason":"zelda cheats"}`)
	h.closed(zelda, "zelda@quartz.example")
	h.gone("closed", "zelda")
	bars("closed", "zelda@quartz.example", "ZELDA+shop@Quartz.example")

	yan := h.person("yan+tag@opal.example")
	h.setActive(200, yan, false)
	h.patched(200, yan, "emails", `[{"value":"yan.new@opal.example"}]`)
	h.patched(200, yan, "userName", `"yan.new@opal.example"`)
	h.api(200, "POST", "/addresses/block", `{"email":"yan.two@opal.example"}`)
	h.api(200, "PUT", "/settings", `{"retentionDays":0}`)
	xim := h.prov(201, "POST", "/Users", `{"userName":"xim","active":false,"emails":[{"value":"yan.two@opal.example"}]}`).at("id")
	for _, id := range []string{yan, xim} {
		h.prov(204, "DELETE", "/Users/"+id, "")
	}
	h.soon("the retention ends", func() bool { return !h.stone(yan) && !h.stone(xim) })
	h.gone("the retention is over", "opal")
	bars("retention", "yan@opal.example", "Yan.Two+x@opal.example")
	const text = "The address yan.two@opal.example is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses."
	h.refused(h.prov(403, "POST", "/Users", `{"userName":"Yan.Two+x@opal.example"}`), "email.blocked", text)
	late := h.prov(201, "POST", "/Users", `{"userName":"late","active":false,"emails":[{"value":"yan.two@opal.example"}]}`).at("id")
	h.refused(h.setActive(403, late, true), "email.blocked", text)
	h.prov(204, "DELETE", "/Users/"+late, "")
	h.prov(201, "POST", "/Users", `{"userName":"yan@opal.example"}`) // by the client whose block it is
	h.buy(201, "after-yan", "yan@opal.example")
	h.prov(403, "POST", "/Users", `{"userName":"yan.two@opal.example"}`)

	h.same(h.address("zelda@quartz.example"), "blocked", "true")
	h.same(h.api(200, "GET", "/addresses", ""), "items", "[]")
	h.same(h.api(200, "POST", "/addresses/lift", `{"email":"Zelda+any@quartz.example"}`), "blocked", "false")
	h.api(404, "POST", "/addresses/lift", `{"email":"zelda@quartz.example"}`)
	h.buy(201, "lifted", "zelda@quartz.example")
	h.same(h.api(200, "POST", "/addresses/block", `{"email":"yan.two@opal.example","reason":"again"}`), "reason", "again")
	h.same(h.api(200, "GET", "/addresses", ""), "items/0/id", "yan.two@opal.example")
	h.same(h.api(200, "POST", "/addresses/lift", `{"email":"yan.two@opal.example"}`), "blocked", "false")
	h.buy(201, "lifted-two", "yan.two@opal.example")
	two := h.prov(201, "POST", "/Users", `{"userName":"yan.two@opal.example"}`).at("id")
	h.closed(two, "yan.two@opal.example")
	h.buy(201, "closed-two", "yan.two@opal.example") // what was lifted stays so
}

// S1-7, S1-8: a deactivation takes no block from an address that an administrator set,
// nor makes it one that the client may lift.
func TestS1ADepartureLeavesBlocksByHand(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@mail.example"), h.person("bob@mail.example")
	for _, name := range []string{"ada", "bob"} {
		h.api(200, "POST", "/addresses/block", `{"email":"`+name+`@mail.example"}`)
	}
	h.leaves(ada, true) // may return with a purchase
	h.same(h.address("ada@mail.example"), "blocked", "true")
	h.same(h.buy(403, "1", "ada@mail.example"), "code", "email.blocked")
	h.setActive(200, bob, false)
	h.setActive(403, bob, true)
	h.prov(204, "DELETE", "/Users/"+bob, "")
	h.prov(403, "POST", "/Users", `{"userName":"bob@mail.example"}`)
	h.api(200, "POST", "/users/"+ada+"/activate", "")
	h.buy(201, "2", "ada@mail.example")
}

// S1-7, T11: who closes the account at home takes no block along that another
// organization has set.
func TestK67ClosingElsewhereLiftsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	there := &elsewhere{h, h.tenant(t, "b"), h.adminOf("b")}
	vic := h.person("vic@mail.example")
	h.accept(200, h.invite(vic), "")
	id := h.inOrg(201, there.scim, "POST", "/Users", `{"userName":"vic@mail.example"}`).at("id")
	h.theirs(200, there.admin, "POST", "/users/"+id+"/deactivate", "{}")
	h.theirs(403, there.admin, "POST", "/purchases", `{"id":"1","email":"vic@mail.example"}`)
	h.closed(vic, "vic@mail.example")
	h.inOrg(404, there.scim, "GET", "/Users/"+id, "")
	h.gone("closed", "vic@mail")
	h.theirs(403, there.admin, "POST", "/purchases", `{"id":"2","email":"VIC+2@mail.example"}`)
	h.buy(201, "here", "vic@mail.example") // nobody blocked it here
}

// T11: what is known by an address that somebody else has too is not erased with one of
// them: a purchase, and what an earlier record left, which may be theirs.
func TestT11ClosingSparesWhatOthersHave(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	bob := h.person("bob@mail.example")
	h.prov(204, "DELETE", "/Users/"+bob, "")
	again := h.person("bob@mail.example")
	zelda := h.prov(201, "POST", "/Users", `{"userName":"zelda@mail.example","emails":[{"value":"zelda@mail.example","primary":true},{"value":"Bob+z@mail.example"}]}`).at("id")
	h.buy(201, "p1", "bob@mail.example")
	h.closed(zelda, "zelda@mail.example")
	h.gone("closed", "zelda")
	h.same(h.api(200, "GET", "/purchases/p1", ""), "email", "bob@mail.example")
	if !h.stone(bob) {
		t.Error("what is kept of somebody else is gone")
	}
	h.closed(again, "bob@mail.example")
	h.same(h.api(200, "GET", "/purchases/p1", ""), "email", "")
	if h.stone(bob) {
		t.Error("what an earlier record left is still there")
	}
	h.gone("closed too", "bob")
}
