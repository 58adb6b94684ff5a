package app_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// S3-22, S3-23, S3-24, S3-25, S3-30: a reset is asked for by anybody with one and the same
// answer, its token works once and for a while, and ends every session.
func TestPasswordReset(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, gone := h.person("ada@example.com"), h.person("gone@example.com")
	h.setActive(200, gone, false)
	h.api(409, "POST", "/users/"+ada+"/password-reset", "") // pending: available after joining (S2-5)
	token := h.api(200, "POST", "/users/"+ada+"/invite", "").at("token")
	h.wanted(200, "POST", "/api/v1/invitations/accept", "", `{"organization":"default","token":"`+token+`"}`)

	var answers []string
	for _, address := range []string{"ada@example.com", "gone@example.com", "nobody@example.com"} {
		answers = append(answers, h.wanted(202, "POST", "/api/v1/password-resets", "", `{"organization":"default","email":"`+address+`"}`).text)
	}
	if answers[0] != answers[1] || answers[1] != answers[2] {
		t.Errorf("S3-30: the answers tell who is there: %q", answers)
	}
	if h.audited("password.reset.request", ada) != 1 || h.audited("password.reset.request", gone) != 0 {
		t.Error("S3-24: the mail is on its way to the wrong people")
	}

	session := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`).at("secret")
	first := h.api(200, "POST", "/users/"+ada+"/password-reset", "").at("token")
	second := h.api(200, "POST", "/users/"+ada+"/password-reset", "").at("token")
	complete := func(status int, token, password string) {
		t.Helper()
		h.wanted(status, "POST", "/api/v1/password-resets/complete", "", `{"organization":"default","token":"`+token+`","password":"`+password+`"}`)
	}
	check := func(password string) string {
		t.Helper()
		return h.api(200, "POST", "/passwords/check", `{"email":"ada@example.com","password":"`+password+`"}`).at("ok")
	}
	complete(400, second, "short")
	complete(403, first, "correct horse battery") // void since the second
	complete(204, second, "correct horse battery")
	complete(403, second, "another one entirely")
	if check("correct horse battery") != "true" || check("correct horse batterx") != "false" {
		t.Error("S3-25: the new password is not the one that holds")
	}
	if got := h.api(200, "POST", "/introspect", "token="+session, "Content-Type: application/x-www-form-urlencoded").at("active"); got != "false" {
		t.Error("S3-30: a session outlived the reset")
	}
	h.setActive(200, ada, false)
	if check("correct horse battery") != "false" {
		t.Error("S3-3: somebody deactivated can sign in")
	}
	if strings.Contains(h.user(ada).text, "argon2") {
		t.Error("the hash is shown")
	}
}

// K76, S3-30: how long the answer takes does not tell who is there.
func TestK76ForgettingTakesAsLongForEverybody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "corp.example")
	took := map[string][]time.Duration{}
	for i := range 11 {
		h.person(fmt.Sprintf("known%d@corp.example", i))
		for _, who := range []string{"known", "nobody"} {
			began := time.Now()
			h.wanted(202, "POST", "/api/v1/password-resets", "", fmt.Sprintf(`{"organization":"default","email":"%s%d@corp.example"}`, who, i))
			took[who] = append(took[who], time.Since(began))
		}
	}
	least := map[string]time.Duration{} // what else the machine does comes on top
	for who, all := range took {
		least[who] = slices.Min(all)
	}
	if known, nobody := least["known"], least["nobody"]; known > nobody+nobody/20 {
		t.Errorf("it takes %s for somebody and %s for nobody", known, nobody)
	}
}

// K58: a reset goes to the one address that is stored, whatever else the caller
// names; a link is redeemed once, also by two at the same moment, and not after its
// owner was deactivated. An invitation is no different.
func TestK58OneLinkOneAddressOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "corp.example")
	ada, bob := h.person("ada@corp.example"), h.person("bob@corp.example")
	invitation := func(id string) string { return h.api(200, "POST", "/users/"+id+"/invite", "").at("token") }
	once := func(what, path, body string, ok int) {
		t.Helper()
		var all sync.WaitGroup
		var done atomic.Int32
		for range 8 {
			all.Go(func() {
				got, err := h.call("POST", "http://"+h.cfg.Listen+"/api/v1"+path, "", body)
				if err != nil || got.status != ok && got.status != 403 && got.status != 409 {
					t.Errorf("%s: %d %s %v", what, got.status, got.text, err)
				}
				if got.status == ok {
					done.Add(1)
				}
			})
		}
		all.Wait()
		if done.Load() != 1 {
			t.Errorf("%s is redeemed %d times", what, done.Load())
		}
	}
	once("an invitation", "/invitations/accept", `{"organization":"default","token":"`+invitation(ada)+`"}`, 200)
	h.wanted(200, "POST", "/api/v1/invitations/accept", "", `{"organization":"default","token":"`+invitation(bob)+`"}`)
	for _, body := range []string{
		`{"organization":"default","email":["ada@corp.example","eve@evil.example"]}`,
		`{"organization":"default","email":"eve@evil.example","email":"ada@corp.example"}`,
		`{"organization":"default","email":"ada@corp.example","cc":"eve@evil.example"}`,
		`{"organization":"default","email":"ada@corp.example","Email":"eve@evil.example"}`,
		`{"organization":"default","email":"ada@corp.example,eve@evil.example"}`,
		`{"organization":"default","email":"ada@corp.example\neve@evil.example"}`,
		`{"organization":"default","email":"ada@corp.example eve@evil.example"}`,
	} {
		got, err := h.call("POST", "http://"+h.cfg.Listen+"/api/v1/password-resets", "", body)
		if err != nil || got.status >= 500 {
			t.Errorf("%s: %d %s %v", body, got.status, got.text, err)
		}
		if n := h.audited("password.reset.request", ada) + h.audited("password.reset.request", bob); n != 0 {
			t.Fatalf("a link is on its way after %s: %d %s", body, got.status, got.text)
		}
	}
	reset := func(id string) string {
		return `{"organization":"default","password":"correct horse battery","token":"` + h.api(200, "POST", "/users/"+id+"/password-reset", "").at("token") + `"}`
	}
	once("a reset", "/password-resets/complete", reset(ada), 204)
	late := reset(bob)
	h.setActive(200, bob, false)
	h.wanted(403, "POST", "/api/v1/password-resets/complete", "", late)
	invited := h.person("cyd@corp.example")
	late = invitation(invited)
	h.setActive(200, invited, false)
	h.wanted(403, "POST", "/api/v1/invitations/accept", "", `{"organization":"default","token":"`+late+`"}`)
}

// G9: who holds a role is deactivated by two people where the organization asks
// for it; the same one twice is not two.
func TestApprovalByTwo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.person("ada@example.com"), h.person("bob@example.com")
	for _, id := range []string{ada, bob} {
		token := h.api(200, "POST", "/users/"+id+"/invite", "").at("token")
		h.wanted(200, "POST", "/api/v1/invitations/accept", "", `{"organization":"default","token":"`+token+`"}`)
		h.api(200, "PUT", "/users/"+id+"/standing", `{"role":"admin","rank":10}`)
	}
	h.api(200, "PUT", "/settings", `{"twoPeople":true,"undoMinutes":30}`)
	refused := h.setActive(403, ada, false)
	if refused.header.Get("Usher-Error") != "approval.required" {
		t.Errorf("refused with %s", refused.header.Get("Usher-Error"))
	}
	h.api(200, "PUT", "/users/"+ada+"/approval", "")
	h.api(403, "POST", "/users/"+ada+"/deactivate", "{}") // the same credential is not a second person
	h.setActive(200, ada, false)
}
