package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// led is a house of one who leaves, ada, and of leaders who may receive her records.
type led struct {
	*staffed
	ids   map[string]string
	teams map[string]string // by the leader's name
}

// newLed makes a team for each leader, in this order, all with ada.
func newLed(t *testing.T, leaders ...string) *led {
	t.Helper()
	l := &led{newStaffed(t), map[string]string{}, map[string]string{}}
	for _, name := range append([]string{"ada", "boss"}, leaders...) {
		l.ids[name] = l.person(name + "@example.com")
	}
	l.api(200, "PUT", "/users/"+l.ids["boss"]+"/standing", `{"role":"admin","rank":10}`)
	for i, name := range leaders {
		l.teams[name] = l.team("Team "+name, l.ids[name], i+1, l.ids["ada"])
	}
	return l
}

// gone deactivates ada with so many open records, and is what was received of her.
func (l *led) gone(records int) string {
	l.Helper()
	for range records {
		l.opportunity(l.ids["ada"])
	}
	l.api(200, "POST", "/users/"+l.ids["ada"]+"/deactivate", "{}")
	return l.api(200, "GET", "/transfers?user="+l.ids["ada"], "").at("items/0/id")
}

// by asks as a member, by the first part of their name, with a token that is younger
// than any freeze, in whole seconds.
func (l *led) by(name string, status int, method, path string) reply {
	l.Helper()
	token := l.issuer.Token(map[string]any{"sub": name + "@example.com", "scope": "", "iat": time.Now().Add(5 * time.Second).Unix()})
	return l.wanted(status, method, "/api/v1"+path, token, "")
}

// have wants so many records with each person, such as "bob 2 cyd 0".
func (l *led) have(when string, want string) {
	l.Helper()
	var name string
	var n int
	for rest := want; rest != ""; {
		if _, err := fmt.Sscan(rest, &name, &n); err != nil {
			l.Fatal(err)
		}
		if got := l.owned(l.ids[name]); got != n {
			l.Errorf("%s: %s has %d records, want %s", when, name, got, want)
		}
		_, rest, _ = strings.Cut(rest, " ")
		_, rest, _ = strings.Cut(rest, " ")
	}
}

// open is how many transfers somebody sees.
func (l *led) open(name string) int {
	l.Helper()
	return l.by(name, 200, "GET", "/transfers").items()
}

// Domain 3.6, 4.11, S1-12: a leader who receives the records of who left is asked, and
// keeps them by accepting; nobody else can answer. Asking and answering are in the
// outbox in the commit of the change.
func TestLeaderAcceptsRecords(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob", "cyd")
	preview := l.api(200, "POST", "/users/"+l.ids["ada"]+"/deactivate?preview=true", "{}")
	if strings.Contains(preview.text, "answer.awaited") {
		t.Errorf("nothing is received, and it says: %s", preview.text)
	}
	id := l.gone(2)
	own := l.by("bob", 200, "GET", "/transfers")
	for path, want := range map[string]string{"items/0/id": id, "items/0/from": l.ids["ada"], "items/0/fromName": "ada@example.com", "items/0/to": l.ids["bob"], "items/0/state": "awaiting", "items/0/open": "2", "items/0/records": "", "items/0/blockers": "[]"} {
		l.same(own, path, want)
	}
	l.same(l.by("bob", 200, "GET", "/transfers/"+id), "records/1/type", "opportunity")
	if l.open("cyd") != 0 || l.open("boss") != 1 {
		t.Error("others see what is not theirs, or the administrator does not see it")
	}
	for _, answer := range []string{"/accept", "/decline"} {
		for _, name := range []string{"cyd", "boss"} {
			l.same(l.by(name, 403, "POST", "/transfers/"+id+answer), "code", "permission.denied")
		}
		l.same(l.api(403, "POST", "/transfers/"+id+answer, ""), "code", "permission.denied")
	}
	l.by("cyd", 403, "GET", "/transfers/"+id)
	l.as("bob@example.com", 403, "POST", "/transfers/"+id+"/give", `{"to":"`+l.ids["cyd"]+`"}`)

	before := l.contents()
	l.same(l.by("bob", 200, "POST", "/transfers/"+id+"/accept?preview=true"), "effects/0/code", "transfer.accepted")
	if l.contents() != before {
		t.Error("a preview changed something")
	}
	l.same(l.by("bob", 200, "POST", "/transfers/"+id+"/accept"), "effects/0/count", "2")
	l.have("accepted", "ada 0 bob 2 cyd 0")
	l.by("bob", 404, "POST", "/transfers/"+id+"/decline")
	if l.open("bob") != 0 || l.audited("transfer.accept", id) != 1 {
		t.Error("it is not settled, or not audited once")
	}
	told := l.api(200, "GET", "/outbox?limit=200", "").text
	for _, want := range []string{`{"code":"answer.awaited","value":"` + l.ids["bob"] + `","count":2}`, `{"code":"transfer.accepted","value":"` + l.ids["bob"] + `","count":2}`} {
		if !strings.Contains(told, want) {
			t.Errorf("the outbox lacks %s", want)
		}
	}
}

