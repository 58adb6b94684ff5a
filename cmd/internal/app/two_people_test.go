package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// board is a house with an owner, two administrators and people, where two are needed.
type board struct {
	*staffed
	ids map[string]string
}

func newBoard(t *testing.T) *board {
	t.Helper()
	b := &board{newStaffed(t), map[string]string{}}
	for name, role := range map[string]string{"boss": "", "ada": "admin", "bob": "admin", "pat": "", "kim": "", "sam": "", "gone": ""} {
		b.ids[name] = b.person(name + "@example.com")
		if role != "" {
			b.api(200, "PUT", "/users/"+b.ids[name]+"/standing", `{"role":"admin","rank":10}`)
		}
	}
	b.api(200, "POST", "/organization/owner", `{"to":"`+b.ids["boss"]+`"}`)
	b.api(200, "PUT", "/settings", `{"brake":{"percent":20,"count":3,"minutes":10}}`)
	b.api(200, "POST", "/addresses/block", `{"email":"evil@example.com"}`)
	b.setActive(200, b.ids["gone"], false)
	b.twoPeople()
	return b
}

// twoPeople switches the rule on, which needs nobody else.
func (b *board) twoPeople() {
	b.Helper()
	b.as("ada@example.com", 200, "PUT", "/settings", `{"twoPeople":true}`)
}

// bid is something that needs two people: how it is asked for, and how it is allowed.
type bid struct {
	name                 string
	method, path, body   string
	allow, allowed, with string // method, path and body of the approval
	sentence             string
	done                 int
	undo                 func(b *board) // makes it possible once more
}

const another = " needs the approval of a second person; another administrator can give it, and the next attempt succeeds."

func bids(b *board) []bid {
	pat, kim, gone, sam := b.ids["pat"], b.ids["kim"], b.ids["gone"], b.ids["sam"]
	b.as("boss@example.com", 200, "POST", "/users/"+kim+"/hold", "")
	b.as("boss@example.com", 200, "POST", "/users/"+sam+"/hold", "")
	b.as("boss@example.com", 200, "DELETE", "/users/"+sam, "")
	block := func(email string) func(*board) {
		return func(b *board) { b.api(200, "POST", "/addresses/block", `{"email":"`+email+`"}`) }
	}
	return []bid{
		{"set a hold", "POST", "/users/" + pat + "/hold", "", "PUT", "/users/" + pat + "/approval?for=hold", "", "A legal hold on the data of pat@example.com" + another, 200,
			func(b *board) { b.as("boss@example.com", 200, "POST", "/users/"+pat+"/unhold", "") }},
		{"lift a hold", "POST", "/users/" + kim + "/unhold", "", "PUT", "/users/" + kim + "/approval?for=unhold", "", "Lifting the legal hold of kim@example.com" + another, 200,
			func(b *board) { b.as("boss@example.com", 200, "POST", "/users/"+kim+"/hold", "") }},
		{"lift the hold of who was removed", "POST", "/tombstones/" + sam + "/unhold", "", "PUT", "/users/" + sam + "/approval?for=unhold", "", "Lifting the legal hold of sam@example.com" + another, 200, nil},
		{"lift a block", "POST", "/addresses/lift", `{"email":"Evil+x@example.com"}`, "POST", "/addresses/approve", `{"email":"evil@example.com"}`, "Lifting the block of the address evil@example.com" + another, 200, block("evil@example.com")},
		{"add somebody blocked", "POST", "/users", `{"email":"evil@example.com"}`, "POST", "/addresses/approve", `{"email":"evil@example.com"}`, "Lifting the block of the address evil@example.com" + another, 201, nil},
		{"lift the block of who left", "POST", "/addresses/lift", `{"email":"gone@example.com"}`, "POST", "/addresses/approve", `{"email":"GONE@example.com"}`, "Lifting the block of the address gone@example.com" + another, 200,
			func(b *board) {
				b.setActive(200, gone, true)
				b.setActive(200, gone, false)
			}},
		{"let who left come back", "PATCH", "/users/" + gone, `{"reactivateOnPurchase":true}`, "PUT", "/users/" + gone + "/approval?for=unblock", "", "Lifting the block of the address gone@example.com" + another, 200,
			func(b *board) {
				b.as("ada@example.com", 200, "PATCH", "/users/"+gone, `{"reactivateOnPurchase":false}`)
			}},
		{"change the brake", "PUT", "/settings", `{"language":"en","brake":{"count":90}}`, "PUT", "/settings/approval", `{"brake":{"count":90}}`,
			"A change of the brake on deactivations, or of the rule that two people are needed, needs the approval of a second person; another administrator can give it for the same values, and the next attempt succeeds.", 200,
			func(b *board) { b.as("boss@example.com", 200, "PUT", "/settings", `{"brake":{"count":3}}`) }},
		{"switch the brake off", "PUT", "/settings", `{"brake":{"percent":0}}`, "PUT", "/settings/approval", `{"brake":{"percent":0},"language":"en"}`,
			"A change of the brake on deactivations, or of the rule that two people are needed, needs the approval of a second person; another administrator can give it for the same values, and the next attempt succeeds.", 200,
			func(b *board) { b.as("boss@example.com", 200, "PUT", "/settings", `{"brake":{"percent":20}}`) }},
		{"switch the rule off", "PUT", "/settings", `{"twoPeople":false}`, "PUT", "/settings/approval", `{"twoPeople":false}`,
			"A change of the brake on deactivations, or of the rule that two people are needed, needs the approval of a second person; another administrator can give it for the same values, and the next attempt succeeds.", 200,
			(*board).twoPeople},
	}
}

