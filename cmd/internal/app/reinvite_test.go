package app_test

import (
	"strings"
	"testing"
)

// T7 (S3-7): who was invited, never joined and is let in again is asked again, through
// whatever door; not who never was, who joined, or where the request says no.
func TestReturnInvitesAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := map[string]string{}
	for _, name := range []string{"one", "many", "scim", "planned", "told not", "never", "joined", "asked first"} {
		id[name] = h.api(201, "POST", "/users", `{"email":"`+strings.ReplaceAll(name, " ", ".")+`@mail.example","sendInvitation":false}`).at("person/id")
		if name != "never" && name != "asked first" {
			token := h.invite(id[name])
			if name == "joined" {
				h.accept(200, token, "")
			}
		}
		h.setActive(200, id[name], false)
	}
	preview := h.api(200, "POST", "/users/"+id["one"]+"/activate?preview=true", "")
	if !strings.Contains(preview.text, "invitation.queued") {
		t.Errorf("the preview does not tell of the invitation: %s", preview.text)
	}
	h.api(200, "POST", "/users/"+id["one"]+"/activate", "")
	h.api(200, "POST", "/users/activate", `{"ids":["`+id["many"]+`"]}`)
	h.setActive(200, id["scim"], true)
	plan := h.api(201, "POST", "/plans", `{"verb":"activate","ids":["`+id["planned"]+`"]}`).at("id")
	h.api(200, "POST", "/plans/"+plan+"/commit", "", "If-Match: *")
	h.api(200, "POST", "/users/"+id["told not"]+"/activate", `{"sendInvitation":false}`)
	h.api(200, "POST", "/users/activate", `{"ids":["`+id["never"]+`","`+id["joined"]+`"]}`)
	h.api(200, "POST", "/users/"+id["asked first"]+"/activate", `{"sendInvitation":true}`)
	for name, want := range map[string]string{"one": "notJoined", "many": "notJoined", "scim": "notJoined", "planned": "notJoined", "told not": "notInvited", "never": "notInvited", "joined": "joined", "asked first": "notJoined"} {
		if got := h.user(id[name]).at(usherUser + "/invitationState"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		queued := strings.Count(h.api(200, "GET", "/audit?limit=200&resource="+id[name], "").text, "invitation.queued")
		if (queued == 1) != (want == "notJoined") {
			t.Errorf("%s: %d invitations are queued", name, queued)
		}
	}

	// The most that may be sent is the most also where a client lets in and out.
	for range 4 {
		h.invite(id["scim"])
	}
	h.setActive(200, id["scim"], false)
	h.setActive(200, id["scim"], true)
	h.same(h.user(id["scim"]), usherUser+"/invitationState", "notInvited")
}

// T9: a conversion asks for the consent that is not there yet.
func TestConversionInvites(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tenant(t, "b")
	convert := func(name, body string, first func(id string)) string {
		h.account(name, "b")
		id := h.person(name)
		first(id)
		h.account(name, "")
		h.api(200, "POST", "/users/"+id+"/convert", body)
		return id
	}
	nothing := func(string) {}
	h.stands(convert("ada@mail.example", "", nothing), "pending", "notJoined", "active")
	h.stands(convert("bob@mail.example", `{"sendInvitation":false}`, nothing), "pending", "notInvited", "active")
	h.stands(convert("cyd@mail.example", "", func(id string) { h.accept(200, h.invite(id), "") }), "confirmed", "joined", "active")
	h.stands(convert("dan@corp.example", "", func(string) { h.owns("default", "corp.example") }), "confirmed", "notInvited", "active")
	idle := convert("eve@mail.example", "", func(id string) { h.setActive(200, id, false) })
	h.stands(idle, "pending", "notInvited", "inactive")
}