// Domain 3.6, 4.11, S1-20, T6: who declines passes the records on in the order of T6,
// who has declined being left out; where nobody is left they stay, and administrators
// see it and name somebody. Nothing is ever nobody's, or goes back to who left.
func TestLeaderDeclinesRecords(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob", "cyd", "dot", "eve")
	moved := l.opportunity(l.ids["ada"])
	id := l.gone(2)
	l.api(200, "PUT", "/records/"+moved, `{"type":"opportunity","owner":"`+l.ids["dot"]+`","open":true}`) // by hand
	l.api(200, "POST", "/users/"+l.ids["cyd"]+"/suspend", "")
	l.api(200, "PATCH", "/teams/"+l.teams["dot"], `{"leader":""}`)
	path := "/transfers/" + id
	before := l.contents()
	l.same(l.by("bob", 200, "POST", path+"/decline?preview=true"), "effects/1/value", l.ids["eve"])
	if l.contents() != before {
		t.Error("a preview changed something")
	}
	tag := l.by("bob", 200, "GET", path).header.Get("ETag")
	l.wanted(412, "POST", "/api/v1"+path+"/decline", l.signedIn("bob@example.com"), "", `If-Match: W/"9"`)
	got := l.wanted(200, "POST", "/api/v1"+path+"/decline", l.signedIn("bob@example.com"), "", "If-Match: "+tag)
	for i, want := range []string{"transfer.declined " + l.ids["bob"], "records.transferred " + l.ids["eve"], "answer.awaited " + l.ids["eve"]} {
		at := fmt.Sprintf("effects/%d/", i)
		if is := got.at(at+"code") + " " + got.at(at+"value"); is != want || got.at(at+"count") != "2" {
			t.Errorf("effect %d is %s, want %s", i, is, want)
		}
	}
	l.have("bob declined", "ada 0 bob 0 cyd 0 dot 1 eve 2")
	l.same(l.api(200, "GET", "/users/"+l.ids["ada"]+"/departures", ""), "items/0/transferredTo", l.ids["eve"])
	l.by("bob", 403, "POST", path+"/accept")

	// Ada is back, and the records are not for her to have.
	l.api(200, "POST", "/users/"+l.ids["ada"]+"/activate", "")
	l.api(200, "PATCH", "/teams/"+l.teams["dot"], `{"leader":"`+l.ids["ada"]+`"}`)
	l.same(l.by("eve", 200, "POST", path+"/decline"), "effects/1/code", "transfer.stuck")
	l.have("nobody is left", "ada 0 bob 0 cyd 0 dot 1 eve 2")
	stuck := l.by("boss", 200, "GET", "/transfers?state=declined")
	l.same(stuck, "items/0/state", "declined")
	l.same(stuck, "items/0/blockers/0/code", "transfer.no_transferee")
	l.same(stuck, "items/0/blockers/0/detail", "Whoever could be asked to keep these records has declined them; name somebody else to have them.")
	l.same(stuck, "items/0/blockers/0/fix/href", "/api/v1"+path+"/give")
	l.same(l.api(200, "GET", path, "", "Accept-Language: fr"), "blockers/0/detail", "Toutes les personnes à qui ces enregistrements pouvaient revenir les ont refusés ; désignez quelqu'un d'autre pour les recevoir.")
	l.same(l.by("boss", 200, "GET", "/transfers?state=awaiting"), "items", "[]")

	give := func(status int, to string) reply {
		t.Helper()
		return l.as("boss@example.com", status, "POST", path+"/give", `{"to":"`+to+`"}`)
	}
	const unfit = "The person named to receive the records is not an active member of the organization; name another one."
	for to, text := range map[string]string{l.ids["cyd"]: unfit, "nobody": unfit,
		l.ids["ada"]: "These records were left behind by this person; restore what they lost to give them back, or name somebody else."} {
		refused := give(409, to)
		l.same(refused, "code", "transfer.no_transferee")
		l.same(refused, "detail", text)
	}
	l.api(200, "POST", "/users/"+l.ids["cyd"]+"/resume", "")
	l.same(give(200, l.ids["cyd"]), "effects/1/code", "answer.awaited") // who leads a team is asked again
	l.same(l.by("cyd", 200, "POST", path+"/decline"), "effects/1/code", "transfer.stuck")
	give(200, l.ids["bob"]) // who has declined is not: an administrator's word is the last
	l.have("given", "ada 0 bob 2 cyd 0 dot 1 eve 0")
	if l.open("bob") != 0 {
		t.Error("bob is asked again")
	}
	give(404, l.ids["bob"])
}