// Domain 3.6, 4.13: where the organization asks for two people, no administrator lifts a
// block, sets or lifts a legal hold, or changes the brake or the rule itself, on their own
// word, whatever the way; another one's word lets just that pass, once.
func TestTwoPeopleForOwnRequests(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	for _, c := range bids(b) {
		ask := func(name string, status int) reply {
			t.Helper()
			return b.as(name+"@example.com", status, c.method, c.path, c.body)
		}
		allow := func(name string) { t.Helper(); b.as(name+"@example.com", 200, c.allow, c.allowed, c.with) }
		refused := func(when, name string) {
			t.Helper()
			got := ask(name, 403)
			if got.at("code") != "approval.required" || got.at("detail") != c.sentence {
				t.Errorf("%s, %s: %s", c.name, when, got.text)
			}
		}
		preview := b.as("ada@example.com", 200, c.method, c.path+"?preview=true", c.body)
		b.same(preview, "allowed", "false")
		b.same(preview, "code", "approval.required")
		b.same(preview, "detail", c.sentence)
		b.same(preview, "blockers/0/fix/kind", "approve")
		if who := preview.at("blockers/0/fix/holders"); !strings.Contains(who, b.ids["bob"]) || !strings.Contains(who, b.ids["boss"]) || strings.Contains(who, b.ids["ada"]) {
			t.Errorf("%s: %s can allow it", c.name, who)
		}
		if href, _, _ := strings.Cut(preview.at("blockers/0/fix/href"), "#"); href != "/api/v1"+c.allowed {
			t.Errorf("%s is allowed at %s, the fix says %s", c.name, c.allowed, href)
		}
		refused("alone", "ada")
		allow("ada")
		refused("on their own word", "ada")
		b.as("bob@example.com", 200, c.allow, c.allowed+map[bool]string{true: "&", false: "?"}[strings.Contains(c.allowed, "?")]+"preview=true", c.with)
		allow("bob")
		refused("bob, who has allowed it himself", "bob")
		b.same(b.as("ada@example.com", 200, c.method, c.path+"?preview=true", c.body), "allowed", "true")
		ask("ada", c.done)
		if got := b.api(200, "GET", "/audit?limit=200&app="+b.ids["bob"], ""); !strings.Contains(got.text, `"approval.used","value":"`+b.ids["bob"]+`"`) {
			t.Errorf("%s: the audit does not tell who allowed it", c.name)
		}
		if c.undo == nil {
			continue
		}
		c.undo(b)
		refused("once more", "ada") // an approval is for one time
		ask("boss", c.done)         // the owner needs nobody
		c.undo(b)
	}
}

