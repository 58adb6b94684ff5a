package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// S1-7, S1-8, K67: a client that may not lift blocks does not do it by letting the person
// return with a purchase either, whatever the way of saying so; what it blocked itself,
// and any block where it has the right, it lifts.
func TestK67NoBlockIsLiftedByTheBox(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const patchOps = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`
	ways := func(name, id string) map[string][3]string {
		record := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `","` + usherUser + `":{"reactivateOnPurchase":true}}`
		return map[string][3]string{
			"by path":   {"PATCH", "/Users/" + id, fmt.Sprintf(patchOps, `{"op":"replace","path":"`+usherUser+`:reactivateOnPurchase","value":true}`)},
			"as text":   {"PATCH", "/Users/" + id, fmt.Sprintf(patchOps, `{"op":"add","value":{"`+usherUser+`":{"reactivateOnPurchase":"True"}}}`)},
			"by PUT":    {"PUT", "/Users/" + id, record},
			"and leave": {"PATCH", "/Users/" + id, fmt.Sprintf(patchOps, `{"op":"replace","value":{"active":false,"`+usherUser+`":{"reactivateOnPurchase":true}}}`)},
		}
	}
	n := 0
	for way := range ways("", "") {
		n++
		name := fmt.Sprintf("p%d@example.com", n)
		id := h.person(name)
		w := ways(name, id)[way]
		h.leaves(id, false)
		got := h.prov(403, w[0], w[1], w[2])
		h.same(got, "detail", "The address "+name+" is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses.")
		if got.header.Get("Usher-Error") != "email.blocked" {
			t.Errorf("%s: the code is %s", way, got.header.Get("Usher-Error"))
		}
		h.same(h.user(id), usherUser+"/blockListed", "true")
		h.buy(403, "no-"+name, name)

		h.setActive(403, id, true)
		h.api(200, "POST", "/users/"+id+"/activate", "")
		h.setActive(200, id, false) // now the block is the client's own
		h.prov(200, w[0], w[1], w[2])
		h.same(h.buy(201, "own-"+name, name), "outcome", "reactivated")

		h.leaves(id, false)
		h.connection(`,"mayLiftBlock":true`)
		h.prov(200, w[0], w[1], w[2])
		h.same(h.buy(201, "may-"+name, name), "outcome", "reactivated")
		h.connection("")
	}
}

// emails makes somebody's addresses others.
func (h *house) emails(status int, id, email string) reply {
	h.Helper()
	return h.patched(status, id, "emails", `[{"value":"`+email+`","primary":true}]`)
}

