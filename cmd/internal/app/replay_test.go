package app_test

import (
	"fmt"
	"testing"
	"time"
)

// K23, K59, K17, R9: the first answer is given again to who still may have it alone. What
// a caller may not do uses up no key: it may be allowed a moment later.
func TestK23RepetitionsNeedWhatTheFirstTook(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	keeper := s.member("keeper", "admin", 10)
	record := fmt.Sprintf(`{"type":"opportunity","owner":%q,"open":true}`, keeper)
	post := func(status int, token, path, body, key string) reply {
		t.Helper()
		return s.wanted(status, "POST", "/api/v1"+path, token, body, "Idempotency-Key: "+key)
	}
	for name, end := range map[string]func(id string) (status int){
		"ada": func(id string) int { s.setActive(200, id, false); return 401 },
		"bob": func(id string) int { s.api(200, "PUT", "/users/"+id+"/standing", `{}`); return 403 },
		"cyd": func(id string) int { s.api(200, "POST", "/users/"+id+"/suspend", ""); return 401 },
	} {
		id, token := s.member(name, "admin", 10), s.as(name+"@corp.example")
		first := post(201, token, "/records", record, "k")
		if again := post(201, token, "/records", record, "k"); again.text != first.text || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: %s, then %s", name, first.text, again.text)
		}
		status := end(id)
		if got := post(status, token, "/records", record, "k"); got.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%s: %s", name, got.text)
		}
	}

	dan := s.member("dan", "admin", 10)
	token := func(at time.Duration) string {
		return s.issuer.Token(map[string]any{"sub": "dan@corp.example", "iat": time.Now().Add(-at).Unix()})
	}
	post(401, token(11*time.Minute), "/users/"+keeper+"/credentials", `{"kind":"session"}`, "k")
	post(201, token(time.Minute), "/users/"+keeper+"/credentials", `{"kind":"session"}`, "k")

	s.api(200, "PUT", "/users/"+dan+"/standing", `{"role":"auditor"}`)
	post(403, token(time.Minute), "/records", record, "later")
	s.api(200, "PUT", "/users/"+dan+"/standing", `{"role":"admin","rank":10}`)
	post(201, token(time.Minute), "/records", record, "later")
}

// K23: how things stand is asked anew each time, whatever key a client sends with it.
func TestK23QuestionsAreAskedAnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "corp.example")
	ada := h.person("ada@corp.example")
	reset := h.api(200, "POST", "/users/"+ada+"/password-reset", "").at("token")
	h.wanted(204, "POST", "/api/v1/password-resets/complete", "", `{"organization":"default","token":"`+reset+`","password":"correct horse battery"}`)
	session := h.api(201, "POST", "/users/"+ada+"/credentials", `{"kind":"session"}`)
	alive := func(want string) {
		t.Helper()
		h.same(h.api(200, "POST", "/introspect", "token="+session.at("secret"), "Content-Type: application/x-www-form-urlencoded", "Idempotency-Key: k"), "active", want)
	}
	right := func(want string) {
		t.Helper()
		h.same(h.api(200, "POST", "/passwords/check", `{"email":"ada@corp.example","password":"correct horse battery"}`, "Idempotency-Key: k"), "ok", want)
	}
	alive("true")
	right("true")
	h.api(204, "DELETE", "/credentials/"+session.at("id"), "")
	alive("false")
	h.setActive(200, ada, false)
	right("false")
}