// Domain 3.6: what somebody allows is what they said, not what is like it; and clients,
// the owner and what else administrators do are not held up.
func TestTwoPeopleForWhatWasSaid(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	pat, gone := b.ids["pat"], b.ids["gone"]
	b.as("bob@example.com", 200, "PUT", "/users/"+pat+"/approval", "")
	b.as("bob@example.com", 200, "PUT", "/users/"+pat+"/approval?for=unhold", "")
	b.as("bob@example.com", 200, "PUT", "/users/"+gone+"/approval?for=hold", "")
	b.as("ada@example.com", 403, "POST", "/users/"+pat+"/hold", "")
	b.as("bob@example.com", 200, "PUT", "/settings/approval", `{"brake":{"count":5}}`)
	for _, body := range []string{`{"brake":{"count":6}}`, `{"brake":{"count":5,"percent":0}}`, `{"brake":{"count":5},"twoPeople":false}`, `{"brake":{"count":5,"revoke":true}}`} {
		b.same(b.as("ada@example.com", 403, "PUT", "/settings", body), "code", "approval.required")
	}
	b.same(b.as("ada@example.com", 200, "PUT", "/settings", `{"brake":{"count":5},"language":"fr"}`), "brake/count", "5")
	b.same(b.as("ada@example.com", 403, "POST", "/users/"+pat+"/hold", ""), "detail", "La conservation légale des données de pat@example.com demande l'accord d'une seconde personne ; un autre administrateur peut le donner, et la prochaine tentative réussira.")
	b.as("ada@example.com", 200, "PUT", "/settings", `{"language":"en","retentionDays":9,"undoMinutes":3}`)
	b.as("ada@example.com", 400, "PUT", "/settings/approval", `{"language":"fr"}`)
	b.as("ada@example.com", 404, "PUT", "/users/nobody/approval?for=hold", "")
	b.as("ada@example.com", 404, "POST", "/addresses/approve", `{"email":"good@example.com"}`)
	b.as("ada@example.com", 400, "PUT", "/users/"+pat+"/approval?for=ever", "")
	b.as("pat@example.com", 403, "PUT", "/users/"+pat+"/approval?for=hold", "")

	// Letting somebody in is not held up, and lifts what their leaving has blocked (S1-8, S1-23).
	b.as("ada@example.com", 200, "POST", "/users/"+gone+"/activate", "")
	b.same(b.user(gone), usherUser+"/blockListed", "")
	plus := b.person("plus+tag@example.com") // whose block is kept beside the record
	b.setActive(200, plus, false)
	b.as("ada@example.com", 200, "POST", "/users/"+plus+"/activate", "")
	// It lifts no block that stands by itself.
	b.as("ada@example.com", 200, "POST", "/users/"+gone+"/deactivate", "{}")
	b.as("ada@example.com", 200, "POST", "/addresses/block", `{"email":"gone@example.com"}`)
	b.same(b.as("ada@example.com", 403, "POST", "/users/"+gone+"/activate", ""), "code", "approval.required")
	b.as("bob@example.com", 200, "POST", "/addresses/approve", `{"email":"gone@example.com"}`)
	b.as("ada@example.com", 200, "POST", "/users/"+gone+"/activate", "")
	b.as("ada@example.com", 403, "PATCH", "/users/"+pat, `{"email":"evil@example.com"}`)
	// A client that may lift blocks does.
	b.connection(`,"mayLiftBlock":true`)
	b.person("evil@example.com")

	until := func(d time.Duration) string {
		return fmt.Sprintf(`{"until":%q}`, time.Now().Add(d).UTC().Format(time.RFC3339))
	}
	b.as("ada@example.com", 200, "PUT", "/brake-releases/default", until(23*time.Hour))
	got := b.as("ada@example.com", 403, "PUT", "/brake-releases/default", until(25*time.Hour))
	b.refused(got, "approval.required", "Where two people are needed, an administrator lets a connection past the brake for a day at most; choose an earlier end, or change the limits of the brake with the approval of a second person.")
	b.as("boss@example.com", 200, "PUT", "/brake-releases/default", until(1000*time.Hour))
	b.same(b.as("boss@example.com", 200, "PUT", "/settings", `{"twoPeople":false}`), "twoPeople", "")
	b.as("ada@example.com", 200, "PUT", "/brake-releases/default", until(1000*time.Hour))
	b.as("ada@example.com", 200, "POST", "/users/"+pat+"/hold", "")
	b.as("ada@example.com", 200, "PUT", "/settings", `{"brake":{"percent":0}}`)
}

// Domain 3.6, 4.13: where there is only one administrator and no owner, an administrator
// token of the operator's is the second, as with deactivations (G9).
func TestTheOnlyAdministratorIsNotLockedOut(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	ada, aud := s.person("ada@example.com"), s.person("aud@example.com")
	s.api(200, "PUT", "/users/"+ada+"/standing", `{"role":"admin","rank":10}`)
	s.api(200, "PUT", "/users/"+aud+"/standing", `{"role":"auditor","rank":1}`)
	s.as("ada@example.com", 200, "PUT", "/settings", `{"twoPeople":true}`)
	for _, c := range []struct{ method, path, body, allow, allowed, with string }{
		{"POST", "/users/" + aud + "/hold", "", "PUT", "/users/" + aud + "/approval?for=hold", ""},
		{"POST", "/users/" + aud + "/deactivate", "{}", "PUT", "/users/" + aud + "/approval", ""},
		{"PUT", "/settings", `{"twoPeople":false}`, "PUT", "/settings/approval", `{"twoPeople":false}`},
		{"PUT", "/settings", `{"twoPeople":true}`, "", "", ""},
		{"POST", "/organization/owner", `{"to":"` + ada + `"}`, "PUT", "/users/" + ada + "/approval?for=owner", ""},
	} {
		if c.allow == "" {
			s.as("ada@example.com", 200, c.method, c.path, c.body)
			continue
		}
		got := s.as("ada@example.com", 403, c.method, c.path, c.body)
		s.same(got, "code", "approval.required")
		s.same(got, "blockers/0/fix/holders", "")
		s.as("ada@example.com", 200, c.allow, c.allowed, c.with)
		s.as("ada@example.com", 403, c.method, c.path, c.body)
		s.api(200, c.allow, c.allowed, c.with)
		s.as("ada@example.com", 200, c.method, c.path, c.body)
	}
}