// Domain 3.6, S1-13: who has no team is succeeded by the leaders of all, in their order;
// who is named and leads nothing is not asked.
func TestWhoIsAsked(t *testing.T) {
	t.Parallel()
	l := newLed(t)
	for i, name := range []string{"bob", "cyd"} {
		l.ids[name] = l.person(name + "@example.com")
		l.team("Team "+name, l.ids[name], i)
	}
	id := l.gone(1)
	l.by("bob", 200, "POST", "/transfers/"+id+"/decline")
	l.have("declined", "ada 0 bob 0 cyd 1")
	l.same(l.by("cyd", 200, "POST", "/transfers/"+id+"/decline"), "effects/1/code", "transfer.stuck")
	l.by("cyd", 200, "POST", "/transfers/"+id+"/accept") // minds may change
	l.have("accepted after all", "ada 0 bob 0 cyd 1")

	dot := l.person("dot@example.com")
	l.opportunity(dot)
	l.leavesTo(dot, l.ids["boss"])
	l.same(l.api(200, "GET", "/transfers", ""), "items", "[]")
	eve := l.person("eve@example.com")
	l.opportunity(eve)
	l.leavesTo(eve, l.ids["cyd"])
	l.same(l.by("cyd", 200, "GET", "/transfers"), "items/0/from", eve)
}

// C1, C6, 4.8: the undoing of a deactivation reaches records that were passed on, and
// nobody is asked about them any more; what an administrator has moved meanwhile stays.
func TestUndoAfterDeclining(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob", "cyd")
	moved := l.opportunity(l.ids["ada"])
	id := l.gone(2)
	l.api(200, "PUT", "/records/"+moved, `{"type":"opportunity","owner":"`+l.ids["boss"]+`","open":true}`)
	l.by("bob", 200, "POST", "/transfers/"+id+"/decline")
	l.have("declined", "ada 0 bob 0 cyd 2 boss 1")
	l.api(200, "POST", "/users/"+l.ids["ada"]+"/departures/"+id+"/undo", "")
	l.have("undone", "ada 2 bob 0 cyd 0 boss 1")
	l.by("cyd", 404, "POST", "/transfers/"+id+"/decline")
	if l.open("cyd") != 0 || l.open("boss") != 0 {
		t.Error("somebody is still asked")
	}

	id = l.gone(0)
	l.api(200, "POST", "/users/"+l.ids["ada"]+"/activate", "")
	l.api(200, "POST", "/users/"+l.ids["ada"]+"/departures/"+id+"/restore", `{"parts":["records"]}`)
	l.have("restored", "ada 2 bob 0")
	l.by("bob", 404, "POST", "/transfers/"+id+"/accept")
}