// shares adds people who all have an address.
func (h *house) shares(email string, names ...string) (ids []string) {
	h.Helper()
	for _, name := range names {
		ids = append(ids, h.prov(201, "POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"emails":[{"value":%q}]}`, name, email)).at("id"))
	}
	return ids
}

// S1-7, S3-21, K67: of two inactive people who have an address, one blocked with it and one
// who may return, the block counts, and goes on when who it was about is erased.
func TestK67BlockOfASharedAddressOutlivesItsPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i, c := range []struct {
		name, of, with string
		blockedFirst   bool
	}{
		{"a", "a@mail.example", "a@mail.example", true}, {"b", "b@mail.example", "b@mail.example", false},
		{"c", "c@mail.example", "c+shop@mail.example", true}, {"d", "d+shop@mail.example", "d@mail.example", true}, {"e", "e+shop@mail.example", "e@mail.example", false},
	} {
		ada, bob := h.shares(c.of, "ada"+c.name)[0], h.shares(c.with, "bob"+c.name)[0]
		leave := []func(){func() { h.leaves(ada, false) }, func() { h.leaves(bob, true) }}
		if !c.blockedFirst {
			leave[0], leave[1] = leave[1], leave[0]
		}
		leave[0]()
		leave[1]()
		address := c.name + "@mail.example"
		h.same(h.buy(403, fmt.Sprint("no", i), address), "code", "email.blocked")
		h.api(200, "GET", "/users/"+ada+"/export", "")
		h.api(200, "POST", "/users/"+ada+"/close", `{"confirm":"ada`+c.name+`"}`)
		h.same(h.address(address), "blocked", "true")
		h.same(h.user(bob), "active", "false")
		if text := h.api(200, "GET", "/addresses?limit=200", "").text; c.of != c.with && strings.Contains(text, `"user":"`+ada) {
			t.Errorf("%s is still named: %s", ada, text)
		}
		h.api(200, "POST", "/addresses/lift", `{"email":"`+address+`"}`)
		if got := h.try("GET", "/api/v1/addresses/"+address, adminSecret, ""); got.at("blocked") == "true" {
			t.Errorf("it stays blocked: %s", got.text)
		}
	}
}

// S1-8, K67: a block ends where it is lifted, not where an inactive person is given another
// address, nor where somebody else's departure or return is about the same address.
func TestK67BlockStaysWithItsAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.connection("")
	ada, bob, cyd := h.person("ada@mail.example"), h.person("bob@mail.example"), h.person("cyd@mail.example")
	h.leaves(ada, false)

	// Who left and has an address no longer.
	h.emails(200, ada, "new@mail.example")
	h.patched(200, ada, "userName", `"ada.new"`)
	for _, email := range []string{"ada@mail.example", "new@mail.example"} {
		h.buy(403, "no-"+email, email)
		h.prov(403, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"x","emails":[{"value":"`+email+`"}]}`)
	}

	// Who was deactivated by the client, and is given the address while inactive or on the
	// way out.
	h.setActive(200, bob, false)
	h.emails(200, bob, "new+2@mail.example")
	const leaving = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false,"emails":[{"value":"new+3@mail.example"}],"` + usherUser + `":{"reactivateOnPurchase":%t}}}]}`
	for _, returns := range []bool{false, true} {
		h.prov(200, "PATCH", "/Users/"+cyd, fmt.Sprintf(leaving, returns))
		for _, id := range []string{bob, cyd} {
			h.refused(h.setActive(403, id, true), "email.blocked", "The address new@mail.example is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses.")
		}
		h.buy(403, "shared", "new@mail.example")
		h.prov(403, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"y","emails":[{"value":"new@mail.example"}]}`)
		h.emails(200, cyd, "cyd@mail.example")
		h.setActive(200, cyd, true)
	}

	h.api(200, "POST", "/users/"+ada+"/activate", "")
	for _, email := range []string{"ada@mail.example", "new@mail.example"} { // S1-23
		h.buy(201, "yes-"+email, email)
	}
	h.setActive(200, bob, true)
}

// S1-5: the box decides about every spelling of an address, whenever it is ticked.
func TestS1BoxIsAboutEverySpelling(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("Jane.Doe+work@gmail.com")
	h.leaves(ada, false)
	for i, returns := range []bool{true, false} {
		h.api(200, "PATCH", "/users/"+ada, fmt.Sprintf(`{"reactivateOnPurchase":%t}`, returns))
		if !returns {
			h.buy(403, "no", "janedoe@gmail.com")
			continue
		}
		h.same(h.buy(201, fmt.Sprint("yes", i), "janedoe@gmail.com"), "outcome", "reactivated")
		h.leaves(ada, true)
	}
}

// S1-8, S1-24, K67, domain 3.2: a row of an import lets nobody in whose address is blocked,
// whether they are new or come back, unless an import has deactivated them.
func TestK67ImportLiftsNoBlock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := &crowd{house: h}
	const org = "Usher-Organization: default"
	active := func(id string, on bool) reply {
		return c.socket("PATCH", "/scim/v2/Users/"+id, fmt.Sprintf(patchHead+`[{"op":"replace","value":{"active":%t}}]}`, on), org)
	}
	ada, bob := h.person("ada@mail.example"), h.person("bob@mail.example")
	h.leaves(ada, false)
	const blocked = "The address ada@mail.example is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses."
	again := c.socket("POST", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":"x","emails":[{"value":"ada+x@mail.example"}]}`, userSchema), org)
	for i, got := range []reply{active(ada, true), again} {
		if got.status != 403 || !strings.Contains(got.text, blocked) {
			t.Errorf("%d: %d %s", i, got.status, got.text)
		}
	}
	h.same(h.address("ada@mail.example"), "blocked", "true")
	for _, on := range []bool{false, true} {
		if got := active(bob, on); got.status != 200 {
			t.Errorf("bob, active %t: %d %s", on, got.status, got.text)
		}
	}
	h.api(200, "POST", "/users/"+ada+"/activate", "")
	h.same(h.user(ada), "active", "true")
}