// Domain 3.6, 4.13: the owner needs no second person, so that nobody becomes the owner
// without one. What was allowed is that one person becomes it.
func TestNobodyBecomesTheOwnerAlone(t *testing.T) {
	t.Parallel()
	s := newStaffed(t)
	ids := map[string]string{}
	for _, name := range []string{"ada", "bob", "eve"} {
		ids[name] = s.person(name + "@example.com")
		s.api(200, "PUT", "/users/"+ids[name]+"/standing", `{"role":"admin","rank":10}`)
	}
	s.as("ada@example.com", 200, "PUT", "/settings", `{"twoPeople":true}`)
	gives := func(who, to string, status int) reply {
		t.Helper()
		return s.as(who+"@example.com", status, "POST", "/organization/owner", `{"to":"`+ids[to]+`"}`)
	}
	const sentence = "Making ada@example.com the owner of the organization" + another
	got := gives("ada", "ada", 403)
	s.refused(got, "approval.required", sentence)
	s.same(got, "blockers/0/fix/href", "/api/v1/users/"+ids["ada"]+"/approval?for=owner")
	s.refused(gives("bob", "ada", 403), "approval.required", sentence)
	s.same(s.as("ada@example.com", 200, "POST", "/organization/owner?preview=true", `{"to":"`+ids["ada"]+`"}`), "allowed", "false")
	s.as("ada@example.com", 200, "PUT", "/users/"+ids["ada"]+"/approval?for=owner", "")
	s.refused(gives("ada", "ada", 403), "approval.required", sentence) // on her own word
	s.as("bob@example.com", 200, "PUT", "/users/"+ids["ada"]+"/approval?for=owner", "")
	gives("ada", "eve", 403)
	s.same(gives("ada", "ada", 200), "role", "owner")
	s.same(gives("ada", "ada", 200), "role", "owner") // it is so already
	s.same(gives("ada", "eve", 200), "role", "owner") // what is hers to give
}

// S1-23, K03: a block is lifted by hand also where its person is gone, and with that of
// their record, in one change.
func TestBlocksAreLiftedByHand(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	h.setActive(200, ada, false)
	h.same(h.user(ada), usherUser+"/blockListed", "true")
	h.api(403, "POST", "/purchases", `{"id":"p1","email":"ada@example.com"}`)
	h.same(h.api(200, "POST", "/addresses/lift", `{"email":"ada@example.com"}`), "user", ada)
	h.same(h.user(ada), usherUser+"/blockListed", "")
	h.same(h.user(ada), usherUser+"/status", "inactive")
	h.same(h.api(201, "POST", "/purchases", `{"id":"p1","email":"ada@example.com"}`), "outcome", "recorded")
	h.api(404, "POST", "/addresses/lift", `{"email":"ada@example.com"}`)

	h.api(200, "DELETE", "/users/"+bob, "")
	h.api(403, "POST", "/purchases", `{"id":"p2","email":"bob@example.com"}`)
	h.same(h.api(200, "POST", "/addresses/lift", `{"email":"bob@example.com"}`), "blocked", "false")
	h.api(201, "POST", "/purchases", `{"id":"p2","email":"bob@example.com"}`)
	if n := h.api(200, "GET", "/audit?limit=200&action=block.lift", "").items(); n != 2 {
		t.Errorf("%d liftings are audited, want 2", n)
	}
}

// S1-7, 3.6: a block that somebody set by hand is not lifted by deactivating who has the
// address, nor made the block of whoever does that.
func TestABlockByHandOutlivesADeactivation(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	pat := b.ids["pat"]
	b.as("bob@example.com", 200, "POST", "/addresses/block", `{"email":"pat@example.com"}`)
	for _, leave := range []func(){
		func() { b.setActive(200, pat, false) },
		func() {
			b.as("ada@example.com", 200, "POST", "/users/"+pat+"/deactivate", `{"reactivateOnPurchase":true}`)
		},
	} {
		leave()
		b.same(b.api(403, "POST", "/purchases", `{"id":"p","email":"pat@example.com"}`), "code", "email.blocked")
		b.refused(b.setActive(403, pat, true), "email.blocked", "The address pat@example.com is blocked; an administrator can lift the block by activating its person, or on the list of blocked addresses.")
		b.same(b.as("ada@example.com", 403, "POST", "/users/"+pat+"/activate", ""), "code", "approval.required")
		b.as("boss@example.com", 200, "POST", "/users/"+pat+"/activate", "")
		b.as("bob@example.com", 200, "POST", "/addresses/block", `{"email":"pat@example.com"}`)
	}
}