// Domain 3.6: the answer is about what is still there. A leader who has left is asked
// nothing, and what they had is asked of who has it now; records that were moved or
// closed are nobody's question.
func TestTransfersThatAreOver(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob", "cyd")
	record := l.opportunity(l.ids["ada"])
	id := l.gone(0)
	l.api(200, "PATCH", "/teams/"+l.teams["bob"], `{"leader":"`+l.ids["cyd"]+`"}`)
	l.team("All", l.ids["cyd"], 0, l.ids["bob"])
	token := l.signedIn("bob@example.com")
	l.api(200, "POST", "/users/"+l.ids["bob"]+"/deactivate", "{}")
	l.wanted(401, "POST", "/api/v1/transfers/"+id+"/decline", token, "")
	l.have("bob left", "ada 0 bob 0 cyd 1")
	l.api(404, "GET", "/transfers/"+id, "")
	own := l.by("cyd", 200, "GET", "/transfers")
	l.same(own, "items/0/from", l.ids["bob"])
	if own.items() != 1 || l.open("boss") != 1 {
		t.Errorf("asked twice: %s", own.text)
	}
	second := own.at("items/0/id")
	l.same(l.by("cyd", 200, "POST", "/transfers/"+second+"/decline?preview=true"), "effects/1/code", "transfer.stuck") // not to bob or ada
	l.api(200, "PUT", "/records/"+record, `{"type":"opportunity","owner":"`+l.ids["cyd"]+`","open":false}`)
	l.same(l.by("cyd", 200, "GET", "/transfers"), "items", "[]")
	l.same(l.by("cyd", 200, "POST", "/transfers/"+second+"/decline"), "effects/0/count", "0")
	l.same(l.api(200, "GET", "/records/"+record, ""), "owner", l.ids["cyd"])
	l.by("cyd", 404, "POST", "/transfers/"+second+"/accept")
}

// S3-21, T10, T11: who left may be removed or erased, the question stays, without their
// name; what was asked of who is erased goes. Their own export tells of it.
func TestTransfersOutliveErasure(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob", "cyd")
	l.api(200, "PUT", "/settings", `{"selfClose":true}`)
	closes := func(name string) {
		t.Helper()
		l.by(name, 200, "GET", "/users/"+l.ids[name]+"/export")
		l.as(name+"@example.com", 200, "POST", "/users/"+l.ids[name]+"/close", `{"confirm":"`+name+`@example.com"}`)
	}
	l.opportunity(l.ids["ada"])
	closes("ada")
	own := l.by("bob", 200, "GET", "/transfers")
	l.same(own, "items/0/from", l.ids["ada"])
	l.same(own, "items/0/fromName", "")
	id := own.at("items/0/id")
	l.same(l.by("bob", 200, "GET", "/users/"+l.ids["bob"]+"/export"), "transfers/0/id", id)
	l.by("bob", 200, "POST", "/transfers/"+id+"/decline")
	l.have("declined", "bob 0 cyd 1")

	for _, team := range []string{"bob", "cyd"} {
		l.api(200, "PATCH", "/teams/"+l.teams[team], `{"leader":"`+l.ids["boss"]+`"}`)
	}
	closes("cyd")
	l.api(404, "GET", "/transfers/"+id, "")
	l.api(404, "POST", "/transfers/"+id+"/give", `{"to":"`+l.ids["bob"]+`"}`)
	l.have("cyd closed", "boss 1")
	l.same(l.by("boss", 200, "GET", "/transfers"), "items/0/from", l.ids["cyd"])
	if n := l.by("boss", 200, "GET", "/transfers").items(); n != 1 {
		t.Errorf("%d transfers", n)
	}

	dan := l.person("dan@example.com")
	l.opportunity(dan)
	l.prov(204, "DELETE", "/Users/"+dan, "")
	l.same(l.by("boss", 200, "GET", "/transfers?user="+dan), "items/0/fromName", "dan@example.com") // until the retention is over
}

