package app_test

import (
	"strings"
	"testing"
)

// T11, S3-19: a preview of a closing foretells what another organization has against it,
// as the closing itself is refused; nothing is closed anywhere. What is refused is
// audited where it was refused, and the page about it can be read there.
func TestT11PreviewAsksEveryOrganization(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/settings", `{"selfClose":true}`)
	token := h.tenant(t, "b")
	b := h.adminOf("b")
	yan := h.person("yan@mail.example")
	h.accept(200, h.invite(yan), "")
	there := h.inOrg(201, token, "POST", "/Users", `{"userName":"yan@mail.example"}`).at("id")
	record := h.theirs(201, b, "POST", "/records", `{"type":"opportunity","owner":"`+there+`","open":true}`).at("id")
	path, typed := "/users/"+yan+"/close", `{"confirm":"yan@mail.example"}`

	early := h.api(409, "POST", path, typed)
	h.same(early, "code", "account.close")
	h.same(h.api(200, "GET", strings.TrimPrefix(early.at("instance"), "/api/v1"), ""), "event/action", "user.close.refused")
	h.same(h.api(200, "POST", path+"?preview=true", typed), "code", "account.close")
	h.api(200, "GET", "/users/"+yan+"/export", "")

	preview, refused := h.api(200, "POST", path+"?preview=true", typed), h.api(409, "POST", path, typed)
	h.same(preview, "allowed", "false")
	h.same(preview, "code", "deactivation.no_transferee")
	for _, member := range []string{"code", "detail", "blockers"} {
		h.same(refused, member, preview.at(member))
	}
	h.same(refused, "instance", "") // which nobody here could read
	if n := h.audited("user.close.refused", yan); n != 1 {
		t.Errorf("%d refusals in the audit, want 1", n)
	}
	noted := h.theirs(200, b, "GET", "/audit?resource="+there, "").text
	if n := strings.Count(noted, `"refused":["deactivation.no_transferee"]`); n != 1 {
		t.Errorf("%d refusals in the audit of the other organization, want 1: %s", n, noted)
	}
	h.inOrg(200, token, "GET", "/Users/"+there, "")

	h.theirs(200, b, "PUT", "/records/"+record, `{"type":"opportunity","owner":"`+there+`","open":false}`)
	h.same(h.api(200, "POST", path+"?preview=true", typed), "allowed", "true")
	h.same(h.api(200, "POST", path, typed), "done", "true")
	h.inOrg(404, token, "GET", "/Users/"+there, "")
}