// K66, domain 3.6: two answers, an undoing and the departure of who is next, all at the
// same moment: one answer counts, what is undone is undone, and no record is left with
// somebody who is gone.
func TestAnswersAgainstRaces(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob", "cyd", "dot")
	record := l.opportunity(l.ids["ada"])
	token := l.signedIn("bob@example.com")
	ends := map[string]int{}
	for i := range 30 {
		id := l.gone(0)
		l.api(200, "PATCH", "/teams/"+l.teams["cyd"], `{"leader":""}`)
		var accepted, declined, undone, left int
		atOnce(func() { accepted = l.try("POST", "/api/v1/transfers/"+id+"/accept", token, "").status },
			func() { declined = l.try("POST", "/api/v1/transfers/"+id+"/decline", token, "").status },
			func() {
				if i%2 == 0 {
					undone = l.try("POST", "/api/v1/users/"+l.ids["ada"]+"/departures/"+id+"/undo", adminSecret, "").status
				}
			}, func() {
				if i%3 > 0 {
					l.try("PATCH", "/api/v1/teams/"+l.teams["cyd"], adminSecret, `{"leader":"`+l.ids["cyd"]+`"}`)
				}
				left = l.try("POST", "/api/v1/users/"+l.ids["cyd"]+"/deactivate", adminSecret, "{}").status
			})
		if accepted == 200 && declined == 200 {
			t.Fatalf("round %d: both answers count", i)
		}
		owner := l.api(200, "GET", "/records/"+record, "").at("owner")
		if undone == 200 && owner != l.ids["ada"] || l.standing(owner) != "active" || accepted > 409 || declined > 409 {
			t.Fatalf("round %d: accepted %d, declined %d, undone %d, left %d: the record is with %s, who is %s", i, accepted, declined, undone, left, owner, l.standing(owner))
		}
		ends[fmt.Sprint(accepted, declined, undone)]++
		for _, name := range []string{"cyd", "ada"} {
			l.api(200, "POST", "/users/"+l.ids[name]+"/activate", "")
		}
		l.api(200, "PATCH", "/teams/"+l.teams["cyd"], `{"leader":"`+l.ids["cyd"]+`"}`)
		for name, team := range l.teams {
			l.api(204, "PUT", "/teams/"+team+"/members/"+l.ids["ada"], "")
			l.api(204, "PUT", "/teams/"+team+"/members/"+l.ids[name], "")
		}
		l.api(200, "PUT", "/records/"+record, `{"type":"opportunity","owner":"`+l.ids["ada"]+`","open":true}`)
	}
	t.Logf("accepted, declined, undone: %v", ends)
}

// R12: no request holds a snapshot while it waits for another one: many that ask at once
// would wait for each other, and everybody for them.
func TestR12NobodyWaitsForASecondSnapshot(t *testing.T) {
	t.Parallel()
	l := newLed(t, "bob")
	id := l.gone(1)
	l.by("bob", 200, "POST", "/transfers/"+id+"/decline")
	l.same(l.api(200, "GET", "/transfers/"+id, ""), "state", "declined")
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/transfers", ""},
		{"GET", "/transfers/" + id, ""},
		{"PUT", "/brake-releases/default?preview=true", `{"until":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`},
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			together(64, func(int) {
				if got, err := l.call(c.method, "http://"+l.cfg.Listen+"/api/v1"+c.path, adminSecret, c.body); err != nil || got.status != 200 {
					t.Errorf("%s %s: %d %s %v", c.method, c.path, got.status, got.text, err)
				}
			})
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s %s, many times at once: they wait for each other", c.method, c.path)
		}
	}
}
